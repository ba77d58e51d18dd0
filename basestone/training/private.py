"""Steps that hide every single sample: clipped gradients, each sample's own, and noise over their sum.

Abadi et al. 2016 (arXiv:1607.00133, algorithm 1): a step takes each sample with the probability q = batch size / N,
independently (Poisson sampling), scales its gradient down to the norm C where it is longer, adds N(0, σ²C²) to each
coordinate of the sum and divides by the batch size that is expected. Momentum, schedules, weight decay and averages
work on what came out of that, which costs nothing more. Per-sample gradients: ``torch.func.grad`` under ``vmap``.

**The noise is a secret.** Whoever knows it can subtract it, and whoever knows which samples a step took gains as much
as without sampling. So both come from 63 bits of the operating system, drawn once, kept beside the checkpoints (a
resumed run is the unbroken run) and deleted with them. ``randomness: seeded`` takes the recipe's seed instead, for
tests: such a run repeats exactly, and claims nothing. Numbers are pseudo-random and floating (Mironov 2012): no defence
against whoever sees the weights' last bits and has the time.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, vmap
from torch.nn.modules.batchnorm import _BatchNorm  # pyright: ignore[reportPrivateUsage]

from basestone.core.artifact import write_text
from basestone.core.batch import Batch
from basestone.core.contracts import Objective, view_of
from basestone.core.errors import UsageError
from basestone.core.seed import numpy_generator, torch_generator
from basestone.training.options import PrivateOptions

MIXING = (_BatchNorm,)  # a sample's output depends on the rest of the batch
UNSUPPORTED = (nn.RNNBase,)  # kernels that vmap cannot see into


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What a private training did, all that its ε follows from: ``steps`` at ``rate`` with noise ``noise`` (σ)."""

    noise: float
    rate: float
    steps: int
    delta: float
    clip: float
    num_samples: int
    randomness: str

    def to_json(self) -> dict[str, Any]:
        """As a stage's facts carry it."""
        return dict(vars(self))


class PrivateSteps:
    """Chooses the samples of each step and makes its gradient. N samples, B = ``batch_size`` of them expected."""

    def __init__(
        self,
        model: nn.Module,
        objective: Objective,
        options: PrivateOptions,
        noise: float,
        *,
        num_samples: int,
        batch_size: int,
        at_once: int,
        secret: int,
    ) -> None:
        """``noise``: σ; ``at_once``: samples whose gradients are held together; ``secret``: where randomness is from.

        Raises:
            UsageError: the model mixes samples, or the objective has other samples than the data.
        """
        refuse_mixing(model, objective)
        self.model, self.objective, self.options, self.noise = model, objective, options, noise
        self.num_samples, self.batch_size, self.at_once, self.secret = num_samples, batch_size, at_once, secret
        self.parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}

    @property
    def rate(self) -> float:
        """q, the probability with which a step takes a sample."""
        return min(1.0, self.batch_size / self.num_samples)

    def spent(self, steps: int) -> Spent:
        """What ``steps`` steps come to."""
        return Spent(
            noise=self.noise,
            rate=self.rate,
            steps=steps,
            delta=self.options.delta,
            clip=self.options.clip,
            num_samples=self.num_samples,
            randomness=self.options.randomness,
        )

    def positions(self, step: int) -> NDArray[np.int64]:
        """The samples of one step, each with the same probability, whatever the others."""
        taken = numpy_generator(self.secret, "poisson", step).random(self.num_samples) < self.rate
        return np.flatnonzero(taken)

    def backward(self, batch: Batch, step: int) -> tuple[Tensor, int]:
        """Puts the step's gradient where an optimizer looks for it; the sum of losses, and of how many samples."""
        sums = {name: torch.zeros_like(p, requires_grad=False) for name, p in self.parameters.items()}
        total = torch.zeros(())
        for part in _parts(batch, self.at_once):
            grads, losses = self._per_sample(part)
            weights = _clipping(grads, self.options.clip)
            for name, grad in grads.items():
                sums[name] += torch.tensordot(weights, grad, dims=1)
            total = total + losses.sum()
        generator = torch_generator(self.secret, "noise", step)
        deviation = self.noise * self.options.clip
        for name, parameter in self.parameters.items():
            noise = torch.randn(parameter.shape, generator=generator) * deviation if deviation else 0.0
            parameter.grad = torch.empty_like(parameter).copy_((sums[name] + noise) / self.batch_size)
        return total, max(len(batch), 1)

    def _per_sample(self, batch: Batch) -> tuple[dict[str, Tensor], Tensor]:
        """Name → n×(shape) gradients of each sample's own loss, and the n losses."""
        buffers = dict(self.model.named_buffers())
        weights = {name: parameter.detach() for name, parameter in self.parameters.items()}

        def loss(weights: dict[str, Tensor], inputs: Tensor, targets: Tensor, index: Tensor) -> Tensor:
            one = Batch(inputs=inputs[None], targets=targets[None], index=index[None])
            told: Any = lambda seen: functional_call(self.model, (weights, buffers), (seen,))  # noqa: E731
            return self.objective(told, one).total

        each = vmap(grad_and_value(loss), in_dims=(None, 0, 0, 0), randomness="different")
        grads, losses = each(weights, batch.inputs, batch.targets, batch.index)
        return grads, losses.detach()


def refuse_mixing(model: nn.Module, objective: Objective) -> None:
    """UsageError where a gradient is not one sample's own: it names the layers, or the objective."""
    if (kind := view_of(objective).kind) != "labels":
        raise UsageError(
            f"fit.private hides single samples, and this objective reads its data as '{kind}', where a sample is no "
            "person's. Use it with cross_entropy or mse."
        )
    model.train()  # what stays in evaluation mode is frozen, and goes by statistics that no sample of these moved
    found = [name for name, layer in model.named_modules() if isinstance(layer, MIXING) and layer.training]
    if found:
        raise UsageError(
            "fit.private needs a network in which no sample sees another, and batch norm shows each the whole batch: "
            f"{', '.join(found[:4])}{f' and {len(found) - 4} more' if len(found) > 4 else ''}. "
            "Use group norm, e.g. model: {kind: small_cnn, norm: group}, or a Transformer, which has none."
        )
    layers = [(name, layer) for name, layer in model.named_modules() if isinstance(layer, UNSUPPORTED)]
    if found := [name or type(layer).__name__ for name, layer in layers]:
        raise UsageError(
            "fit.private needs each sample's own gradient, and PyTorch's recurrent layers give none: "
            f"{', '.join(found)}. Choose a convolutional network or a Transformer."
        )


def secret_of(folder: Path, options: PrivateOptions, seed: int) -> int:
    """Where this training's randomness is from; drawn once, found again in ``folder`` when a run is resumed."""
    if options.randomness == "seeded":
        return seed
    path = folder / ".secret"
    if not path.exists():
        write_text(path, str(secrets.randbits(63)))
        path.chmod(0o600)
    return int(path.read_text())


def _clipping(grads: dict[str, Tensor], clip: float) -> Tensor:
    """N factors that bring each sample's whole gradient to a norm of at most ``clip``; 1 where it is shorter."""
    squares = torch.stack([grad.flatten(1).square().sum(1) for grad in grads.values()]).sum(0)
    return (clip / squares.sqrt()).clamp(max=1.0)


def _parts(batch: Batch, size: int) -> list[Batch]:
    """At most ``size`` samples each; none of nothing."""
    columns = (column.split(size) for column in (batch.inputs, batch.targets, batch.index))
    return [
        replace(batch, inputs=inputs, targets=targets, index=index)
        for inputs, targets, index in zip(*columns, strict=True)
        if len(index)
    ]
