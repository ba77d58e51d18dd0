"""Learning to write down what is said. Torch-free when imported: ``check`` reads the table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from basestone.core.contracts import Loss, Objective, View

if TYPE_CHECKING:
    from torch import nn

    from basestone.core.batch import Batch


@dataclass(frozen=True)
class _CTC:
    view: View

    def __call__(self, model: nn.Module, batch: Batch) -> Loss:
        from torch.nn import functional

        logits = model(batch.inputs)
        if logits.is_meta:  # shapes without numbers, to count operations: the loss itself multiplies no matrices
            return Loss(total=logits.float().sum(), count=len(batch))
        n, frames, _ = logits.shape
        said = batch.targets >= 0
        total = functional.ctc_loss(
            logits.float().log_softmax(2).transpose(0, 1),
            batch.targets[said],
            logits.new_full((n,), frames).long(),
            said.sum(1),
            reduction="sum",
            zero_infinity=True,
        )
        return Loss(total=total, count=n)


def ctc() -> Objective:
    """Connectionist temporal classification (Graves et al. 2006): nats of a transcript over all ways to spread it out.

    Of N×F×K logits and N×S targets (1 … K−1, −100 behind a transcript); output 0 is blank. A transcript that does not
    fit into a recording's frames counts nothing.
    """
    return _CTC(View(kind="characters"))
