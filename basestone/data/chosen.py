"""Some samples of a source as a source of their own, perhaps with other targets than theirs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from basestone.core.batch import Batch
from basestone.core.contracts import BatchSource

if TYPE_CHECKING:
    import torch

Positions = NDArray[np.int64]


class Chosen:
    """A ``core.contracts.BatchSource``: the n samples of ``source`` at ``where``, in that order."""

    def __init__(self, source: BatchSource, where: Positions, targets: Positions | None = None) -> None:
        """``targets``: what the n samples are taken for; None: their own."""
        self._source, self._where = source, where
        self._targets = source.targets[where] if targets is None else targets

    def __len__(self) -> int:
        """N."""
        return len(self._where)

    @property
    def targets(self) -> Positions:
        """N class positions."""
        return self._targets

    @property
    def groups(self) -> dict[str, NDArray[np.str_]]:
        """The group columns of the n samples; none where the source has none."""
        held: Mapping[str, NDArray[np.str_]] = getattr(self._source, "groups", {})
        return {name: values[self._where] for name, values in held.items()}

    def batch(self, positions: Positions, generator: torch.Generator | None = None, *, epoch: int = 0) -> Batch:
        """The samples at ``positions``, as the source gives them; augmented when a generator is given."""
        import torch

        index = np.asarray(positions, dtype=np.int64)
        batch = self._source.batch(self._where[index], generator, epoch=epoch)
        return replace(batch, targets=torch.from_numpy(self._targets[index]), index=torch.from_numpy(index))
