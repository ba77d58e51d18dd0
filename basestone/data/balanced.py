"""A split in which every combination of class and groups is as frequent as the most frequent one.

What a model can learn from how often a class and a mark occur together is then gone from the data (group-balanced
sampling: Sagawa et al. 2020, arXiv:2005.04345; for the last layer alone, Kirichenko et al. 2023, arXiv:2204.02937).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from basestone.core.batch import Batch
from basestone.core.contracts import BatchSource


class Grouped(BatchSource, Protocol):
    """A split whose samples carry groups."""

    @property
    def groups(self) -> Mapping[str, NDArray[Any]]:
        """Column → one value a sample."""
        ...


class Balanced:
    """A ``core.contracts.BatchSource``: the samples of ``split``, rare combinations repeated; none is left out."""

    def __init__(self, split: Grouped) -> None:
        """ValueError when the split has no groups."""
        if not split.groups:
            raise ValueError("balancing needs groups, and the data name none.")
        self.split = split
        self.where = balanced_positions(split.targets, split.groups)

    def __len__(self) -> int:
        """Combinations that occur × the size of the largest."""
        return len(self.where)

    @property
    def targets(self) -> NDArray[np.int64]:
        """As many class positions."""
        return self.split.targets[self.where]

    def batch(self, positions: NDArray[np.int64], generator: torch.Generator | None = None, *, epoch: int = 0) -> Batch:
        """See ``BatchSource``; ``index`` is the place in the split itself."""
        return self.split.batch(self.where[positions], generator, epoch=epoch)


def balanced_positions(targets: NDArray[np.int64], groups: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
    """Positions of the split, each combination's as often as the largest has members, in turn."""
    columns = [targets, *(np.unique(values, return_inverse=True)[1] for values in groups.values())]
    _, stratum = np.unique(np.column_stack(columns), axis=0, return_inverse=True)
    members = [np.flatnonzero(stratum == one) for one in range(int(stratum.max()) + 1)]
    most = max(map(len, members))
    return np.concatenate([np.resize(member, most) for member in members])
