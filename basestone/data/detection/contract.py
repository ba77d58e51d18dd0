"""What a source of photographs with boxes offers, whatever its format. Rows come one at a time, and encoded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from basestone.data.readers.contract import SplitName


@dataclass(frozen=True, kw_only=True)
class BoxRow:
    """One photograph and the objects in it, M of them.

    ``name`` and ``image`` as an image's row has them. ``boxes``: M×4, x1, y1, x2, y2 in pixels from the upper left
    corner, or shares of the width and height where ``relative``. ``labels``: M classes, by position or name.
    ``ignored``: M; regions that count neither as found nor as missed (COCO's crowds, VOC's difficult ones).
    ``size``: width and height as the annotation states them, None where it does not.
    """

    name: str
    image: bytes | NDArray[np.uint8]
    boxes: NDArray[np.float64]
    labels: Sequence[int | str]
    ignored: NDArray[np.bool_]
    relative: bool = False
    size: tuple[int, int] | None = None


class BoxSource(Protocol):
    """Photographs with boxes, in splits of their own or in one split ``train``."""

    @property
    def class_names(self) -> Sequence[str] | None:
        """The classes in the order of their integer labels; None when only the rows tell."""
        ...

    def identity(self) -> dict[str, Any]:
        """JSON: SHA-256 of every byte that the rows depend on, and the choices that select them."""
        ...

    def counts(self) -> dict[SplitName, int]:
        """The number of photographs of each split, in the order train, validation, test."""
        ...

    def rows(self, split: SplitName) -> Iterator[BoxRow]:
        """The photographs of one split in their own order."""
        ...
