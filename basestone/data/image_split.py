"""One split as batches of normalised tensors: the data side of both loops.

A batch is one gather from uint8 pixels, one fused multiply-add to float32, and the transforms on the whole batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from basestone.core.batch import Batch
from basestone.core.contracts import Draw, Transform
from basestone.core.spec import ImageSpec

IN_MEMORY_BYTES = 2**30  # a split up to this size is read at once; larger ones stay mapped

Positions = NDArray[np.int64]


class ImageSplit:
    """A ``core.contracts.BatchSource``. N samples, K classes, images C×H×W."""

    def __init__(
        self,
        images: NDArray[np.uint8],
        where: Positions,
        targets: NDArray[np.int64],
        spec: ImageSpec,
        *,
        row_names: Sequence[str],
        groups: Mapping[str, NDArray[np.str_]],
        augment: Sequence[Transform] = (),
    ) -> None:
        """``images`` is the whole cache; ``where`` says where in it each of the N samples lies."""
        held = len(where) * int(np.prod(images.shape[1:])) <= IN_MEMORY_BYTES
        self._pixels = torch.from_numpy(images[where]) if held else None
        self._images, self._where, self._augment = images, where, tuple(augment)
        self._targets = torch.from_numpy(targets.astype(np.int64))
        self.spec, self.row_names, self.groups = spec, tuple(row_names), dict(groups)
        mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in (spec.mean, spec.std))
        self._scale, self._shift = 1 / (255 * std), -mean / std

    def __len__(self) -> int:
        """N."""
        return len(self._where)

    @property
    def targets(self) -> NDArray[np.int64]:
        """N class positions, 0 … K−1."""
        return self._targets.numpy()

    def raw(self, positions: Sequence[int] | Positions) -> Tensor:
        """The pixels at ``positions`` as they are stored: uint8, n×C×H×W."""
        index = np.asarray(positions, dtype=np.int64)
        if self._pixels is not None:
            return self._pixels[torch.from_numpy(index)]
        return torch.from_numpy(self._images[self._where[index]])

    def batch(self, positions: Positions, generator: torch.Generator | None = None, *, epoch: int = 0) -> Batch:
        """The samples at ``positions``: float32 (pixel/255 − mean)/std; augmented when a generator is given."""
        index = torch.from_numpy(np.asarray(positions, dtype=np.int64))
        inputs = self.raw(positions).float().mul_(self._scale).add_(self._shift)
        if generator is not None:
            draw = Draw(generator=generator, epoch=epoch, positions=index)
            for transform in self._augment:
                inputs = transform(inputs, draw)
        return Batch(inputs=inputs, targets=self._targets[index], index=index)
