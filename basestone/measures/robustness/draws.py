"""Random numbers for a batch of images, each image's own: a batch's composition never changes an image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import torch
from torch import Generator, Tensor

from basestone.core.seed import torch_generator


class Draws:
    """One generator an image, seeded by (seed, corruption, severity, index)."""

    def __init__(self, seed: int, corruption: str, severity: int, index: Sequence[int]) -> None:
        """``index`` holds the identities of the N images of the batch."""
        self.seed = seed
        self._names = [("corruption", corruption, severity, int(i)) for i in index]

    @cached_property
    def _generators(self) -> list[Generator]:
        return [torch_generator(self.seed, *names) for names in self._names]

    def normal(self, *shape: int) -> Tensor:
        """N×shape standard normal numbers."""
        return self._each(lambda generator: torch.randn(shape, generator=generator))

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """N×shape uniform numbers in [low, high)."""
        return low + (high - low) * self._each(lambda generator: torch.rand(shape, generator=generator))

    def poisson(self, rate: Tensor) -> Tensor:
        """Poisson counts of the rates N×…, in their shape."""
        pairs = zip(rate, self._generators, strict=True)
        return torch.stack([torch.poisson(rates, generator=generator) for rates, generator in pairs])

    def _each(self, draw: Callable[[Generator], Tensor]) -> Tensor:
        return torch.stack([draw(generator) for generator in self._generators])
