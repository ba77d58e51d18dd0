"""A stream of random numbers of its own for whatever draws initial values while it builds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def own_randomness() -> Iterator[None]:
    """Inside, the global stream begins at the same place each time; outside it is neither read nor moved."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        yield
