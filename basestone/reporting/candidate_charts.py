"""The ways of running a compressed model that were tried: latency, accuracy and size at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt

from basestone.reporting.numbers import quantity
from basestone.reporting.strings import Language
from basestone.reporting.svg import INK, MUTED, SERIES, to_svg, word


def candidates_chart(candidates: Mapping[str, Any], shipped: str | None, language: Language) -> str:
    """Accuracy by latency (log scale), one panel a batch size; marks as large as files, on the front filled.

    ``candidates`` as in ``candidates.json``; ``shipped`` is the name of the one that was chosen.
    """
    panels = [_panel(candidates, int(size), front, shipped, language) for size, front in candidates["pareto"].items()]
    chart = alt.hconcat(*panels, spacing=28) if len(panels) > 1 else panels[0]
    return to_svg(chart, f"candidates-{language}", word("chart_candidates", language))


def _panel(candidates: Mapping[str, Any], size: int, front: list[str], shipped: str | None, language: Language) -> Any:
    timed = [probe for probe in candidates["probes"] if probe["latency_s"]]
    rows = [
        {
            "ms": probe["latency_s"][str(size)] * 1e3,
            "accuracy": probe["accuracy"],
            "bytes": probe["size_bytes"],
            "kind": word("on_front" if probe["name"] in front else "beaten", language),
            "words": ("★ " if probe["name"] == shipped else "") + probe["name"],
            "place": place,
        }
        for place, probe in enumerate(sorted(timed, key=lambda probe: probe["latency_s"][str(size)]))
    ]
    times, scores = [row["ms"] for row in rows], [row["accuracy"] for row in rows]
    margin = max(0.004, (max(scores) - min(scores)) * 0.35)
    x = alt.X(
        "ms:Q",
        scale=alt.Scale(type="log", domain=[min(times) / 1.6, max(times) * 2.2], nice=False),
        title=f"{word('latency_ms', language)} · {word('batch_of', language).format(n=size)}",
        axis=alt.Axis(tickCount=5, format="~g"),
    )
    y = alt.Y(
        "accuracy:Q",
        scale=alt.Scale(domain=[min(scores) - margin, min(1.0, max(scores) + margin)], nice=False),
        title=word("accuracy", language),
        axis=alt.Axis(format=".1%", tickCount=5),
    )
    kinds = [word("on_front", language), word("beaten", language)]
    base = alt.Chart(alt.Data(values=rows)).encode(x=x, y=y)
    marks = base.mark_point(filled=True, opacity=0.85).encode(
        size=alt.Size("bytes:Q", scale=alt.Scale(range=[60, 420]), legend=None),
        color=alt.Color("kind:N", scale=alt.Scale(domain=kinds, range=[SERIES[0], MUTED]), title=None),
        shape=alt.Shape("kind:N", scale=alt.Scale(domain=kinds, range=["circle", "diamond"]), title=None),
    )
    above, below = (
        alt.Chart(alt.Data(values=[row for row in rows if row["place"] % 2 == side]))
        .mark_text(color=INK, fontSize=10, dy=-13 if side else 15)
        .encode(x=x, y=y, text="words:N")
        for side in (0, 1)
    )
    return alt.layer(marks, above, below).properties(width=300 if len(candidates["pareto"]) > 1 else 600, height=230)


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
