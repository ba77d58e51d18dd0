"""The ways of running a compressed model that were tried: latency, accuracy and size at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt

from basestone.reporting.numbers import quantity
from basestone.reporting.strings import Language
from basestone.reporting.svg import INK, MUTED, SERIES, named_axis, to_svg, word


def candidates_chart(candidates: Mapping[str, Any], shipped: str | None, language: Language) -> str:
    """A row a candidate, the fastest first: latency on a log scale, accuracy and size in words; one panel a batch size.

    ``candidates`` as in ``candidates.json``; ``shipped`` is the name of the one that was chosen.
    """
    panels = [_panel(candidates, size, front, shipped, language) for size, front in candidates["pareto"].items()]
    chart = alt.vconcat(*panels, spacing=24) if len(panels) > 1 else panels[0]
    return to_svg(chart, f"candidates-{language}", word("chart_candidates", language))


def _panel(candidates: Mapping[str, Any], size: str, front: list[str], shipped: str | None, language: Language) -> Any:
    measured = (probe for probe in candidates["probes"] if probe["latency_s"])
    timed = sorted(measured, key=lambda probe: probe["latency_s"][size])
    kinds = [word("on_front", language), word("beaten", language)]
    rows = [
        {
            "place": place,
            "ms": probe["latency_s"][size] * 1e3,
            "kind": kinds[0] if probe["name"] in front else kinds[1],
            "words": f"{probe['accuracy']:.2%} · {quantity(probe['size_bytes'], 'B')}",
        }
        for place, probe in enumerate(timed)
    ]
    names = [("★ " if probe["name"] == shipped else "") + probe["name"] for probe in timed]
    times = [row["ms"] for row in rows]
    title = f"{word('latency_ms', language)} · {word('batch_of', language).format(n=size)}"
    scale = alt.Scale(type="log", domain=[min(times) / 1.3, max(times) * 4], nice=False)
    x = alt.X("ms:Q", scale=scale, title=title, axis=alt.Axis(tickCount=6, format="~g"))
    y = alt.Y("place:O", title=None, axis=named_axis(names, 150, ticks=False))
    base = alt.Chart(alt.Data(values=rows)).encode(x=x, y=y)
    marks = base.mark_point(filled=True, size=70, opacity=1).encode(
        color=alt.Color("kind:N", scale=alt.Scale(domain=kinds, range=[SERIES[0], MUTED]), title=None),
        shape=alt.Shape("kind:N", scale=alt.Scale(domain=kinds, range=["circle", "diamond"]), title=None),
    )
    words = base.mark_text(align="left", dx=10, color=INK).encode(text="words:N")
    return alt.layer(marks, words).properties(width=470, height=26 * len(rows))


def candidate_words(probe: Mapping[str, Any], language: Language) -> str:
    """What became of one candidate, on one line."""
    if probe["outcome"] != "measured":
        return f"{word(probe['outcome'], language)}: {probe['reason']}"
    times = ", ".join(
        f"{quantity(seconds, 's')} ({word('batch_of', language).format(n=size)})"
        for size, seconds in probe["latency_s"].items()
    )
    kept = word("keeps_of_parent", language).format(
        value=f"{probe['retention']:.4f}", lower=f"{probe['retention_lower']:.4f}"
    )
    return f"{times} · {quantity(probe['size_bytes'], 'B')} · {probe['accuracy']:.2%} · {kept}"
