"""Training against the worst change within a radius. Torch-free when imported: ``check`` reads the table.

The radius is on the 0–1 scale of pixels, or on that of samples, −1 to 1, as in an audit's attack, so that the objective
has to be told of its data (``for_data``). The worst change is looked for by projected gradient ascent in evaluation
mode and with weights that ask for no gradient, so that batch statistics are those of the batch that is learnt from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

from annotated_types import Gt, Le

from basestone.core.ball import Ball, Norm, over_images
from basestone.core.contracts import Loss, Objective
from basestone.core.errors import UsageError
from basestone.core.registry import PositiveFloat, PositiveInt
from basestone.core.spec import DataSpec, ImageSpec, SpeechSpec
from basestone.core.waves import SPAN, recorded, to_pixels, to_waves

if TYPE_CHECKING:
    from torch import Tensor, nn

    from basestone.core.batch import Batch

CLOSE = 1e-3  # deviation of TRADES' start: at the image itself the divergence has no slope


class _Scale(Protocol):
    """Between what a model is given and pixels of 0 to 1."""

    def pixels(self, inputs: Tensor) -> Tensor: ...

    def inputs(self, pixels: Tensor, before: Tensor) -> Tensor:
        """``before``: what the model was given at first."""
        ...


@dataclass(frozen=True)
class _Images:
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def pixels(self, inputs: Tensor) -> Tensor:
        mean, std = self._like(inputs)
        return (inputs * std + mean).clamp(0, 1)

    def inputs(self, pixels: Tensor, before: Tensor) -> Tensor:
        mean, std = self._like(before)
        return (pixels - mean) / std

    def _like(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        return inputs.new_tensor(self.mean)[:, None, None], inputs.new_tensor(self.std)[:, None, None]


@dataclass(frozen=True)
class _Recordings:
    def pixels(self, inputs: Tensor) -> Tensor:
        return to_pixels(inputs)

    def inputs(self, pixels: Tensor, before: Tensor) -> Tensor:
        return to_waves(pixels, recorded(before))


@dataclass(frozen=True, kw_only=True)
class _Adversarial:
    ball: Ball
    steps: int
    step: float
    method: Literal["pgd", "trades"]
    beta: float
    scale: _Scale | None = None

    @property
    def passes(self) -> int:
        """What one sample costs in training, in forward passes; three where nothing is looked for."""
        return 3 + 2 * self.steps + (4 if self.method == "trades" else 0)

    def for_data(self, spec: DataSpec) -> _Adversarial:
        """The same, told of the scale; UsageError for anything but images or recordings with a class each."""
        if isinstance(spec, ImageSpec) and spec.head == "classes":
            return replace(self, scale=_Images(spec.mean, spec.std))
        if not isinstance(spec, SpeechSpec) or spec.head != "classes":
            raise UsageError(
                "The objective 'adversarial' is for images or recordings with one class each; choose another."
            )
        if self.ball.norm != "linf":
            raise UsageError("The objective 'adversarial' takes norm linf for recordings so far. Change it.")
        ball = replace(self.ball, epsilon=self.ball.epsilon / SPAN)
        return replace(self, ball=ball, step=self.step / SPAN, scale=_Recordings())

    def __call__(self, model: nn.Module, batch: Batch) -> Loss:
        """PGD: the loss at the worst change alone. TRADES: the loss as it is, and how far answers can be moved."""
        from torch.nn import functional

        inputs, targets = batch.inputs, batch.targets
        if self.method == "pgd":
            worst = self._worst(model, inputs, lambda z: functional.cross_entropy(z, targets, reduction="sum"))
            total = functional.cross_entropy(model(worst).float(), targets, reduction="sum")
            return Loss(total=total, count=len(batch))
        with _held(model):
            kept = model(inputs).detach().float()
        worst = self._worst(model, inputs, lambda z: _divergence(kept, z))
        moved, logits = model(worst).float(), model(inputs).float()
        total = functional.cross_entropy(logits, targets, reduction="sum") + self.beta * _divergence(logits, moved)
        return Loss(total=total, count=len(batch))

    def _worst(self, model: nn.Module, inputs: Tensor, loss: Callable[[Tensor], Tensor]) -> Tensor:
        """Inputs, moved within the ball to where ``loss`` of the logits is large."""
        import torch

        if (scale := self.scale) is None:
            raise UsageError("The objective 'adversarial' must be told of its data before it trains (for_data).")
        before = inputs.detach()
        centre = scale.pixels(before)
        x = self.ball.project(centre + self._start(centre), centre)
        with _held(model), torch.enable_grad():
            for _ in range(self.steps):
                x = x.detach().requires_grad_()
                (slope,) = torch.autograd.grad(loss(model(scale.inputs(x, before)).float()), x)
                x = self.ball.project(x.detach() + self.step * self.ball.steepest(slope), centre)
        return scale.inputs(x.detach(), before)

    def _start(self, centre: Tensor) -> Tensor:
        import torch

        if self.method == "trades":
            return CLOSE * torch.randn_like(centre)
        if self.ball.norm == "linf":
            return self.ball.epsilon * (2 * torch.rand_like(centre) - 1)
        distance = torch.rand(len(centre), device=centre.device) ** (1 / centre[0].numel())
        return self.ball.epsilon * over_images(distance) * self.ball.steepest(torch.randn_like(centre))


def adversarial(
    *,
    epsilon: Annotated[float, Gt(0), Le(100)],
    norm: Norm = "linf",
    steps: PositiveInt = 7,
    step_size: PositiveFloat | None = None,
    method: Literal["pgd", "trades"] = "pgd",
    beta: PositiveFloat = 6.0,
) -> Objective:
    """Cross-entropy at the worst change within ``epsilon`` (Madry et al. 2018, arXiv:1706.06083), or TRADES.

    ``steps`` of projected ascent, each of ``step_size`` (None: 2.5 · ε / steps). ``trades``: cross-entropy as it is +
    ``beta`` · KL(answer ‖ answer at the worst change) (Zhang et al. 2019, arXiv:1901.08573, equation 5).
    """
    size = 2.5 * epsilon / steps if step_size is None else step_size
    return _Adversarial(ball=Ball(norm=norm, epsilon=epsilon), steps=steps, step=size, method=method, beta=beta)


def _divergence(kept: Tensor, moved: Tensor) -> Tensor:
    """KL(softmax(kept) ‖ softmax(moved)) in nats, summed over the samples."""
    from torch.nn import functional

    return functional.kl_div(moved.log_softmax(1), kept.log_softmax(1), reduction="sum", log_target=True)


@contextmanager
def _held(model: nn.Module) -> Iterator[None]:
    """Evaluation mode and weights without gradients inside; afterwards everything as it was."""
    training = [module for module in model.modules() if module.training]
    learning = [weight for weight in model.parameters() if weight.requires_grad]
    model.eval()
    model.requires_grad_(False)
    try:
        yield
    finally:
        for module in training:
            module.training = True
        for weight in learning:
            weight.requires_grad_(True)
