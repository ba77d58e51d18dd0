"""When to leave a run that leads nowhere.

A published budget spends as many passes on an image that is far from every boundary as on one that is about to fall.
Progress slows down as a run goes on, so that an image which would not arrive at twice the pace of the last stretch is
left. Slopes gain by the iteration; random squares by the doubling of their number. What that changes is measured in
``benchmarks/bench_attacks.py``; ``full`` never leaves a run.
"""

from __future__ import annotations

import torch
from torch import Tensor


def hopeless(before: Tensor, now: Tensor, stretch: float, left: float, patience: float | None) -> Tensor:
    """Which of N runs to leave: ``now`` is still to go, ``before`` was a ``stretch`` ago, ``left`` is what remains.

    An infinite ``now`` means that nothing has been reached yet.
    """
    if patience is None:
        return torch.zeros_like(now, dtype=torch.bool)
    gained = torch.nan_to_num(before - now, nan=0.0).clamp(min=0)
    return now > patience * gained / stretch * left
