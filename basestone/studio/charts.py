"""Curves as ECharts options: the report's colours through the page's own CSS variables, so that they follow its scheme.

Lines differ by dash as well as by colour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from basestone.reporting.strings import Language
from basestone.studio.journal import Curve, CurveName, Curves
from basestone.studio.strings import known, say

PANELS: Mapping[str, str] = {"loss": "loss", "scores": "scores", "lr": "lr", "images_per_s": "images_per_s"}
MOST_SERIES = 6  # as many as there are colours
DASHES: Sequence[Any] = ("solid", [6, 4], [2, 3], [10, 3, 2, 3])
NOT_DRAWN = ("epoch/loss", "epoch/samples_seen", "epoch/images_per_s")


def panel_of(quantity: str) -> str | None:
    """Which panel a curve stands in: ``validation/accuracy`` in ``scores``; None: it is not drawn."""
    group, _, name = quantity.partition("/")
    if quantity in NOT_DRAWN:
        return None
    return name if name in ("loss", "lr", "images_per_s") else "scores" if group == "validation" else None


def panels(curves: Curves, stage: str, language: Language) -> dict[str, dict[str, Any]]:
    """ECharts options by panel, for the curves of one stage; a panel without curves is absent."""
    found: dict[str, list[tuple[CurveName, Curve]]] = {}
    for name, curve in curves.curves.items():
        panel = panel_of(name.quantity)
        if name.stage == stage and panel:
            found.setdefault(panel, []).append((name, curve))
    return {
        panel: options(
            say(PANELS[panel], language),
            [(series_name(name, panel, language), curve.drawn()) for name, curve in found[panel][-MOST_SERIES:]],
            language,
        )
        for panel in PANELS
        if panel in found
    }


def series_name(name: CurveName, panel: str, language: Language) -> str:
    """``training``, ``validation``, or what is measured; behind it the trial where there are several."""
    group, _, quantity = name.quantity.partition("/")
    word = known(quantity, language) if panel == "scores" else known(group, language)
    return f"{name.trial} · {word}" if name.trial else word


def drift_chart(drift: Mapping[str, Any], language: Language) -> dict[str, Any]:
    """What betting against each score has won, over live samples, under the limit at which clauses are open again."""
    traces = {name: stream["trace"] for name, stream in drift["streams"].items()}
    series = [(say(f"score_{name}", language), trace) for name, trace in traces.items()]
    last = max(1, *(trace[-1][0] for trace in traces.values()))
    series.append((say("drift_limit", language), [[0, drift["limit"]], [last, drift["limit"]]]))
    return options(say("drift_chart", language), series, language, over="live_samples")


def options(
    title: str, series: Sequence[tuple[str, list[list[float]]]], language: Language, over: str = "step"
) -> dict[str, Any]:
    """One chart over training steps, or over what ``over`` names; ``series`` are (name, [[step, value], …])."""
    quiet = {"color": "var(--muted)", "fontSize": 11}
    line = {"lineStyle": {"color": "var(--line)"}}
    return {
        "animation": False,
        "title": {
            "text": title,
            "textStyle": {"color": "var(--ink)", "fontSize": 13, "fontWeight": 600},
            "left": 0,
            "top": 0,
            "padding": 0,
        },
        "legend": {
            "show": len(series) > 1,
            "type": "scroll",
            "top": 22,
            "left": 0,
            "padding": [4, 0],
            "textStyle": {"color": "var(--ink)", "fontSize": 12},
            "itemWidth": 26,
            "pageTextStyle": quiet,
        },
        "grid": {"left": 8, "right": 18, "top": 60 if len(series) > 1 else 38, "bottom": 26, "containLabel": True},
        "tooltip": {
            "trigger": "axis",
            "backgroundColor": "var(--paper)",
            "borderColor": "var(--line)",
            "textStyle": {"color": "var(--ink)", "fontSize": 12},
            "axisPointer": {"lineStyle": {"color": "var(--muted)"}},
        },
        "xAxis": {
            "type": "value",
            "name": say(over, language),
            "nameLocation": "middle",
            "nameGap": 24,
            "nameTextStyle": quiet,
            "axisLabel": quiet,
            "axisLine": line,
            "splitLine": {"show": False},
            "max": "dataMax",
        },
        "yAxis": {
            "type": "value",
            "scale": True,
            "axisLabel": quiet,
            "axisLine": {"show": False},
            "splitLine": line,
            "splitNumber": 4,
        },
        "series": [_series(place, name, points) for place, (name, points) in enumerate(series)],
    }


def _series(place: int, name: str, points: list[list[float]]) -> dict[str, Any]:
    colour = f"var(--series-{place % MOST_SERIES + 1})"
    return {
        "type": "line",
        "name": name,
        "data": points,
        "symbol": "none" if len(points) > 1 else "circle",
        "symbolSize": 5,
        "color": colour,
        "itemStyle": {"color": colour},
        "lineStyle": {"width": 1.8, "type": DASHES[place % len(DASHES)], "color": colour},
        "emphasis": {"disabled": True},
    }
