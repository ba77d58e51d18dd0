"""How the learning rate moves over a run: a pure function from the step to a factor, so that resuming is arithmetic.

Steps count from 0. Every schedule starts with a linear warm-up that never is zero: with w warm-up steps, step s < w has
the factor (s+1)/(w+1), step w the factor 1 (Goyal et al. 2017, arXiv:1706.02677, section 2.2). The floor would be
reached at step ``max_steps``, one past the last: no step is spent at a rate of zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from basestone.core.errors import UsageError
from basestone.core.registry import Fraction, NaturalInt, OpenFraction, Registry

if TYPE_CHECKING:
    from torch.optim import Optimizer


@dataclass(frozen=True)
class Schedule:
    """Sets each parameter group's learning rate to its own initial rate times ``factor(step)``."""

    optimizer: Optimizer
    factor: Callable[[int], float]

    def __post_init__(self) -> None:
        """Remembers each group's own rate, as torch's schedulers do."""
        for group in self.optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])

    def apply(self, step: int) -> float:
        """Sets the rates of ``step`` (from 0), to be called before the optimizer's step; returns the first group's."""
        factor = self.factor(step)
        for group in self.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * factor
        return self.optimizer.param_groups[0]["lr"]


def constant(optimizer: Optimizer, max_steps: int, *, warmup_steps: NaturalInt = 0) -> Schedule:
    """The full rate after the warm-up."""
    return Schedule(optimizer, _warmed(max_steps, warmup_steps, lambda _: 1.0))


def linear(optimizer: Optimizer, max_steps: int, *, warmup_steps: NaturalInt = 0, floor: Fraction = 0.0) -> Schedule:
    """Down to ``floor`` times the full rate in a straight line."""
    return Schedule(optimizer, _warmed(max_steps, warmup_steps, lambda t: 1 - (1 - floor) * t))


def cosine(optimizer: Optimizer, max_steps: int, *, warmup_steps: NaturalInt = 0, floor: Fraction = 0.0) -> Schedule:
    """Down to ``floor`` times the full rate along half a cosine (Loshchilov & Hutter 2017, arXiv:1608.03983)."""
    return Schedule(optimizer, _warmed(max_steps, warmup_steps, lambda t: floor + (1 - floor) * _half_cosine(t)))


def one_cycle(
    optimizer: Optimizer,
    max_steps: int,
    *,
    warmup_fraction: OpenFraction = 0.25,
    start: Fraction = 0.04,
    floor: Fraction = 0.0,
    anneal: Literal["linear", "cosine"] = "linear",
) -> Schedule:
    """Up from ``start`` over ``warmup_fraction`` of the run, then down to ``floor``.

    Smith & Topin 2018 (arXiv:1708.07120). Differs: the momentum is not cycled.
    """
    peak = warmup_fraction * max_steps
    shape = _half_cosine if anneal == "cosine" else lambda t: 1 - t

    def factor(step: int) -> float:
        if step < peak:
            return start + (1 - start) * step / peak
        return floor + (1 - floor) * shape((step - peak) / (max_steps - peak))

    return Schedule(optimizer, factor)


SCHEDULES: Registry[Schedule] = Registry(
    "schedule", {"constant": constant, "linear": linear, "cosine": cosine, "one_cycle": one_cycle}
)


def _warmed(max_steps: int, warmup_steps: int, shape: Callable[[float], float]) -> Callable[[int], float]:
    """The warm-up, then ``shape`` of how much of the rest is behind (0–1)."""
    if warmup_steps >= max_steps:
        raise UsageError(
            f"schedule.warmup_steps must be below the run's {max_steps} steps; got {warmup_steps}. "
            "Lower it, or train longer."
        )

    def factor(step: int) -> float:
        if step < warmup_steps:
            return (step + 1) / (warmup_steps + 1)
        return shape((step - warmup_steps) / (max_steps - warmup_steps))

    return factor


def _half_cosine(t: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * t))
