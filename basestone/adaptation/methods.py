"""What a recipe may say under ``methods`` of an adaptation: the table, and nothing that imports torch.

A method is given the model with its new head, that head's name and the steps of the training to come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from basestone.core.registry import (
    Fraction,
    NonNegativeFloat,
    OpenFraction,
    PositiveFloat,
    PositiveInt,
    Registry,
)

if TYPE_CHECKING:
    from torch import nn

    from basestone.adaptation.adapted import Adapted

Targets = list[str] | None


def full(model: nn.Module, head: str, max_steps: int) -> Adapted:
    """Train every weight."""
    from basestone.adaptation.adapted import Adapted

    return Adapted(model)


def scratch(model: nn.Module, head: str, max_steps: int) -> Adapted:
    """Train every weight from its initialisation: what the parent's training was worth is the difference to this."""
    from basestone.adaptation.adapted import Adapted

    return Adapted(model)


def probe(model: nn.Module, head: str, max_steps: int) -> Adapted:
    """Train the head alone, on features that stay as they are."""
    from basestone.adaptation.adapted import Adapted, freeze, hold_still

    freeze(model, head)
    hold_still(model, head)
    return Adapted(model)


def adapter(
    model: nn.Module, head: str, max_steps: int, *, width: PositiveInt = 32, targets: Targets = None
) -> Adapted:
    """Bottleneck adapters (Houlsby et al. 2019, arXiv:1902.00751): two small layers behind each branch of each block.

    ``width``: of the bottleneck. ``targets``: ends of the names of the layers that get one; None: the last layer of
    every residual branch (attention and feed-forward; the last norm of a convolutional block). They stay in the model.
    """
    from basestone.adaptation.bottleneck import insert

    return insert(model, head, width, targets)


def lora(
    model: nn.Module,
    head: str,
    max_steps: int,
    *,
    rank: PositiveInt = 8,
    alpha: PositiveFloat = 16.0,
    drop_rate: OpenFraction = 0.0,
    targets: Targets = None,
) -> Adapted:
    """Low-rank updates of frozen weights (Hu et al. 2021, arXiv:2106.09685), folded into them in the end.

    ``alpha / rank`` scales the update; ``targets``: ends of the names of the layers, None: every linear and
    convolutional layer but the head.
    """
    from basestone.adaptation.low_rank import lora as build

    return build(model, head, rank=rank, alpha=alpha, drop_rate=drop_rate, targets=targets)


def adalora(
    model: nn.Module,
    head: str,
    max_steps: int,
    *,
    rank: PositiveInt = 8,
    initial_rank: PositiveInt = 12,
    alpha: PositiveFloat = 16.0,
    drop_rate: OpenFraction = 0.0,
    warmup: Fraction = 0.1,
    settle: Fraction = 0.3,
    every: PositiveInt = 1,
    orthogonality: NonNegativeFloat = 0.5,
    targets: Targets = None,
) -> Adapted:
    """LoRA whose ranks go where they matter (Zhang et al. 2023, arXiv:2303.10512): singular values are given up.

    From ``initial_rank`` a layer to ``rank`` on average, after the share ``warmup`` of the steps and until the share
    ``settle`` before their end, judged again ``every`` so many steps. ``orthogonality`` weighs the penalty that keeps
    both factors orthogonal.
    """
    from basestone.adaptation.low_rank import adalora as build

    return build(
        model,
        head,
        max_steps,
        rank=rank,
        initial_rank=initial_rank,
        alpha=alpha,
        drop_rate=drop_rate,
        warmup=warmup,
        settle=settle,
        every=every,
        orthogonality=orthogonality,
        targets=targets,
    )


METHODS: Registry[Adapted] = Registry(
    "method", {"full": full, "scratch": scratch, "probe": probe, "adapter": adapter, "lora": lora, "adalora": adalora}
)
FRESH = {"scratch"}  # methods that take nothing from the parent but its architecture
