"""Muon: orthogonalised momentum for the hidden weights of a network.

Keller Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/.

The momentum of each weight, as a matrix, is replaced by an approximation of the nearest semi-orthogonal matrix, so that
a step moves all directions alike. Weights that are not hidden are stepped by AdamW inside the same optimizer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import AdamW, Optimizer

COEFFICIENTS = 3.4445, -4.7750, 2.0315  # quintic with the steepest slope at 0 (the post, "tuning the coefficients")


class Muon(Optimizer):
    """One optimizer over two kinds of groups; ``group["orthogonalise"]`` tells them apart.

    Shapes: a parameter with more than two axes is seen as out × rest. The step of an m × n matrix is scaled by
    √max(1, m/n), as in the post. Its learning rates are ``lr`` and ``adamw_lr``; a schedule scales both.
    """

    def __init__(
        self,
        hidden: list[dict[str, Any]],
        others: list[dict[str, Any]],
        *,
        lr: float,
        momentum: float,
        nesterov: bool,
        newton_schulz_steps: int,
        adamw_lr: float,
        adamw_betas: tuple[float, float],
    ) -> None:
        """``hidden`` and ``others`` are torch parameter groups."""
        self._adamw = AdamW(others, lr=adamw_lr, betas=adamw_betas, fused=True) if others else None
        defaults = {"lr": lr, "momentum": momentum, "nesterov": nesterov, "newton_schulz_steps": newton_schulz_steps}
        marked = [group | {"orthogonalise": True} for group in hidden]
        marked += [group | {"orthogonalise": False} for group in (self._adamw.param_groups if self._adamw else [])]
        super().__init__(marked, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Moves every parameter that has a gradient."""
        loss = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            if group["orthogonalise"]:
                for parameter in group["params"]:
                    if parameter.grad is not None:
                        self._step_hidden(parameter, parameter.grad, group)
        if self._adamw is not None:  # it works on this optimizer's own groups and state, so there is one of each
            self._adamw.state = self.state
            self._adamw.param_groups = [group for group in self.param_groups if not group["orthogonalise"]]
            self._adamw.step()
        return loss

    def _step_hidden(self, parameter: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        momentum = state["momentum_buffer"].lerp_(grad, 1 - group["momentum"])
        direction = grad.lerp(momentum, group["momentum"]) if group["nesterov"] else momentum
        update = orthogonalise(direction.flatten(1), group["newton_schulz_steps"])
        scale = max(1.0, update.size(0) / update.size(1)) ** 0.5
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.add_(update.view(parameter.shape), alpha=-group["lr"] * scale)


def orthogonalise(matrix: Tensor, steps: int) -> Tensor:
    """Newton–Schulz iteration: M = U S Vᵀ to about U Vᵀ, singular values within roughly 0.7–1.2 after 5 steps.

    m × n in, m × n out, bfloat16. Small singular values (below about 0.01 of the Frobenius norm) come out lower.
    """
    a, b, c = COEFFICIENTS
    x = matrix.bfloat16()
    wide = x if x.size(0) <= x.size(1) else x.T
    wide = wide / wide.norm().clamp(min=1e-7)
    for _ in range(steps):
        gram = wide @ wide.T
        polynomial = torch.addmm(gram, gram, gram, beta=b, alpha=c)
        wide = torch.addmm(wide, polynomial, wide, beta=a)
    return (wide if x.size(0) <= x.size(1) else wide.T).contiguous()
