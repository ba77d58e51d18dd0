"""Balanced sampling: every group, or every class, is drawn equally often, whatever its share of the data.

Idrissi et al. 2022, CLeaR, arXiv:2110.14503: for the worst group, drawing groups alike is as good as most of what is
more elaborate. An epoch stays as long as before: of a small group every sample comes several times, of a large one each
epoch another part.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from basestone.core.contracts import BatchSource
from basestone.core.errors import UsageError
from basestone.core.seed import numpy_generator

Balance = Literal["groups", "classes", "groups_and_classes"]


def strata(source: BatchSource, balance: Balance) -> NDArray[np.int64]:
    """The stratum of every sample, from 0: its class, its values in all group columns, or both.

    UsageError: groups are asked for and the data name none.
    """
    groups: Mapping[str, NDArray[Any]] = getattr(source, "groups", {})
    if balance != "classes" and not groups:
        raise UsageError("Groups can be told apart only where the data name them. Add data.groups.")
    named = [] if balance == "classes" else [values.astype(str) for values in groups.values()]
    columns = named + ([] if balance == "groups" else [source.targets.astype(str)])
    return np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)[1].reshape(-1)


class Balanced:
    """Puts a sample of a stratum into each place of an epoch; a pure function of (seed, epoch)."""

    def __init__(self, of: NDArray[np.int64], seed: int) -> None:
        """``of``: each sample's stratum."""
        members = [np.flatnonzero(of == one) for one in range(int(of.max()) + 1)]
        self._epoch = lru_cache(maxsize=2)(lambda epoch: _filled(members, len(of), seed, epoch))

    def __call__(self, places: NDArray[np.int64], epoch: int) -> NDArray[np.int64]:
        """The samples at some places of an epoch."""
        return self._epoch(epoch)[places]


def _filled(members: list[NDArray[np.int64]], size: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """``size`` samples in which strata differ by one place at most; each comes whole before any of it comes again."""
    draws = numpy_generator(seed, "balance", epoch)
    share, rest = divmod(size, len(members))
    more = draws.permutation(len(members)) < rest
    return np.concatenate(
        [_cycled(of, share + int(extra), draws) for of, extra in zip(members, more.tolist(), strict=True)]
    )


def _cycled(of: NDArray[np.int64], count: int, draws: np.random.Generator) -> NDArray[np.int64]:
    rounds = -(-count // len(of))
    return np.concatenate([draws.permutation(of) for _ in range(rounds)] or [of[:0]])[:count]
