"""Scenes of our own, so that a detector can be trained without any download: shapes and digits on textures.

A ground is smooth noise with a grating over it; on it lie circles, triangles, rings and scikit-learn's handwritten
digits, turned, of any colour that stands out, hiding one another a little at most. A box is the extent of what is seen
of an object before anything hides it. Drawn at twice the size and averaged down.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from basestone.core.seed import numpy_generator
from basestone.data.detection.contract import BoxRow
from basestone.data.readers.contract import SplitName
from basestone.data.readers.digits import DigitsSource

FORMAT = 1  # raise it when the same seed would draw other scenes
CLASSES = ("circle", "triangle", "ring", "digit")
SMALLEST, LARGEST = 0.12, 0.38  # an object's size as a share of the side
OVERLAP = 0.15  # the most that two boxes share of the smaller one
CONTRAST = 90  # grey levels of difference from the ground, in at least one channel
TEST_DIGITS = 360  # the last of the digits, which no training scene shows


class Scenes:
    """A ``BoxSource`` with the splits train and test."""

    class_names = CLASSES

    def __init__(self, *, train: int, test: int, side: int, objects: int, seed: int) -> None:
        """See ``basestone.data.detection.sources.scenes``."""
        self._counts: dict[SplitName, int] = {"train": train, "test": test}
        self._side, self._objects, self._seed = side, objects, seed

    def identity(self) -> dict[str, Any]:
        """All that the scenes are drawn from."""
        drawn = {"side": self._side, "objects": self._objects, "seed": self._seed, "counts": dict(self._counts)}
        return {"kind": "scenes", "format": FORMAT, **drawn, "digits": DigitsSource().identity()["content"]}

    def counts(self) -> dict[SplitName, int]:
        """As asked for."""
        return dict(self._counts)

    def rows(self, split: SplitName) -> Iterator[BoxRow]:
        """Each scene from a random stream of its own."""
        digits = _digits()[-TEST_DIGITS:] if split == "test" else _digits()[:-TEST_DIGITS]
        for number in range(self._counts[split]):
            draws = numpy_generator(self._seed, "scene", split, number)
            pixels, boxes, labels = scene(draws, self._side, int(draws.integers(1, self._objects + 1)), digits)
            yield BoxRow(
                name=f"scene {split} {number}",
                image=pixels,
                boxes=boxes,
                labels=labels,
                ignored=np.zeros(len(labels), np.bool_),
            )


def scene(
    draws: np.random.Generator, side: int, objects: int, digits: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.float64], list[int]]:
    """Pixels 3×side×side, M×4 boxes and M classes; fewer than ``objects`` where no room is found for one."""
    canvas = _ground(draws, side)
    boxes: list[NDArray[np.float64]] = []
    labels: list[int] = []
    for _ in range(objects):
        label = int(draws.integers(len(CLASSES)))
        mask = _mask(draws, label, round(side * draws.uniform(SMALLEST, LARGEST)), digits)
        box = _room(draws, side, mask.shape, boxes)
        if box is not None:
            _paint(draws, canvas, mask, box)
            boxes.append(box)
            labels.append(label)
    return np.rint(canvas).clip(0, 255).astype(np.uint8), np.array(boxes).reshape(-1, 4), labels


def _ground(draws: np.random.Generator, side: int) -> NDArray[np.float64]:
    """3×side×side grey levels: smooth noise of each colour, and one grating."""
    coarse = [Image.fromarray(draws.integers(50, 206, (5, 5), dtype=np.uint8)) for _ in range(3)]
    smooth = np.stack([np.asarray(one.resize((side, side), Image.Resampling.BICUBIC), np.float64) for one in coarse])
    angle, period = draws.uniform(0, np.pi), draws.uniform(4, 16)
    y, x = np.mgrid[:side, :side]
    wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / period)
    return smooth + draws.uniform(0, 18) * wave + draws.normal(0, 4, smooth.shape)


def _mask(draws: np.random.Generator, label: int, size: int, digits: NDArray[np.uint8]) -> NDArray[np.float64]:
    """h×w, 0–1: how much of each pixel the object covers; cut to what is covered by at least half."""
    if CLASSES[label] == "digit":
        digit = Image.fromarray(digits[draws.integers(len(digits))])
        image = digit.resize((2 * size, 2 * size), Image.Resampling.BICUBIC).rotate(draws.uniform(-15, 15))
    else:
        image = _shape(CLASSES[label], 2 * size, draws.uniform(0, 360))
    whole = np.asarray(image, np.float64).reshape(size, 2, size, 2).mean((1, 3)) / 255
    rows, columns = (np.flatnonzero((whole >= 0.5).any(axis)) for axis in (1, 0))
    return whole[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _shape(kind: str, size: int, turned: float) -> Image.Image:
    image = Image.new("L", (size, size))
    pen, last = ImageDraw.Draw(image), size - 1
    if kind == "triangle":
        pen.regular_polygon((last / 2, last / 2, last / 2), 3, rotation=turned, fill=255)
    else:
        pen.ellipse((0, 0, last, last), fill=255)
    if kind == "ring":
        edge = size * 0.27
        pen.ellipse((edge, edge, last - edge, last - edge), fill=0)
    return image


def _room(
    draws: np.random.Generator, side: int, shape: tuple[int, ...], taken: list[NDArray[np.float64]]
) -> NDArray[np.float64] | None:
    """A place for an object of this shape that hides little of the others; None after some tries."""
    height, width = shape
    for _ in range(20):
        left, top = draws.integers(side - width + 1), draws.integers(side - height + 1)
        box = np.array([left, top, left + width, top + height], np.float64)
        if all(_shared(box, other) <= OVERLAP for other in taken):
            return box
    return None


def _shared(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """The area that two boxes share, as a share of the smaller one."""
    sides = np.maximum(0, np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]))
    return float(sides.prod() / min((a[2:] - a[:2]).prod(), (b[2:] - b[:2]).prod()))


def _paint(
    draws: np.random.Generator, canvas: NDArray[np.float64], mask: NDArray[np.float64], box: NDArray[np.float64]
) -> None:
    """Lays a colour that stands out from the ground under it through the mask, in place."""
    left, top, right, bottom = box.astype(int)
    under = canvas[:, top:bottom, left:right]
    colour = draws.uniform(0, 255, 3)
    while np.abs(colour - under.mean((1, 2))).max() < CONTRAST:
        colour = draws.uniform(0, 255, 3)
    under += mask * (colour[:, None, None] - under)


@lru_cache(maxsize=1)
def _digits() -> NDArray[np.uint8]:
    """N×8×8."""
    return np.stack([np.asarray(row.image)[0] for row in DigitsSource().rows("train", [])])
