"""Test photographs with boxes drawn over them: what was found, missed, invented, badly placed or taken for another.

One SVG a photograph, the photograph itself inside it as a data URI: nothing is fetched, and boxes stay sharp.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from basestone.reporting.strings import Text, say

MARKS = ("missed", "false", "placed", "class", "right")  # in the order of the legend
LARGEST_SCENES = 500_000  # bytes in all, so that the page stays far below its 2 MB


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A test photograph: ``size`` is width and height in pixels.

    ``boxes``: ``corners`` in these pixels, ``mark`` (right, missed, false, placed, class), ``label`` and ``score``.
    """

    jpeg: bytes
    size: tuple[int, int]
    row: str
    faults: int
    boxes: tuple[Mapping[str, Any], ...]


def read_scene(told: Mapping[str, Any], names: Sequence[str]) -> Scene:
    """A photograph whose boxes say their ``class`` as a position among ``names``."""
    boxes = (box | {"label": names[box["class"]]} for box in told["boxes"])
    width, height = told["size"]
    return Scene(
        jpeg=told["jpeg"], size=(width, height), row=str(told["row"]), faults=told["faults"], boxes=tuple(boxes)
    )


def shown_scenes(scenes: Sequence[Scene]) -> list[tuple[Scene, Markup, Text]]:
    """Each photograph as its SVG, and what can be seen in it in words; as many as the page has room for."""
    shown: list[tuple[Scene, Markup, Text]] = []
    size = 0
    for scene in scenes:
        size += len(scene.jpeg) * 4 // 3
        if size > LARGEST_SCENES:
            break
        shown.append((scene, drawn(scene), words(scene)))
    return shown


def words(scene: Scene) -> Text:
    """How many objects were found, and each kind of fault."""
    counts = {mark: sum(box["mark"] == mark for box in scene.boxes) for mark in MARKS}
    return say("scene_counts", **{f"n_{mark}": number for mark, number in counts.items()})


def drawn(scene: Scene) -> Markup:
    """The SVG; faults lie over what is right."""
    width, height = scene.size
    unit = max(width, height) / 320
    uri = f"data:image/jpeg;base64,{base64.b64encode(scene.jpeg).decode()}"
    ordered = sorted(scene.boxes, key=lambda box: -MARKS.index(box["mark"]))
    told = words(scene)
    return Markup(
        '<svg viewBox="0 0 {w} {h}" role="img" aria-label="{label}">'
        '<image href="{uri}" width="{w}" height="{h}"/>{boxes}</svg>'
    ).format(
        w=width,
        h=height,
        uri=uri,
        label=f"{scene.row}: {told['en']} / {told['zh']}",
        boxes=Markup("").join(part for box in ordered for part in _box(box, unit)),
    )


def _box(box: Mapping[str, Any], unit: float) -> Iterator[Markup]:
    left, top, right, bottom = box["corners"]
    yield Markup(
        '<rect class="{mark}" x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" stroke-width="{line:.2f}"/>'
    ).format(mark=box["mark"], x=left, y=top, w=right - left, h=bottom - top, line=1.6 * unit)
    if box["mark"] != "right":
        score = "" if box["score"] is None else f" {box['score']:.2f}"
        yield Markup('<text class="{mark}" x="{x:.1f}" y="{y:.1f}" font-size="{size:.1f}">{text}</text>').format(
            mark=box["mark"],
            x=left + unit,
            y=bottom - 2 * unit if box["mark"] == "missed" else max(top - 2 * unit, 8 * unit),  # two may lie alike
            size=8.5 * unit,
            text=f"{box['label']}{score}",
        )
