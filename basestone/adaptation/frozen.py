"""Frozen features: what the last layer of a network is shown, read once, when nothing before it trains or is random.

Training a head then costs a pass over the data once instead of in every epoch, and comes to the same weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from basestone.core.batch import Batch
from basestone.core.contracts import BatchSource


def last_layer(model: nn.Module) -> str | None:
    """The name of the linear layer that alone trains, while all that a step runs before it is the same in each.

    None where more than one layer trains, or where something still drops or counts at random in training mode, or is
    moved by it (batch statistics). Leaves ``model`` in training mode.
    """
    trained = {name.rpartition(".")[0] for name, weight in model.named_parameters() if weight.requires_grad}
    name = trained.pop() if len(trained) == 1 else ""
    layers = dict(model.train().named_modules())
    if not isinstance(layers.get(name), nn.Linear):
        return None
    changing = (nn.modules.dropout._DropoutNd, nn.modules.batchnorm._NormBase, nn.RNNBase, nn.MultiheadAttention)
    moves = any(isinstance(layer, changing) and layer.training for layer in layers.values())
    return None if moves else name


@contextmanager
def without_layer(model: nn.Module, name: str) -> Iterator[nn.Module]:
    """The model answers what its layer ``name`` is shown; it is whole again afterwards."""
    layer = model.get_submodule(name)
    model.set_submodule(name, nn.Identity())
    try:
        yield model
    finally:
        model.set_submodule(name, layer)


class Features:
    """A ``core.contracts.BatchSource``: the samples of ``source`` with N×F float32 ``features`` as their inputs."""

    def __init__(self, source: BatchSource, features: Tensor) -> None:
        """``features``: in the order of ``source``, whose targets and groups these samples keep."""
        self._source, self._features = source, features

    def __len__(self) -> int:
        """N."""
        return len(self._features)

    @property
    def targets(self) -> NDArray[np.int64]:
        """Those of the source."""
        return self._source.targets

    @property
    def groups(self) -> Mapping[str, NDArray[np.str_]]:
        """Those of the source; none where it has none."""
        return getattr(self._source, "groups", {})

    def batch(self, positions: NDArray[np.int64], generator: torch.Generator | None = None, *, epoch: int = 0) -> Batch:
        """The features at ``positions``; nothing about them is random."""
        index = torch.from_numpy(np.asarray(positions, dtype=np.int64))
        return Batch(inputs=self._features[index], targets=torch.from_numpy(self.targets)[index], index=index)
