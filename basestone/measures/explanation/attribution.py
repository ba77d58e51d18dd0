"""The methods of attribution: how much each pixel, token or sample of sound speaks for a class, by Captum.

N samples, C×H×W one image, T tokens one document, T samples one recording. Every method takes the differentiable twin
of the audited model, the inputs (images in 0–1, token numbers, or sound in −1 … 1), the classes to explain (N) and the
baseline, shaped as the inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from basestone.core.errors import MissingExtra, UsageError, did_you_mean
from basestone.measures.subject import Subject

AT_ONCE = 256  # points of all samples' ways


class Explainer(Protocol):
    """Numbers for a class, one a pixel (N×H×W) or a token (N×T)."""

    def __call__(self, subject: Subject, inputs: Tensor, targets: Tensor, baseline: Tensor) -> Tensor:
        """Greater where more speaks for the class of ``targets``."""
        ...


@dataclass(frozen=True)
class IntegratedGradients:
    """Of the class's logit, by the Gauss–Legendre rule with ``steps`` points (arXiv:1703.01365, eq. 1).

    They sum to the logit minus that of the baseline, up to the rule's error.
    """

    steps: int

    def __call__(self, subject: Subject, inputs: Tensor, targets: Tensor, baseline: Tensor) -> Tensor:
        """See ``Explainer``; of text, the sum over an embedding's dimensions."""
        attr = captum()
        if inputs.is_floating_point():
            method = attr.IntegratedGradients(subject.traced)
            return _ran(method, inputs, baselines=baseline, target=targets, **self._rule(inputs)).sum(1)
        method = attr.LayerIntegratedGradients(subject.traced, embedding_of(subject.model))
        return _ran(method, inputs, baselines=baseline, target=targets, **self._rule(inputs)).sum(-1)

    def _rule(self, inputs: Tensor) -> dict[str, int]:
        return {"n_steps": self.steps, "internal_batch_size": max(len(inputs), AT_ONCE)}


@dataclass(frozen=True)
class GradCam:
    """Maps of ``layer`` weighted by their mean gradients, what is negative cut off (arXiv:1610.02391, eq. 1 and 2).

    Brought to the image's size bilinearly.
    """

    layer: str | None = None

    def __call__(self, subject: Subject, inputs: Tensor, targets: Tensor, baseline: Tensor) -> Tensor:
        """See ``Explainer``."""
        _needs_images("grad_cam", inputs)
        layer = last_maps(subject, inputs[:1]) if self.layer is None else _named(subject.model, self.layer)
        method = captum().LayerGradCam(subject.traced, layer)
        found = _ran(method, inputs, target=targets, relu_attributions=True)
        return F.interpolate(found, inputs.shape[2:], mode="bilinear", align_corners=False)[:, 0]


@dataclass(frozen=True)
class Occlusion:
    """What the class's logit loses under a sliding window of mean colour, or without a token (arXiv:1311.2901).

    Of sound (N×T) under a window of silence, of so many samples; None: a sixteenth of the recording.
    """

    window: int | None = None

    def __call__(self, subject: Subject, inputs: Tensor, targets: Tensor, baseline: Tensor) -> Tensor:
        """See ``Explainer``; tokens are replaced by the baseline's one by one."""
        if not inputs.is_floating_point():
            method = captum().FeatureAblation(subject.logits)
            return _ran(method, inputs, baselines=baseline, target=targets).float()
        sound = inputs.ndim == 2
        places, channels = (inputs.shape[1:], ()) if sound else (inputs.shape[2:], inputs.shape[1:2])
        side = self.window or max(1, min(places) // (16 if sound else 4))
        shape, stride = ((*channels, *[length] * len(places)) for length in (side, max(1, side // 2)))
        method = captum().Occlusion(subject.logits)
        found = _ran(method, inputs, sliding_window_shapes=shape, strides=stride, baselines=baseline, target=targets)
        return found if sound else found.sum(1)


@dataclass(frozen=True)
class Edges:
    """The length of the Sobel gradient of the grey image, whatever the model; see ``methods.edges``."""

    def __call__(self, subject: Subject, inputs: Tensor, targets: Tensor, baseline: Tensor) -> Tensor:
        """See ``Explainer``; ``subject`` and ``targets`` are not looked at."""
        _needs_images("edges", inputs)
        sobel = inputs.new_tensor([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]])
        filters = torch.stack([sobel, sobel.T])[:, None]
        grey = F.pad(inputs.mean(1, keepdim=True), (1, 1, 1, 1), mode="replicate")
        return F.conv2d(grey, filters).norm(dim=1)


def captum() -> Any:
    """``captum.attr``; MissingExtra where it is not installed."""
    try:
        return import_module("captum.attr")
    except ImportError as error:
        raise MissingExtra("captum", "explain") from error


def embedding_of(model: nn.Module) -> nn.Embedding:
    """The table of tokens: of a model's embeddings, the one with the most rows."""
    tables = [layer for layer in model.modules() if isinstance(layer, nn.Embedding)]
    if not tables:
        raise UsageError(
            f"{type(model).__name__} has no embedding whose gradients could be taken. Choose the method occlusion."
        )
    return max(tables, key=lambda table: table.num_embeddings)


def last_maps(subject: Subject, image: Tensor) -> nn.Module:
    """The last layer to finish whose output still has places (N×C×H×W, more than one of them)."""
    found: list[nn.Module] = []

    def note(layer: nn.Module, _: object, output: object) -> None:
        if isinstance(output, Tensor) and output.ndim == 4 and output.shape[2:].numel() > 1:
            found.append(layer)

    hooks = [layer.register_forward_hook(note) for layer in subject.model.modules()]
    try:
        subject.logits(image)
    finally:
        for hook in hooks:
            hook.remove()
    if not found:
        raise UsageError(
            f"grad_cam needs feature maps, and {type(subject.model).__name__} has none. Choose integrated_gradients."
        )
    return found[-1]


def _named(model: nn.Module, name: str) -> nn.Module:
    layers = dict(model.named_modules())
    if name not in layers or not name:
        raise UsageError(f"The model has no layer '{name}' for grad_cam.{did_you_mean(name, [*filter(None, layers)])}")
    return layers[name]


def _needs_images(method: str, inputs: Tensor) -> None:
    if not inputs.is_floating_point():
        raise UsageError(f"The method {method} is for images. Choose integrated_gradients or occlusion for text.")


def _ran(method: Any, inputs: Tensor, **options: Any) -> Tensor:
    """One call of Captum with gradients on, whatever the caller has, and none left behind."""
    call: Callable[..., Tensor] = method.attribute
    with torch.enable_grad():
        return call(inputs, **options).detach()
