"""Charts of what a detector finds. As ``charts``, they give one language's SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from basestone.reporting.strings import Language
from basestone.reporting.svg import PAPER, SERIES, named_axis, short, to_svg, word

OVERLAPS = {"map50": "≥ 0.5", "map50_95": "0.5 … 0.95"}


def class_precision(measured: Mapping[str, Mapping[str, Any]], class_names: Sequence[str], language: Language) -> str:
    """Average precision of each class at an overlap of 0.5, and over all overlaps; classes without objects are absent.

    ``measured``: the measurements ``map50`` and ``map50_95``, or one of them.
    """
    rows = [
        {"row": place, "overlap": OVERLAPS[name], "value": value, "shown": f"{value:.3f}"}
        for name in OVERLAPS
        if name in measured
        for place, value in enumerate(measured[name]["detail"]["by_class"])
        if value is not None
    ]
    order = list(OVERLAPS.values())
    names = [short(name) for name in class_names]
    base = alt.Chart(alt.Data(values=rows)).encode(
        y=alt.Y("row:O", title=None, axis=named_axis(names, 150)),
        yOffset=alt.YOffset("overlap:N", sort=order),
        x=alt.X("value:Q", scale=alt.Scale(domain=[0, 1]), title=word("average_precision", language)),
    )
    colour = alt.Color("overlap:N", sort=order, scale=alt.Scale(domain=order, range=list(SERIES[:2])))
    bars = base.mark_bar(stroke=PAPER, strokeWidth=1).encode(color=colour)
    numbers = base.mark_text(align="left", dx=4).encode(text="shown:N")
    chart = (bars + numbers).properties(width=380, height=alt.Step(18))
    return to_svg(chart, f"classes-{language}", word("chart_classes", language))
