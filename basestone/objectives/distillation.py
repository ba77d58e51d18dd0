"""Learning from a teacher as well as from labels: objectives that wrap another one. Torch-free when imported.

Totals are sums over the batch's samples, as everywhere in this room. The teacher sees the very inputs that the student
sees, augmentation included (Beyer et al. 2022, arXiv:2106.05237), without gradients and in evaluation mode.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

from annotated_types import Len

from basestone.core.contracts import Loss, Objective
from basestone.core.registry import Fraction, PositiveFloat, Registry

if TYPE_CHECKING:
    from torch import Tensor, nn

    from basestone.core.batch import Batch

Soft = Callable[["Tensor", "Tensor", "Tensor"], "Tensor"]
Layers = Annotated[list[str], Len(min_length=1)]


def kd(
    objective: Objective, teacher: nn.Module, *, temperature: PositiveFloat = 4.0, weight: Fraction = 0.9
) -> Objective:
    """(1 − w) · objective + w · T² · KL(teacher ‖ student), softened by T (Hinton et al. 2015, arXiv:1503.02531)."""

    def soft(student: Tensor, taught: Tensor, _: Tensor) -> Tensor:
        from torch.nn import functional

        log_p, log_q = (functional.log_softmax(x / temperature, dim=1) for x in (taught, student))
        return temperature**2 * functional.kl_div(log_q, log_p, reduction="sum", log_target=True)

    return _from_logits(objective, teacher, soft, 1 - weight, weight)


def dkd(
    objective: Objective,
    teacher: nn.Module,
    *,
    temperature: PositiveFloat = 4.0,
    target_weight: PositiveFloat = 1.0,
    other_weight: PositiveFloat = 8.0,
) -> Objective:
    """Objective + T² · (α · KL of target against rest + β · KL among the rest) (Zhao et al. 2022).

    ``target_weight`` α, ``other_weight`` β, which KD ties to the teacher's own doubt (arXiv:2203.08679).
    Class-number targets only.
    """

    def soft(student: Tensor, taught: Tensor, targets: Tensor) -> Tensor:
        from torch.nn import functional

        if targets.is_floating_point():
            raise ValueError("dkd needs class numbers as targets (int64, N), as it sets the target class apart.")
        (log_p, rest_p), (log_q, rest_q) = (_decoupled(x / temperature, targets) for x in (taught, student))
        target = functional.kl_div(log_q, log_p, reduction="sum", log_target=True)
        others = functional.kl_div(rest_q, rest_p, reduction="sum", log_target=True)
        return temperature**2 * (target_weight * target + other_weight * others)

    return _from_logits(objective, teacher, soft, 1.0, 1.0)


def similarity(
    objective: Objective, teacher: nn.Module, *, layers: Layers, weight: PositiveFloat = 3000.0
) -> Objective:
    """Objective + γ · ‖G_teacher − G_student‖² / b² of each layer (Tung & Mori 2019, equation 4; arXiv:1907.09682).

    G: b × b inner products of the samples' features, each row of length 1, so that the widths of both networks may
    differ. ``layers``: names of modules that both have; ``weight``: γ. Times b, to be a sum over samples; as it
    compares the samples of a batch, micro-batches do not add up to it exactly.
    """

    def loss(model: nn.Module, batch: Batch) -> Loss:
        import torch

        with _features(teacher, layers) as theirs, torch.no_grad():
            teacher(batch.inputs)
        with _features(model, layers) as ours:
            told = objective(model, batch)
        gaps = [(_gram(ours[name]) - _gram(theirs[name])).square().sum() for name in layers]
        size = len(batch.inputs)
        return Loss(total=told.total + weight * torch.stack(gaps).sum() / size, count=told.count)

    return loss


DISTILLERS: Registry[Objective] = Registry("distillation", {"kd": kd, "dkd": dkd, "similarity": similarity})


def _from_logits(objective: Objective, teacher: nn.Module, soft: Soft, hard_weight: float, weight: float) -> Objective:
    """``hard_weight`` · objective + ``weight`` · soft(student's logits, teacher's logits, targets)."""

    def loss(model: nn.Module, batch: Batch) -> Loss:
        import torch

        with torch.no_grad():
            taught = teacher(batch.inputs).float()
        recorded = _Recorded(model)
        told = objective(recorded, batch)  # type: ignore[arg-type]
        total = weight * soft(recorded.output.float(), taught, batch.targets)
        return Loss(total=hard_weight * told.total + total, count=told.count)

    return loss


class _Recorded:
    """A model that remembers what it answered, so that two losses share one forward pass."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.output: Tensor

    def __call__(self, inputs: Tensor) -> Tensor:
        self.output = self.model(inputs)
        return self.output


def _decoupled(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """N×2 log-probabilities of the target class and of all others, and N×K among the others alone."""
    import torch

    is_target = torch.zeros_like(logits, dtype=torch.bool).scatter_(1, targets[:, None], True)
    log_probs = logits.log_softmax(1)
    target = log_probs.gather(1, targets[:, None])
    others = log_probs.masked_fill(is_target, -1e4)
    return torch.cat([target, others.logsumexp(1, keepdim=True)], 1), others.log_softmax(1)


@contextmanager
def _features(model: nn.Module, layers: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """What the named modules put out while the block lasts."""
    found: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[..., None]:
        def hook(_: nn.Module, __: object, output: Tensor) -> None:
            found[name] = output

        return hook

    handles = [model.get_submodule(name).register_forward_hook(keep(name)) for name in layers]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def _gram(features: Tensor) -> Tensor:
    """B × b inner products of the flattened features of b samples, every row of length 1."""
    from torch.nn import functional

    flat = features.flatten(1).float()
    return functional.normalize(flat @ flat.T, dim=1)
