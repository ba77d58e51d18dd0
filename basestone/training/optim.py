"""How gradients become steps: the optimizers that a recipe may name.

Weight decay leaves out biases and norm gains (any parameter with fewer than two axes) unless it is told otherwise:
shrinking them does not regularise (Goyal et al. 2017, arXiv:1706.02677, section 5.3). The kernels are torch's fused
ones, the fastest on CPU too: 11M parameters take 11 ms (SGD) and 12 ms (AdamW) on one core here, 13–44 ms otherwise.
They walk memory: a gradient must have its parameter's strides, as ``backward()`` makes it; one assigned by hand in
another layout gives wrong weights without a word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from basestone.core.errors import UsageError
from basestone.core.registry import NonNegativeFloat, OpenFraction, PositiveFloat, PositiveInt, Registry

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer


def sgd(
    module: nn.Module,
    *,
    lr: PositiveFloat,
    momentum: OpenFraction = 0.9,
    nesterov: bool = False,
    weight_decay: NonNegativeFloat = 0.0,
    decay_norm_and_bias: bool = False,
) -> Optimizer:
    """Stochastic gradient descent with momentum; the decay is added to the gradient (L2)."""
    import torch

    if nesterov and momentum == 0:
        raise UsageError("optimizer.nesterov needs optimizer.momentum above 0; got 0. Raise it, or drop nesterov.")
    groups = parameter_groups(module, weight_decay, decay_norm_and_bias)
    return torch.optim.SGD(groups, lr=lr, momentum=momentum, nesterov=nesterov, fused=True)


def adam(
    module: nn.Module,
    *,
    lr: PositiveFloat,
    beta1: OpenFraction = 0.9,
    beta2: OpenFraction = 0.999,
    eps: PositiveFloat = 1e-8,
    weight_decay: NonNegativeFloat = 0.0,
    decay_norm_and_bias: bool = False,
) -> Optimizer:
    """Adam (Kingma & Ba 2015, arXiv:1412.6980); the decay is added to the gradient (L2)."""
    import torch

    groups = parameter_groups(module, weight_decay, decay_norm_and_bias)
    return torch.optim.Adam(groups, lr=lr, betas=(beta1, beta2), eps=eps, fused=True)


def adamw(
    module: nn.Module,
    *,
    lr: PositiveFloat,
    beta1: OpenFraction = 0.9,
    beta2: OpenFraction = 0.999,
    eps: PositiveFloat = 1e-8,
    weight_decay: NonNegativeFloat = 0.01,
    decay_norm_and_bias: bool = False,
) -> Optimizer:
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019, arXiv:1711.05101)."""
    import torch

    groups = parameter_groups(module, weight_decay, decay_norm_and_bias)
    return torch.optim.AdamW(groups, lr=lr, betas=(beta1, beta2), eps=eps, fused=True)


def muon(
    module: nn.Module,
    *,
    lr: PositiveFloat,
    momentum: OpenFraction = 0.95,
    nesterov: bool = True,
    newton_schulz_steps: PositiveInt = 5,
    weight_decay: NonNegativeFloat = 0.0,
    adamw_lr: PositiveFloat = 1e-3,
    adamw_beta1: OpenFraction = 0.9,
    adamw_beta2: OpenFraction = 0.95,
    decay_norm_and_bias: bool = False,
) -> Optimizer:
    """Orthogonalised momentum for hidden weights (Keller Jordan 2024), AdamW with its own rate for all others.

    Hidden is what has at least two axes and is neither the first such parameter (the stem), nor the last (the head),
    nor an embedding. A convolution kernel counts as a matrix out × (in·height·width).
    """
    from basestone.training.muon import Muon

    hidden = hidden_weights(module)
    if not hidden:
        raise UsageError(
            "optimizer 'muon' needs a weight between the model's first and last ones and found none. Use 'adamw'."
        )
    return Muon(
        [{"params": hidden, "weight_decay": weight_decay}],
        parameter_groups(module, weight_decay, decay_norm_and_bias, leave_out=hidden),
        lr=lr,
        momentum=momentum,
        nesterov=nesterov,
        newton_schulz_steps=newton_schulz_steps,
        adamw_lr=adamw_lr,
        adamw_betas=(adamw_beta1, adamw_beta2),
    )


OPTIMIZERS: Registry[Optimizer] = Registry("optimizer", {"sgd": sgd, "adam": adam, "adamw": adamw, "muon": muon})


def parameter_groups(
    module: nn.Module, weight_decay: float, decay_norm_and_bias: bool, leave_out: list[nn.Parameter] | None = None
) -> list[dict[str, Any]]:
    """The trainable parameters in torch's groups: with decay, then without; an empty group is left away."""
    known = {id(parameter) for parameter in leave_out or []}
    rest = [p for p in module.parameters() if p.requires_grad and id(p) not in known]
    decayed = [p for p in rest if decay_norm_and_bias or p.ndim >= 2]
    spared = [p for p in rest if not decay_norm_and_bias and p.ndim < 2]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": spared, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]


def hidden_weights(module: nn.Module) -> list[nn.Parameter]:
    """Trainable parameters with at least two axes, less the first, the last and every embedding."""
    from torch.nn import Embedding

    weights = [parameter for parameter in module.parameters() if parameter.ndim >= 2]
    embedded = {id(part.weight) for part in module.modules() if isinstance(part, Embedding)}
    return [p for p in weights[1:-1] if p.requires_grad and id(p) not in embedded]
