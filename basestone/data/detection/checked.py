"""Boxes that cannot be right: which there are, what becomes of each, and how many there were.

===================  ===========================================================================================
not a number,        refused: nobody can say what was meant
corners in reverse
outside              cut off at the photograph's border (``outside: clip``), or refused
less than a pixel    left out (``empty_box: drop``), or refused; so is what lies wholly outside
unknown class        refused
no box at all        the photograph stays, as background
===================  ===========================================================================================

Nothing is lost without a word: the card counts each kind and names the first rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from basestone.core.errors import DataError
from basestone.data.classes import checked_label
from basestone.data.detection.contract import BoxRow
from basestone.data.readers.contract import Row

LEAST = 1.0  # pixels of the photograph: width and height of a box that can be seen
NAMED = 5
Kind = Literal["clipped", "dropped", "background", "ignored"]
KINDS: tuple[Kind, ...] = ("clipped", "dropped", "background", "ignored")


@dataclass(frozen=True, kw_only=True)
class Rules:
    """See ``BoxData``."""

    outside: Literal["clip", "refuse"]
    empty_box: Literal["drop", "refuse"]


@dataclass
class Counts:
    """How many boxes (or photographs) a rule applied to, and the first rows that had one."""

    counts: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    rows: dict[Kind, list[str]] = field(default_factory=dict[Kind, list[str]])

    def add(self, kind: Kind, row: BoxRow, number: int) -> None:
        """``number`` more of a row."""
        self.counts[kind] += number
        named = self.rows.setdefault(kind, [])
        if number and len(named) < NAMED:
            named.append(row.name)


@dataclass(frozen=True, kw_only=True)
class Checked:
    """M boxes of a photograph that can be right: M×4 corners in its pixels, M labels, M ``ignored``."""

    boxes: NDArray[np.float64]
    labels: list[int | str]
    ignored: NDArray[np.bool_]


def checked(
    row: BoxRow, size: tuple[int, int], class_names: Sequence[str] | None, rules: Rules, counts: Counts
) -> Checked:
    """The row's boxes inside a photograph of ``size`` (width, height); DataError with the row and the reason."""
    if row.size is not None and row.size != size:
        raise DataError(
            f"{row.name}: the annotation is of {row.size[0]}×{row.size[1]} pixels and the photograph has "
            f"{size[0]}×{size[1]} (width×height, upright). Mend the annotation, or rotate the photograph for good."
        )
    labels = [checked_label(Row(name=row.name, image=b"", label=label), class_names) for label in row.labels]
    boxes = row.boxes * np.tile(size, 2) if row.relative else row.boxes
    for number, box in enumerate(boxes):
        if not np.isfinite(box).all() or (box[:2] > box[2:]).any():
            raise DataError(
                f"{row.name}: box {number + 1} must run from its upper left to its lower right corner in numbers; "
                f"found {_shown(box)}. Mend or remove it."
            )
    inside = np.clip(boxes, 0, np.tile(size, 2))
    reaching = (np.abs(inside - boxes) > 0.5).any(axis=1)
    if rules.outside == "refuse" and reaching.any():
        found = boxes[reaching.argmax()]
        raise DataError(
            f"{row.name}: box {_shown(found)} must lie in the photograph of {size[0]}×{size[1]} pixels, and does not. "
            "Mend it, or set data.outside: clip."
        )
    width, height = (inside[:, 2:] - inside[:, :2]).T
    visible = (width >= LEAST) & (height >= LEAST)
    if rules.empty_box == "refuse" and not visible.all():
        found = boxes[(~visible).argmax()]
        raise DataError(
            f"{row.name}: box {_shown(found)} must be at least a pixel wide and high inside the photograph, and is "
            "not. Mend or remove it, or set data.empty_box: drop."
        )
    counts.add("clipped", row, int((reaching & visible).sum()))
    counts.add("dropped", row, int((~visible).sum()))
    counts.add("ignored", row, int((row.ignored & visible).sum()))
    counts.add("background", row, int(not visible.any()))
    kept = [labels[place] for place in np.flatnonzero(visible)]
    return Checked(boxes=inside[visible], labels=kept, ignored=row.ignored[visible])


def _shown(box: NDArray[np.float64]) -> str:
    return "(" + ", ".join(f"{corner:g}" for corner in box) + ")"
