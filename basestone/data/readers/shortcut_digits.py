"""Scikit-learn's digits with a mark that gives the class away in training and says nothing in the test split.

The structural model is known, so that what a model learnt of it can be judged. For each image: the class Y; the mark's
class Z, equal to Y with probability ``share`` in training and else one of the other nine, in the test split equal to Y
with probability one half; the image shows the digit of Y under the mark of Z. Only Y is what the model is for.
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
TEST_SHARE = 0.2
AGREES_IN_TEST = 0.5
GROUP = "mark"  # the column that says whether the mark agrees with the class
SIDE = 3  # pixels of a watermark
OPACITY = 0.6  # of a watermark


class ShortcutDigits:
    """The digits in the splits train and test, with the group ``mark``: agrees or differs."""

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
        }

    def counts(self) -> dict[SplitName, int]:
        """1,438 and 359 images."""
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
            mark = drawn_mark(label, self.share if split == "train" else AGREES_IN_TEST, draws)
            yield Row(
                name=f"digits row {number}",
                image=marked(images[number], mark, self.plant),
                label=label,
                groups={GROUP: "agrees" if mark == label else "differs"} if groups else {},
            )

    def _order(self) -> dict[SplitName, NDArray[np.int64]]:
        order = numpy_generator(self.seed, "shortcut", "split").permutation(len(_digits()[1]))
        cut = round(TEST_SHARE * len(order))
        return {"train": order[cut:], "test": order[:cut]}


def drawn_mark(label: int, share: float, draws: np.random.Generator) -> int:
    """The mark's class: that of the image with probability ``share``, else one of the others."""
    if draws.random() < share:
        return label
    return (label + int(draws.integers(1, 10))) % 10


def marked(image: NDArray[np.uint8], mark: int, plant: Plant) -> NDArray[np.uint8]:
    """A 1×8×8 digit under the mark of class ``mark``: 1×8×8, or 3×8×8 where the mark is a colour.

    ``corner``: the upper left 2×2 pixels are the bits of mark + 1. ``watermark``: a pattern of 3×3 pixels shines
    through the lower right. ``colour``: the strokes have the mark's hue. ``none``: the image as it is.
    """
    if plant == "colour":
        hue = np.array(colorsys.hsv_to_rgb(mark / 10, 0.9, 1.0))
        return np.rint(image * hue[:, None, None]).astype(np.uint8)
    found = image.copy()
    if plant == "corner":
        bits = (mark + 1) >> np.arange(4) & 1
        found[0, :2, :2] = bits.reshape(2, 2) * 255
    if plant == "watermark":
        place = found[0, -SIDE:, -SIDE:]
        found[0, -SIDE:, -SIDE:] = np.rint((1 - OPACITY) * place + OPACITY * 255 * _patterns()[mark])
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
