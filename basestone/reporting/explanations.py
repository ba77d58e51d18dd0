"""Explained test samples: what spoke for the answer, drawn over the image or behind the words, and Shapley values.

One SVG an image, the image inside it as a data URI. What speaks for the class is orange, what speaks against it blue,
and each has a sign in the bars, so that nothing depends on colour alone.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from basestone.reporting.strings import say

SIDE = 224  # pixels of an image on the page
BAR, ROW, NAME = 96.0, 15.0, 92.0  # width of the longest bar to one side, height of a row, room for a name
LARGEST = 300_000  # bytes of images in all
FOR, AGAINST = "for", "against"


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """One explained test sample.

    ``png`` with ``cells`` (x, y, width, height in 0–1 of each player), or ``words`` of each player; neither where the
    data are sensitive. ``values``: one a player. ``bars``: (name, value, standard error) of its Shapley values.
    ``path``: the decision of the surrogate tree or rules for it, as logic.
    """

    row: str
    answer: str
    label: str
    values: Sequence[float]
    png: bytes | None = None
    cells: Sequence[tuple[float, float, float, float]] = ()
    words: Sequence[str] = ()
    bars: Sequence[tuple[str, float, float]] = field(default_factory=tuple)
    path: str = ""


def read_explanation(told: Mapping[str, Any], names: Sequence[str]) -> Explanation:
    """A sample whose ``answer`` and ``label`` are positions among ``names``."""
    classes = {key: names[int(told[key])] for key in ("answer", "label")}
    return Explanation(**{**told, **classes})


def shown_explanations(found: Sequence[Explanation]) -> list[tuple[Explanation, Markup, Markup | None]]:
    """Each sample with its picture or its words, and its Shapley bars; as many as the page has room for."""
    shown: list[tuple[Explanation, Markup, Markup | None]] = []
    size = 0
    for one in found:
        size += len(one.png or b"") * 4 // 3
        if size > LARGEST:
            break
        shown.append((one, picture_of(one), _bars(one) if one.bars else None))
    return shown


def picture_of(one: Explanation) -> Markup:
    """The image with what spoke for the answer over it, and by itself; or the words with it behind them."""
    largest = max((abs(value) for value in one.values), default=0.0) or 1.0
    if one.png is not None:
        return _image(one, largest)
    if one.words:
        return Markup("<blockquote>{}</blockquote>").format(Markup(" ").join(_marked(one, largest)))
    return Markup('<p class="quiet">{}</p>').format(say("sample_withheld")["en"])


def _image(one: Explanation, largest: float) -> Markup:
    uri = f"data:image/png;base64,{base64.b64encode(one.png or b'').decode()}"
    rects = Markup("").join(
        Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" opacity="{:.2f}"/>').format(
            FOR if value > 0 else AGAINST, *(part * SIDE for part in cell), 0.75 * abs(value) / largest
        )
        for value, cell in zip(one.values, one.cells, strict=True)
        if abs(value) > 0.02 * largest
    )
    image = Markup('<image href="{uri}" width="{s}" height="{s}" preserveAspectRatio="none"/>').format(uri=uri, s=SIDE)
    label = say("explained_alt", row=one.row, answer=one.answer)
    start = Markup('<svg class="pixels" viewBox="0 0 {s} {s}" role="img" aria-label="{label}">')
    told = f"{label['en']} / {label['zh']}"
    plain = Markup('<svg class="pixels" viewBox="0 0 {s} {s}" aria-hidden="true">').format(s=SIDE)
    end = Markup("</svg>")
    return start.format(s=SIDE, label=told) + image + rects + end + plain + image + end


def _marked(one: Explanation, largest: float) -> Iterator[Markup]:
    for word, value in zip(one.words, one.values, strict=True):
        if abs(value) <= 0.05 * largest:
            yield Markup("{}").format(word)
            continue
        kind, share = (FOR if value > 0 else AGAINST), 70 * abs(value) / largest
        yield Markup('<mark class="{}" style="--share:{:.0f}%">{}</mark>').format(kind, share, word)


def _bars(one: Explanation) -> Markup:
    """Horizontal bars from a middle line, each with its value and whiskers of one standard error."""
    reach = max(abs(value) + error for _, value, error in one.bars) or 1.0
    middle, height = NAME + BAR, ROW * len(one.bars)
    label = say("shapley_alt", row=one.row)
    rows = Markup("").join(
        _bar(place, name, value, error, BAR / reach, middle) for place, (name, value, error) in enumerate(one.bars)
    )
    return Markup(
        '<svg class="shapley" viewBox="0 0 {w:g} {h:g}" role="img" aria-label="{label}">{rows}'
        '<line class="axis" x1="{m:g}" y1="0" x2="{m:g}" y2="{h:g}"/></svg>'
    ).format(w=middle + BAR + 52, h=height, m=middle, rows=rows, label=f"{label['en']} / {label['zh']}")


def _bar(place: int, name: str, value: float, error: float, scale: float, middle: float) -> Markup:
    top, long = place * ROW, abs(value) * scale
    end, reach = middle + value * scale, error * scale
    return Markup(
        '<text class="name" x="{nx:g}" y="{ty:.1f}">{name}</text>'
        '<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{long:.1f}" height="{h:g}"/>'
        '<line class="error" x1="{e1:.1f}" y1="{mid:.1f}" x2="{e2:.1f}" y2="{mid:.1f}"/>'
        '<text x="{vx:.1f}" y="{ty:.1f}">{value:+.3f}</text>'
    ).format(
        nx=NAME - 6,
        name=name,
        kind=FOR if value > 0 else AGAINST,
        x=min(middle, end),
        y=top + 2,
        long=long,
        h=ROW - 4,
        e1=end - reach,
        e2=end + reach,
        mid=top + ROW / 2,
        vx=max(end + reach, middle) + 4,
        ty=top + ROW - 4,
        value=value,
    )
