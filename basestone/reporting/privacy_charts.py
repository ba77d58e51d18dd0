"""Attacks on membership: how many members each finds for how many wrong accusations, both axes logarithmic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt

from basestone.reporting.strings import Language
from basestone.reporting.svg import INK, MUTED, SERIES, to_svg, word

NAMES = {"lira_online": "LiRA", "lira_offline": "LiRA offline", "rmia": "RMIA"}
DASHES = [[1, 0], [6, 3], [2, 2]]
RATE = 0.01


def roc_chart(attacks: Mapping[str, Mapping[str, Any]], language: Language) -> str:
    """``attacks``: name → ``{curve: {false, true}}``; a grey line is chance, an upright one the rate that is judged."""
    names = [NAMES.get(name, name) for name in attacks]
    rows = [
        {"false": false, "true": max(true, 1e-6), "series": shown}
        for shown, one in zip(names, attacks.values(), strict=True)
        for false, true in zip(one["curve"]["false"], one["curve"]["true"], strict=True)
    ]
    low = min(row["false"] for row in rows)
    scale = alt.Scale(type="log", domain=[low, 1], nice=False, clamp=True)
    axis = alt.Axis(format="~p", tickCount=4)
    x = alt.X("false:Q", scale=scale, title=word("false_positive_rate", language), axis=axis)
    y = alt.Y("true:Q", scale=scale, title=word("true_positive_rate", language), axis=axis)
    curves = (
        alt.Chart(alt.Data(values=rows))
        .mark_line(strokeWidth=2, interpolate="step-after")
        .encode(
            x=x,
            y=y,
            color=alt.Color("series:N", scale=alt.Scale(domain=names, range=list(SERIES[: len(names)]))),
            strokeDash=alt.StrokeDash("series:N", scale=alt.Scale(domain=names, range=DASHES[: len(names)])),
        )
    )
    chance = alt.Chart(alt.Data(values=[{"false": low, "true": low}, {"false": 1, "true": 1}])).mark_line(color=MUTED)
    judged = alt.Chart(alt.Data(values=[{"false": RATE}])).mark_rule(color=INK, strokeDash=[5, 3])
    chart = alt.layer(chance.encode(x=x, y=y), judged.encode(x=x), curves).properties(width=420, height=300)
    return to_svg(chart, f"membership-{language}", word("chart_membership", language))
