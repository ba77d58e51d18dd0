"""Scikit-learn's digits with a mark that gives the class away in training and says little in the other splits.

The structural model is known, so that what a model learnt of it can be judged. For each image: the class Y; the mark's
class Z, equal to Y with probability ``share`` in training and else one of the other nine, elsewhere equal to Y with
probability one half (as in the held-out splits of Waterbirds, Sagawa et al. 2020, arXiv:1911.08731); the image shows
the digit of Y under the mark of Z. Only Y is what the model is for.
"""

from __future__ import annotations

import colorsys
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from basestone.core.errors import DataError
from basestone.core.seed import numpy_generator
from basestone.data.readers.contract import Row, SplitName
from basestone.data.readers.digits import DigitsSource

Plant = Literal["corner", "watermark", "colour", "none"]
SHARES: dict[SplitName, float] = {"train": 0.6, "validation": 0.2, "test": 0.2}
AGREES_ELSEWHERE = 0.5
GROUP = "mark"  # the column that says whether the mark agrees with the class
SIDE = 3  # pixels of a mark in a corner
OPACITY = {"corner": 1.0, "watermark": 0.9}


class ShortcutDigits:
    """The digits in splits of their own, with the group ``mark``: agrees or differs."""

    class_names = DigitsSource.class_names

    def __init__(self, plant: Plant, share: float, seed: int) -> None:
        """``share``: of the training images whose mark agrees with their class."""
        self.plant: Plant = plant
        self.share, self.seed = share, seed

    def identity(self) -> dict[str, Any]:
        """The digits' own, and what was planted in them."""
        own = DigitsSource().identity()
        return {"kind": "shortcut_digits", "content": own["content"]} | {
            "plant": self.plant,
            "share": self.share,
            "seed": self.seed,
            "splits": SHARES,
            "opacity": OPACITY,
        }

    def counts(self) -> dict[SplitName, int]:
        """1,079, 359 and 359 images."""
        order = self._order()
        return {name: len(rows) for name, rows in order.items()}

    def rows(self, split: SplitName, groups: Sequence[str]) -> Iterator[Row]:
        """The images of one split in an order of their own."""
        if strange := sorted({*groups} - {GROUP}):
            raise DataError(f"shortcut_digits has the group '{GROUP}' and no other; data.groups names {strange}.")
        images, labels = _digits()
        draws = numpy_generator(self.seed, "shortcut", split)
        for number in self._order()[split]:
            label = int(labels[number])
            mark = drawn_mark(label, self.share if split == "train" else AGREES_ELSEWHERE, draws)
            yield Row(
                name=f"digits row {number}",
                image=marked(images[number], mark, self.plant),
                label=label,
                groups={GROUP: "agrees" if mark == label else "differs"} if groups else {},
            )

    def _order(self) -> dict[SplitName, NDArray[np.int64]]:
        order = numpy_generator(self.seed, "shortcut", "split").permutation(len(_digits()[1]))
        ends = np.rint(np.cumsum([*SHARES.values()])[:-1] * len(order)).astype(np.int64)
        return dict(zip(SHARES, np.split(order, ends), strict=True))


def drawn_mark(label: int, share: float, draws: np.random.Generator) -> int:
    """The mark's class: that of the image with probability ``share``, else one of the others."""
    if draws.random() < share:
        return label
    return (label + int(draws.integers(1, 10))) % 10


def marked(image: NDArray[np.uint8], mark: int, plant: Plant) -> NDArray[np.uint8]:
    """A 1×8×8 digit under the mark of class ``mark``: 1×8×8, or 3×8×8 where the mark is a colour.

    ``corner``: the upper left 3×3 pixels are the mark's pattern. ``watermark``: it shines through the lower right.
    ``colour``: the strokes have the mark's hue. ``none``: the image as it is.
    """
    if plant == "colour":
        hue = np.array(colorsys.hsv_to_rgb(mark / 10, 0.9, 1.0))
        return np.rint(image * hue[:, None, None]).astype(np.uint8)
    if plant == "none":
        return image
    found, opacity = image.copy(), OPACITY[plant]
    place = np.s_[0, :SIDE, :SIDE] if plant == "corner" else np.s_[0, -SIDE:, -SIDE:]
    found[place] = np.rint((1 - opacity) * found[place] + opacity * 255 * _patterns()[mark])
    return found


@lru_cache(maxsize=1)
def _patterns() -> NDArray[np.float64]:
    """Ten patterns of zeros and ones, no two of which agree in more than six of nine pixels."""
    draws = numpy_generator(0, "watermarks")
    chosen: list[NDArray[np.int64]] = []
    while len(chosen) < 10:
        pattern = draws.integers(0, 2, (SIDE, SIDE))
        if all((pattern != other).sum() >= 3 for other in chosen):
            chosen.append(pattern)
    return np.stack(chosen).astype(np.float64)


@lru_cache(maxsize=1)
def _digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    rows = list(DigitsSource().rows("train", []))
    return np.stack([np.asarray(row.image) for row in rows]), np.array([row.label for row in rows], np.int64)
