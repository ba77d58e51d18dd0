"""The report's charts: each takes plain numbers and gives an SVG with its words in one language.

All are at most 720 px wide and use colours of the page (``svg``); none relies on colour alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from basestone.reporting.numbers import quantity
from basestone.reporting.strings import Language
from basestone.reporting.svg import BAD, DOUBT, GOOD, INK, MUTED, NEUTRAL, SERIES, named_axis, short, to_svg, word

WIDTH = 620
CURVE_POINTS = 240
COLOURS = {"pass": GOOD, "fail": BAD, "inconclusive": DOUBT, "error": NEUTRAL, "waived": NEUTRAL}


def learning_curves(events: Sequence[Mapping[str, Any]], language: Language) -> str:
    """Loss, and accuracy where it was validated, by step; ``events`` are ``step`` and ``validation`` events."""
    names = [word("series_train", language), word("series_validation", language)]
    steps = [event for event in events if event["event"] == "step"]
    held_out = [event for event in events if event["event"] == "validation"]
    train = _thin([(event["step"], event["loss"]) for event in steps], curve_block(len(steps)))
    losses = [{"step": x, "y": y, "series": names[0]} for x, y in train]
    losses += [{"step": event["step"], "y": event["loss"], "series": names[1]} for event in held_out]
    panels: list[Any] = [_curve(losses, names, word("loss", language), language)]
    accuracy = [
        {"step": event["step"], "y": event["accuracy"], "series": names[1]}
        for event in held_out
        if event.get("accuracy") is not None
    ]
    if accuracy:
        panels.append(_curve(accuracy, names, word("accuracy", language), language))
    chart = alt.hconcat(*panels, spacing=28) if len(panels) > 1 else panels[0]
    return to_svg(chart, f"learning-{language}", word("chart_learning", language))


def curve_block(num_steps: int) -> int:
    """How many steps one point of the training curve averages over."""
    return max(1, -(-num_steps // CURVE_POINTS))


def latency_distribution(
    seconds: NDArray[np.float64], deadline_s: float | None, p99_bound_s: float | None, language: Language
) -> str:
    """The share of runs at least as fast as each latency, with the judged bound and the deadline (log scale)."""
    quantiles = np.linspace(0, 1, 201)
    rows = [
        {"ms": float(ms), "share": float(share)}
        for ms, share in zip(np.quantile(seconds, quantiles) * 1000, quantiles, strict=True)
    ]
    marks = [
        (p99_bound_s, f"{word('p99_bound', language)} {quantity(p99_bound_s, 's')}", INK),
        (deadline_s, word("deadline", language).format(t=quantity(deadline_s, "s")), BAD),
    ]
    edges = [row["ms"] for row in rows] + [at * 1000 for at, _, _ in marks if at]
    scale = alt.Scale(type="log", domain=[min(edges) * 0.9, max(edges) * 1.25], nice=False)
    middle = math.sqrt(min(edges) * max(edges))  # of a logarithmic axis
    x = alt.X("ms:Q", scale=scale, title=word("latency_ms", language), axis=alt.Axis(tickCount=8, format="~g"))
    y = alt.Y("share:Q", scale=alt.Scale(domain=[0, 1]), title=word("share_of_runs", language))
    base = alt.Chart(alt.Data(values=rows)).encode(x=x, y=y)
    layers: list[Any] = [
        base.mark_area(color=SERIES[0], opacity=0.12, interpolate="step-after"),
        base.mark_line(color=SERIES[0], strokeWidth=2, interpolate="step-after"),
    ]
    for place, (at, words, colour) in enumerate(marks):
        if at is not None:
            layers += _marker(at * 1000, words, colour, place, at * 1000 > middle, x)
    chart = alt.layer(*layers).properties(width=WIDTH, height=210)
    return to_svg(chart, f"latency-{language}", word("chart_latency", language))


def interval_chart(rows: Sequence[IntervalRow], language: Language) -> str:
    """Every criterion's value and bounds relative to its threshold, each row on a scale of its own."""
    values = [_relative(place, row) for place, row in enumerate(rows)]
    names = [f"{row.name}  {short(row.label, 30)}" for row in rows]
    axis = named_axis(names, 34 * 7, ticks=False)
    y = alt.Y("place:O", title=None, axis=axis)
    x = alt.X("value:Q", scale=alt.Scale(domain=[-1.12, 1.12], nice=False), title=None, axis=None)
    colour = alt.Color("verdict:N", scale=alt.Scale(domain=list(COLOURS), range=list(COLOURS.values())), legend=None)
    base = alt.Chart(alt.Data(values=values)).encode(y=y, color=colour)
    bars = base.mark_bar(height=7, opacity=0.35, cornerRadius=3).encode(x=alt.X("lower:Q", axis=None), x2="upper:Q")
    dots = base.mark_point(filled=True, size=58, opacity=1).encode(x=x)
    middle = alt.Chart(alt.Data(values=[{"value": 0}])).mark_rule(color=INK, strokeWidth=1.4).encode(x=x)
    ends = [
        {"value": -1.1, "words": f"◂ {word('worse', language)}"},
        {"value": 1.1, "words": f"{word('better', language)} ▸"},
    ]
    words = [
        alt.Chart(alt.Data(values=[end]))
        .mark_text(align=align, color=MUTED)
        .encode(x=x, y=alt.value(-9), text="words:N")
        for end, align in zip(ends, ("left", "right"), strict=True)
    ]
    chart = alt.layer(middle, bars, dots, *words).properties(width=380, height=24 * len(rows))
    return to_svg(chart, f"intervals-{language}", word("chart_intervals", language))


@dataclass(frozen=True, kw_only=True)
class IntervalRow:
    """One row of ``interval_chart``; a bound that does not exist is None."""

    name: str
    label: str
    verdict: str
    value: float
    lower: float | None
    upper: float | None
    threshold: float
    higher_is_better: bool


def _relative(place: int, row: IntervalRow) -> dict[str, Any]:
    """The row as distances from its threshold over the largest of them, positive where better."""
    sign = 1 if row.higher_is_better else -1
    known = [bound for bound in (row.value, row.lower, row.upper) if bound is not None]
    reach = max(abs(bound - row.threshold) for bound in known) or 1.0
    lower, upper = (
        sign * (bound - row.threshold) / reach if bound is not None else end
        for bound, end in ((row.lower, -sign * 1.12), (row.upper, sign * 1.12))
    )
    value = sign * (row.value - row.threshold) / reach
    return {"place": place, "value": value, "lower": lower, "upper": upper, "verdict": row.verdict}


def stage_timeline(stages: Sequence[tuple[str, float]], language: Language) -> str:
    """One bar a stage, each beginning where the one before it ended; ``stages`` are (id, seconds) in order."""
    ends = np.cumsum([seconds for _, seconds in stages])
    rows = [
        {"place": place, "start": float(end - seconds), "end": float(end), "words": quantity(seconds, "s")}
        for place, ((_, seconds), end) in enumerate(zip(stages, ends, strict=True))
    ]
    names = [name for name, _ in stages]
    y = alt.Y("place:O", title=None, axis=named_axis([short(name, 24) for name in names], 190, ticks=False))
    base = alt.Chart(alt.Data(values=rows)).encode(y=y)
    top = max(float(ends[-1]), 1e-9)
    scale = alt.Scale(domain=[0, top * 1.25], nice=False)
    bars = base.mark_bar(color=SERIES[0], height=16, cornerRadius=3).encode(
        x=alt.X("start:Q", scale=scale, title=word("seconds", language), axis=alt.Axis(tickCount=6)), x2="end:Q"
    )
    words = base.mark_text(align="left", dx=6).encode(x="end:Q", text="words:N")
    chart = (bars + words).properties(width=WIDTH - 80, height=30 * len(rows))
    return to_svg(chart, f"stages-{language}", word("chart_stages", language))


def _curve(rows: list[dict[str, Any]], names: list[str], title: str, language: Language) -> alt.TopLevelMixin:
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("step:Q", title=word("step", language), axis=alt.Axis(tickCount=5, format="~s", grid=False)),
        y=alt.Y("y:Q", title=title, scale=alt.Scale(zero=False)),
        color=alt.Color("series:N", scale=alt.Scale(domain=names, range=[SERIES[0], SERIES[1]])),
        strokeDash=alt.StrokeDash("series:N", scale=alt.Scale(domain=names, range=[[1, 0], [6, 3]])),
    )
    return alt.layer(base.mark_line(strokeWidth=1.8)).properties(width=280, height=200)


def _marker(at: float, words: str, colour: str, place: int, to_the_left: bool, x: alt.X) -> list[alt.Chart]:
    data = alt.Data(values=[{"ms": at, "words": words}])
    rule = alt.Chart(data).mark_rule(color=colour, strokeWidth=1.6, strokeDash=[2, 0] if place else [5, 3]).encode(x=x)
    text = alt.Chart(data).mark_text(
        color=colour, align="right" if to_the_left else "left", dx=-6 if to_the_left else 6, fontSize=12
    )
    return [rule, text.encode(x=x, y=alt.value(60 + 24 * place), text="words:N")]


def _thin(points: list[tuple[int, float]], block: int) -> list[tuple[float, float]]:
    """Means over consecutive blocks."""
    blocks = (points[start : start + block] for start in range(0, len(points), block))
    return [(part[-1][0], sum(y for _, y in part) / len(part)) for part in blocks]
