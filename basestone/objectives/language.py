"""Learning a language from text alone. Torch-free when imported: ``check`` reads the table.

``Loss.total`` is the sum over the tokens that are targets and ``count`` their number, so that accumulated micro-batches
weigh as the full batch does, however the targets and the padding fall.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from annotated_types import Gt, Lt

from basestone.core.contracts import Loss, Objective, View

if TYPE_CHECKING:
    from torch import Tensor, nn

    from basestone.core.batch import Batch

IGNORED = -100


@dataclass(frozen=True)
class _CausalLM:
    view: View

    def __call__(self, model: nn.Module, batch: Batch) -> Loss:
        from torch.nn import functional

        logits: Tensor = model(batch.inputs)
        targets = batch.targets.flatten()
        total = functional.cross_entropy(logits.flatten(0, 1).float(), targets, reduction="sum", ignore_index=IGNORED)
        return Loss(total=total, count=_count(targets))


@dataclass(frozen=True)
class _MaskedLM:
    view: View

    def __call__(self, model: nn.Module, batch: Batch) -> Loss:
        """Scores are computed for the hidden tokens alone."""
        import torch
        from torch.nn import functional

        targets = batch.targets.flatten()
        if targets.is_meta:  # shapes without numbers, to count operations: as many as will be hidden on average
            where = torch.empty(round(self.view.share * len(targets)), dtype=torch.int64, device="meta")
        else:
            where = targets.ne(IGNORED).nonzero().squeeze(1)
        logits = model(batch.inputs, where)
        total = functional.cross_entropy(logits.float(), targets[where], reduction="sum")
        return Loss(total=total, count=len(where))


def causal_lm() -> Objective:
    """Cross-entropy in nats of every token given those before it in its block."""
    return _CausalLM(View(kind="next"))


def masked_lm(*, share: Annotated[float, Gt(0), Lt(1)] = 0.15, whole_word: bool = True) -> Objective:
    """Cross-entropy in nats of hidden tokens given all others (arXiv:1810.04805): 80 % masked, 10 % swapped, 10 % kept.

    ``share``: of a document's tokens that are chosen; ``whole_word``: all of a word's tokens together.
    """
    return _MaskedLM(View(kind="masked", share=share, whole_word=whole_word))


def _count(targets: Tensor) -> int:
    """How many targets count; all of them where there are only shapes."""
    return targets.numel() if targets.is_meta else int(targets.ne(IGNORED).sum())
