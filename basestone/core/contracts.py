"""What the rooms may ask of one another's things, so that none has to import another.

Shapes: N samples in a batch, K classes, C×H×W one image.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from basestone.core.batch import Batch


@dataclass(frozen=True, kw_only=True)
class Draw:
    """All that a random change of a batch may depend on.

    ``generator``: the randomness of this batch; ``epoch``: from 0; ``positions``: int64 N, which samples these are.
    """

    generator: torch.Generator
    epoch: int
    positions: Tensor


class Transform(Protocol):
    """A random change of a batch of images."""

    def __call__(self, images: Tensor, draw: Draw) -> Tensor:
        """N×C×H×W float32 normalised images to as many of one shape, as a rule the same; zero is the mean colour."""
        ...


class BatchSource(Protocol):
    """One split of a data set, read by position."""

    def __len__(self) -> int:
        """The number of samples."""
        ...

    @property
    def targets(self) -> NDArray[np.int64]:
        """Every sample's target, in order."""
        ...

    def batch(self, positions: NDArray[np.int64], generator: torch.Generator | None = None, *, epoch: int = 0) -> Batch:
        """The samples at ``positions``; augmented when a generator is given, as they are when not."""
        ...


@dataclass(frozen=True, kw_only=True)
class Loss:
    """``total`` is the sum over ``count`` samples, so that accumulated micro-batches weigh as they should."""

    total: Tensor
    count: int


class Objective(Protocol):
    """What training minimises."""

    def __call__(self, model: nn.Module, batch: Batch) -> Loss:
        """Runs the model on the batch and returns its loss."""
        ...


class Tracker(Protocol):
    """Receives every event of a run: JSONL, a progress bar, TensorBoard, W&B."""

    def log(self, event: Mapping[str, Any]) -> None:
        """One event: ``{"event": "step", "stage": "pretrain", "step": 3, "loss": 2.1}``, JSON types only."""
        ...

    def close(self) -> None:
        """Flushes; no event comes after it."""
        ...
