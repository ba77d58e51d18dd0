"""What the one training loop and the one inference loop hand to a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Inputs with their targets and their identity.

    ``inputs``: what the model takes, batch first (images: float32, N×C×H×W, normalised).
    ``targets``: what the objective compares with, batch first (classes: int64, N; boxes: float32, N×M×5, each row
    x1, y1, x2, y2 in pixels of the input and its class, −1 where an image has fewer than M).
    ``index``: int64, N; the position of each sample in its split, so that every record names its sample.
    """

    inputs: Tensor
    targets: Tensor
    index: Tensor

    def __len__(self) -> int:
        """The number of samples."""
        return len(self.index)
