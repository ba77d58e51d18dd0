"""Learning a language from text alone. Torch-free when imported: ``check`` reads the table.

``Loss.total`` is the sum over the tokens that are targets and ``count`` their number, so that accumulated micro-batches
weigh as the full batch does, however the targets and the padding fall.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from annotated_types import Gt, Lt

from basestone.core.contracts import Loss, Objective, View
from basestone.core.registry import NonNegativeFloat

if TYPE_CHECKING:
    from torch import Tensor, nn

    from basestone.core.batch import Batch

IGNORED = -100


@dataclass(frozen=True)
class _CausalLM:
    view: View
    weight: float = 1.0

    def __call__(self, model: nn.Module, batch: Batch) -> Loss:
        from torch.nn import functional

        logits: Tensor = model(batch.inputs).flatten(0, 1).float()
        targets = batch.targets.flatten()
        count = _count(targets)
        if not self.view.unwanted:
            total = functional.cross_entropy(logits, targets, reduction="sum", ignore_index=IGNORED)
            return Loss(total=total, count=count)
        unwanted = targets >= logits.shape[1]
        wanted = targets.masked_fill(unwanted, IGNORED)
        likely = functional.cross_entropy(logits, wanted, reduction="sum", ignore_index=IGNORED)
        unlikely = (_unlikelihood(logits, (targets - logits.shape[1]).clamp(min=0)) * unwanted).sum()
        return Loss(total=likely + self.weight * unlikely, count=count)


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


def causal_lm(*, unwanted: list[str] | None = None, after: str = "", unlikelihood: NonNegativeFloat = 1.0) -> Objective:
    """Cross-entropy in nats of every token given those before it in its block.

    Tokens of documents of the classes ``unwanted``, behind the first ``after`` in each, cost −log(1 − p) instead, times
    ``unlikelihood``: the unlikelihood of Welleck et al. 2020 (arXiv:1908.04319), with what must not be said as
    candidates as in Li et al. 2020 (arXiv:1911.03860). 0 leaves them out.
    """
    return _CausalLM(View(kind="next", unwanted=tuple(unwanted or ()), after=after), unlikelihood)


def masked_lm(*, share: Annotated[float, Gt(0), Lt(1)] = 0.15, whole_word: bool = True) -> Objective:
    """Cross-entropy in nats of hidden tokens given all others (arXiv:1810.04805): 80 % masked, 10 % swapped, 10 % kept.

    ``share``: of a document's tokens that are chosen; ``whole_word``: all of a word's tokens together.
    """
    return _MaskedLM(View(kind="masked", share=share, whole_word=whole_word))


def _unlikelihood(logits: Tensor, tokens: Tensor) -> Tensor:
    """−log(1 − p) of a token for each row of M×V logits, from the other tokens' logits, as p may be close to 1."""
    others = logits.scatter(1, tokens[:, None], float("-inf"))
    return logits.logsumexp(1) - others.logsumexp(1)


def _count(targets: Tensor) -> int:
    """How many targets count; all of them where there are only shapes."""
    return targets.numel() if targets.is_meta else int(targets.ne(IGNORED).sum())
