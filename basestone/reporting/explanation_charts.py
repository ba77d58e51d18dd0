"""The chart of explanations that were put to the test. As ``charts``, it gives one language's SVG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from basestone.reporting.strings import Language
from basestone.reporting.svg import MUTED, SERIES, to_svg, word

KINDS = (("explanation", "least"), ("explanation", "most"), ("random", "least"))  # random orders: one way is enough


def relevance_curves(rows: Sequence[dict[str, Any]], language: Language) -> str:
    """Mean probability of the explained class by the share that is covered; ``rows``: ``faithfulness.curves``."""
    names = {kind: word(f"order_{kind[0]}_{kind[1]}", language) for kind in KINDS}
    values = [
        {"covered": row["covered"], "probability": row["probability"], "series": names[row["order"], row["first"]]}
        for row in rows
        if (row["order"], row["first"]) in names
    ]
    order = list(names.values())
    base = alt.Chart(alt.Data(values=values)).encode(
        x=alt.X("covered:Q", title=word("covered", language), axis=alt.Axis(format=".0%", tickCount=5, grid=False)),
        y=alt.Y("probability:Q", title=word("class_probability", language), scale=alt.Scale(domain=[0, 1])),
        color=alt.Color("series:N", scale=alt.Scale(domain=order, range=[SERIES[0], SERIES[1], MUTED])),
        strokeDash=alt.StrokeDash("series:N", scale=alt.Scale(domain=order, range=[[1, 0], [6, 3], [2, 2]])),
    )
    chart = base.mark_line(strokeWidth=2).properties(width=420, height=220)
    return to_svg(chart, f"relevance-{language}", word("chart_relevance", language))
