"""Accuracy by group: one panel a column that travels with the samples, each value with its bounds; and what it costs.

A remedy for unequal treatment may cost accuracy. The second chart has both, of the audited model and of those beside
it, so that one sees which is beaten in both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from basestone.reporting.strings import Language
from basestone.reporting.svg import INK, MUTED, SERIES, named_axis, short, to_svg, word

MOST_VALUES = 20  # of one column; those with the lowest accuracy are shown

Groups = Mapping[str, Mapping[str, Mapping[str, Any]]]


def groups_chart(groups: Groups, overall: float, language: Language) -> str:
    """``groups``: column → value → ``{n, accuracy, lower, upper}``; a dashed line marks the ``overall`` accuracy."""
    lowest = min(one["lower"] for values in groups.values() for one in values.values())
    scale = alt.Scale(domain=[max(0.0, lowest - 0.05), 1.0], nice=False, zero=False)
    panels = [_panel(name, shown(values), overall, scale, language) for name, values in groups.items()]
    chart = alt.vconcat(*panels, spacing=14)
    return to_svg(chart, f"groups-{language}", word("chart_groups", language))


def shown(values: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    """The values of one column from the lowest accuracy on, at most ``MOST_VALUES``."""
    return sorted(values.items(), key=lambda item: (item[1]["accuracy"], item[0]))[:MOST_VALUES]


def _panel(
    name: str, values: list[tuple[str, Mapping[str, Any]]], overall: float, scale: alt.Scale, language: Language
) -> alt.LayerChart | alt.FacetChart:
    rows = [
        {
            "place": place,
            "accuracy": one["accuracy"],
            "lower": one["lower"],
            "upper": one["upper"],
            "words": f"{one['accuracy']:.1%} · n = {one['n']:,}",
        }
        for place, (_, one) in enumerate(values)
    ]
    labels = [short(value, 24) for value, _ in values]
    x = alt.X("lower:Q", scale=scale, title=word("accuracy", language), axis=alt.Axis(format=".0%", tickCount=5))
    base = alt.Chart(alt.Data(values=rows), title=alt.TitleParams(name, anchor="start")).encode(
        y=alt.Y("place:O", title=None, axis=named_axis(labels, 150, ticks=False))
    )
    bars = base.mark_rule(color=SERIES[0], strokeWidth=2, opacity=0.55).encode(x=x, x2="upper:Q")
    points = base.mark_point(filled=True, size=64, color=SERIES[0], opacity=1).encode(
        x=alt.X("accuracy:Q", scale=scale)
    )
    words = base.mark_text(align="left", color=INK).encode(x=alt.value(430), text="words:N")
    line = (
        alt.Chart(alt.Data(values=[{"overall": overall}]))
        .mark_rule(color=MUTED, strokeDash=[5, 4])
        .encode(x=alt.X("overall:Q", scale=scale))
    )
    return alt.layer(line, bars, points, words).properties(width=420, height=24 * len(rows))


def fair_front_chart(rows: Sequence[Mapping[str, Any]], language: Language) -> str:
    """``rows``: ``{name, value, lower, upper, gap: {value, lower, upper}}`` a model; grey is beaten in both.

    Upwards the accuracy, to the right the largest gap between two groups, each with its bounds.
    """
    kinds = [word("on_front", language), word("beaten", language)]
    spots = [
        {
            "name": row["name"],
            **{side: row[side] for side in ("value", "lower", "upper")},
            **{f"gap_{side}": row["gap"][side] for side in ("value", "lower", "upper")},
            "kind": kinds[beaten(row, rows)],
        }
        for row in rows
    ]
    percent = alt.Axis(format=".0%", tickCount=5)
    across = alt.Scale(domain=[0, min(1.0, max(spot["gap_upper"] for spot in spots) + 0.02)], nice=False)
    lowest = max(0.0, min(spot["lower"] for spot in spots) - 0.02)
    up = alt.Scale(domain=[lowest, min(1.0, max(spot["upper"] for spot in spots) + 0.02)], nice=False, zero=False)
    x = alt.X("gap_value:Q", scale=across, title=word("largest_gap", language), axis=percent)
    y = alt.Y("value:Q", scale=up, title=word("accuracy", language), axis=percent)
    color = alt.Color("kind:N", scale=alt.Scale(domain=kinds, range=[SERIES[0], MUTED]), title=None)
    base = alt.Chart(alt.Data(values=spots)).encode(color=color)
    layers = [
        base.mark_rule(opacity=0.5).encode(x=alt.X("gap_lower:Q", scale=across), x2="gap_upper:Q", y=y),
        base.mark_rule(opacity=0.5).encode(y=alt.Y("lower:Q", scale=up), y2="upper:Q", x=x),
        base.mark_point(filled=True, size=80, opacity=1).encode(x=x, y=y),
        base.mark_text(align="left", dx=9, dy=-9).encode(x=x, y=y, text="name:N", color=alt.value(INK)),
    ]
    chart = alt.layer(*layers).properties(width=460, height=280)
    return to_svg(chart, f"fair-front-{language}", word("chart_fair_front", language))


def beaten(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether another row is at least as good in accuracy and in gap, and better in one of them."""
    own = (row["value"], -row["gap"]["value"])
    others = [(other["value"], -other["gap"]["value"]) for other in rows]
    return any(other[0] >= own[0] and other[1] >= own[1] and other != own for other in others)
