"""Finding objects: the loss is the detector's own, since what it compares depends on how it answers.

Torch-free when imported: ``check`` reads the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from basestone.core.contracts import Loss, Objective, View

if TYPE_CHECKING:
    from torch import nn

    from basestone.core.batch import Batch


@dataclass(frozen=True)
class _Detection:
    view: View

    def __call__(self, model: nn.Module, batch: Batch) -> Loss:
        """The targets go into the model with the inputs."""
        loss: Loss = model(batch.inputs, batch.targets)
        return loss


def detection() -> Objective:
    """The detector's own losses on boxes with classes, summed over what it counts (see the model)."""
    return _Detection(View(kind="boxes"))
