"""One split of photographs with boxes as batches of normalised tensors: the data side of both loops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from basestone.core.batch import Batch
from basestone.core.contracts import BoxTransform, Draw
from basestone.core.spec import ImageSpec
from basestone.data.image_split import ImageSplit

Positions = NDArray[np.int64]


class BoxSplit:
    """A ``core.contracts.BatchSource`` whose targets are boxes. N photographs, at most M objects in one."""

    def __init__(
        self,
        images: NDArray[np.uint8],
        where: Positions,
        boxes: Mapping[str, NDArray[Any]],
        spec: ImageSpec,
        *,
        row_names: Sequence[str],
        augment: Sequence[BoxTransform] = (),
    ) -> None:
        """``images`` is the whole cache, ``where`` says where in it each of the N lies; ``boxes`` as in its table.

        ``boxes["image"]`` counts along ``where``, ascending.
        """
        self._images = ImageSplit(images, where, np.zeros(len(where), np.int64), spec, row_names=row_names, groups={})
        self._augment, self.boxes, self.spec = tuple(augment), dict(boxes), spec
        self.row_names, self.groups = tuple(row_names), dict[str, NDArray[np.str_]]()
        self._padded, self._number = _padded(boxes, len(where))

    def __len__(self) -> int:
        """N."""
        return len(self._images)

    @property
    def targets(self) -> NDArray[np.int64]:
        """The number of objects in each photograph."""
        return self._number.numpy()

    def raw(self, positions: Sequence[int] | Positions) -> Tensor:
        """The pixels at ``positions``: uint8, n×C×H×W."""
        return self._images.raw(positions)

    def batch(self, positions: Positions, generator: torch.Generator | None = None, *, epoch: int = 0) -> Batch:
        """The photographs at ``positions``, changed at random when a generator is given; ignored regions left out."""
        plain = self._images.batch(positions)
        inputs, boxes = plain.inputs, self._padded[plain.index, : max(1, int(self._number[plain.index].max()))]
        if generator is not None:
            draw = Draw(generator=generator, epoch=epoch, positions=plain.index)
            for transform in self._augment:
                inputs, boxes = transform.with_boxes(inputs, boxes, draw)
        return Batch(inputs=inputs, targets=boxes, index=plain.index)


def _padded(boxes: Mapping[str, NDArray[Any]], count: int) -> tuple[Tensor, Tensor]:
    """N×M×5 as ``Batch.targets`` and the number of objects in each of N photographs."""
    real = ~boxes["ignored"]
    image = boxes["image"][real]
    number = np.bincount(image, minlength=count)
    column = np.arange(len(image)) - np.repeat(np.cumsum(number) - number, number)
    padded = np.zeros((count, max(1, int(number.max(initial=0))), 5), np.float32)
    padded[..., 4] = -1
    padded[image, column] = np.column_stack([boxes[name][real] for name in ("x1", "y1", "x2", "y2", "class")])
    return torch.from_numpy(padded), torch.from_numpy(number)
