"""Every random number in a run is a pure function of the recipe's seed and of what it is for.

There is no generator state to save: a resumed run asks for the same names and gets the same numbers.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def derive(seed: int, *names: str | int) -> int:
    """A 63-bit seed for one purpose: ``derive(0, "order", epoch)``. Distinct names give independent streams."""
    text = "\x1f".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def numpy_generator(seed: int, *names: str | int) -> np.random.Generator:
    """A fresh numpy generator for one purpose (PCG64, stable across platforms)."""
    return np.random.Generator(np.random.PCG64(derive(seed, *names)))


def torch_generator(seed: int, *names: str | int) -> torch.Generator:
    """A fresh CPU torch generator for one purpose."""
    import torch

    return torch.Generator().manual_seed(derive(seed, *names))
