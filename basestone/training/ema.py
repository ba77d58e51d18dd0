"""An exponential moving average of a model's weights: less noise at the end of training, for one copy of the weights.

Tarvainen & Valpola 2017 (arXiv:1703.01780); Morales-Brotons et al. 2024 (arXiv:2411.18704).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class Average:
    """Averaged copies of all parameters and buffers, by name.

    Running statistics of batch normalisation are averaged with the same decay, so that they describe the activations
    of the averaged weights rather than of the last ones (as timm's ModelEmaV3 does); integer buffers are copied.
    The decay is min(decay, (1+t)/(10+t)) after t steps, so that the initial weights are soon forgotten (TensorFlow's
    ``ExponentialMovingAverage(num_updates=…)``).
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        """Starts from the model's present weights."""
        self.decay = decay
        self._live = _tensors(model)
        self.tensors = {name: tensor.detach().clone() for name, tensor in self._live.items()}
        floating = [name for name, tensor in self.tensors.items() if tensor.is_floating_point()]
        self._averaged = [self.tensors[name] for name in floating]
        self._sources = [self._live[name] for name in floating]
        self._copied = [name for name in self.tensors if name not in set(floating)]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Moves the average towards the weights after ``step`` (from 0)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        get_ema_multi_avg_fn(decay)(self._averaged, self._sources, 0)
        for name in self._copied:
            self.tensors[name].copy_(self._live[name])

    @torch.no_grad()
    def copy_to_model(self) -> None:
        """Puts the average into the model, for good."""
        for name, tensor in self.tensors.items():
            self._live[name].copy_(tensor)

    @contextmanager
    def in_model(self) -> Iterator[None]:
        """The model computes with the average inside, with its own weights afterwards. Nothing is copied."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        for name, tensor in self._live.items():
            tensor.data, self.tensors[name].data = self.tensors[name].data, tensor.data


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}
