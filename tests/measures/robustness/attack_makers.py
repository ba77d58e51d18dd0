"""Models whose nearest wrong answer is known, and the images to ask them about."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from basestone.core.ball import Ball
from basestone.measures.robustness.attacks.victim import Victim
from basestone.measures.subject import Subject

SIDE, CLASSES = 4, 5


def linear(seed: int = 0, classes: int = CLASSES) -> nn.Module:
    """A linear classifier of 1×4×4 images."""
    generator = torch.Generator().manual_seed(seed)
    layer = nn.Linear(SIDE * SIDE, classes)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator))
        layer.bias.zero_()
    return nn.Sequential(nn.Flatten(), layer)


def images(count: int = 12, seed: int = 1) -> Tensor:
    """Grey images in the middle of the box, so that its walls are far."""
    generator = torch.Generator().manual_seed(seed)
    return 0.5 + 0.1 * (torch.rand(count, 1, SIDE, SIDE, generator=generator) - 0.5)


def distances(model: nn.Module, inputs: Tensor, norm: str) -> Tensor:
    """N×K distances to each other class's boundary: (z_y − z_k) / ‖w_y − w_k‖ in the dual norm; ∞ to its own."""
    weight = model[1].weight
    logits = model(inputs)
    true = logits.argmax(1)
    gaps = logits.gather(1, true[:, None]) - logits
    apart = weight[true][:, None] - weight[None]
    dual = apart.abs().sum(2) if norm == "linf" else apart.norm(dim=2)
    return (gaps / dual).scatter(1, true[:, None], torch.inf).detach()


def victim(model: nn.Module, inputs: Tensor, norm: str, epsilon: float, labels: Tensor | None = None) -> Victim:
    """The model's own answers are the truth unless ``labels`` are given."""
    with torch.no_grad():
        truth = model(inputs).argmax(1) if labels is None else labels
    subject = Subject(model=model)
    found = Victim(subject, inputs, truth, range(len(inputs)), ball=Ball(norm=norm, epsilon=epsilon), seed=0)
    found.look(len(inputs))
    return found
