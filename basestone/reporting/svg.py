"""From an Altair chart to an inline SVG: one look, no script, colours that follow the page's light or dark mode.

Colours are CSS variables of the page with the light value as fallback, so that a chart taken out of the page still
shows. Vega's schema admits plain colours only: charts are drawn with the light ones, which are replaced afterwards.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from typing import Any
from unicodedata import east_asian_width

import altair as alt
import vl_convert

from basestone.reporting.strings import LANGUAGES, TEXTS, Language

INK, MUTED, LINE, PAPER = "#1b2430", "#5b6675", "#d9dfe6", "#fffffe"
SERIES = ("#2359b8", "#b4501a", "#0b7a5e", "#7d3fb0", "#8a6a00", "#b0305c")
GOOD, BAD, DOUBT, NEUTRAL = "#16703a", "#c0262d", "#946000", "#687384"
VARIABLES = {
    INK: "ink",
    MUTED: "muted",
    LINE: "line",
    PAPER: "paper",
    GOOD: "good",
    BAD: "bad",
    DOUBT: "doubt",
    NEUTRAL: "neutral",
} | {colour: f"series-{place}" for place, colour in enumerate(SERIES, 1)}
FONT = "system-ui, -apple-system, 'Segoe UI', 'Noto Sans', 'Noto Sans CJK SC', 'Microsoft YaHei', sans-serif"
AXIS: dict[str, Any] = {
    "labelColor": MUTED,
    "titleColor": MUTED,
    "domainColor": LINE,
    "tickColor": LINE,
    "gridColor": LINE,
    "labelFontSize": 11,
    "titleFontSize": 12,
    "titleFontWeight": "normal",
    "titlePadding": 6,
    "labelLimit": 150,
}
CONFIG: dict[str, Any] = {
    "background": None,
    "aria": False,
    "font": FONT,
    "padding": 4,
    "view": {"stroke": None},
    "axis": AXIS,
    "legend": {"labelColor": INK, "labelFontSize": 12, "title": None, "orient": "top", "symbolStrokeWidth": 2.5},
    "header": {"labelColor": INK, "labelFontSize": 12, "titleColor": INK, "labelPadding": 4},
    "title": {"color": INK, "fontSize": 12, "fontWeight": "normal"},
    "text": {"fontSize": 11, "color": INK},
}


def to_svg(chart: alt.TopLevelMixin, name: str, label: str) -> str:
    """Renders ``chart``. ``name`` makes its ids unique in a page; ``label`` is what a screen reader says."""
    source = vl_convert.vegalite_to_svg(chart.to_dict(validate=False), config=CONFIG, allowed_base_urls=[])
    text = re.sub(r"<svg[^>]*?width=\"([\d.]+)\" height=\"([\d.]+)\"[^>]*>", _root(label), source, count=1)
    text = re.sub(r"\bid=\"([^\"]+)\"", rf'id="{name}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", text)
    return _colours(_without_ballast(text))


def word(key: str, language: Language) -> str:
    """A text of the catalogue in one language."""
    return TEXTS[key][LANGUAGES.index(language)]


def short(name: str, limit: int = 16) -> str:
    """A name cut to ``limit`` characters."""
    return name if len(name) <= limit else f"{name[: limit - 1]}…"


def named_axis(names: Sequence[str], room: float, **options: Any) -> alt.Axis:
    """An axis over positions that shows ``names``, as wide as they are in the widest of common fonts.

    Vega measures text with the fonts of this machine, the reader's browser draws it with others. Positions keep classes
    apart that have the same name when shortened.
    """
    wide = max(sum(11.5 if east_asian_width(letter) in "WF" else 7.0 for letter in name) for name in names)
    return alt.Axis(
        labelExpr=f"{json.dumps(list(names))}[datum.value]",
        labelColor=INK,
        labelLimit=400,
        labelPadding=6,
        minExtent=min(wide, room) + 6,
        **options,
    )


def _root(label: str) -> str:
    safe = html.escape(label).replace("\\", "\\\\")
    return (
        r'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \1 \2" width="\1" height="\2" role="img" '
        rf'aria-label="{safe}">'
    )


def _colours(text: str) -> str:
    return re.sub(
        r"(fill|stroke)=\"(#[0-9a-f]{6})\"",
        lambda found: f'{found[1]}="var(--{VARIABLES[found[2]]},{found[2]})"' if found[2] in VARIABLES else found[0],
        text,
    )


def _without_ballast(text: str) -> str:
    """Drops what draws nothing; it is a third of the size."""
    text = re.sub(
        r"<path class=\"(?:foreground|background)\" aria-hidden=\"true\" d=\"(?:|M0,0h0v0h0Z)\"[^>]*/>", "", text
    )
    text = re.sub(r" (?:class|role|aria-roledescription|aria-hidden|pointer-events)=\"(?!img\")[^\"]*\"", "", text)
    return text.replace(' opacity="1"', "").replace(f' font-family="{FONT}"', "")
