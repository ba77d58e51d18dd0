"""A residual network small enough to train on a laptop in a minute, and good enough to be worth it.

Each stage is a 3×3 convolution with batch (or group) norm and ReLU, then residual blocks; between stages a 2×2 max-pool
halves the resolution; global average pooling and one linear layer end it (arXiv:1512.03385 with a pooled, plain first
layer). Group norm: arXiv:1803.08494.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Norm = Literal["batch", "group"]
MOST_GROUPS = 8


class ResidualBlock(nn.Module):
    """``relu(x + branch(x))``, the branch being conv-norm-relu-conv-norm. Nothing is added in place."""

    def __init__(self, width: int, norm: Norm) -> None:
        """``width``: channels in and out."""
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn1 = normalisation(norm, width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = normalisation(norm, width)

    def forward(self, x: Tensor) -> Tensor:
        """N×C×H×W to the same shape."""
        branch = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(x + branch)

    def zero_init_last(self) -> None:
        """Makes the branch 0 and so, after a ReLU, the block the identity; the name is timm's."""
        nn.init.zeros_(self.bn2.weight)  # pyright: ignore[reportArgumentType]


class Standardize(nn.Module):
    """Each image minus its own mean, over its own deviation: blind to brightness and contrast, sees no less of shape.

    What the statistics are taken over is the whole image, channels included (instance normalisation over C, H and W).
    """

    def forward(self, x: Tensor) -> Tensor:
        """N×C×H×W to the same shape; a constant image becomes zero."""
        return F.layer_norm(x, x.shape[1:])


class LastingDropout(nn.Dropout):
    """Dropout that goes on when the model answers (Monte-Carlo dropout, Gal & Ghahramani 2016, arXiv:1506.02142)."""

    def forward(self, input: Tensor) -> Tensor:
        """Any shape."""
        return F.dropout(input, self.p, training=True)


class SmallCNN(nn.Module):
    """N×C×H×W images to N×K logits; H and W at least 2^(stages − 1)."""

    def __init__(
        self,
        channels: int,
        num_classes: int,
        widths: list[int],
        blocks: int,
        drop_rate: float,
        standardize: bool,
        norm: Norm = "batch",
        keep_dropout: bool = False,
    ) -> None:
        """``widths``: channels of each stage; ``blocks``: residual blocks a stage; ``drop_rate``: before the head."""
        super().__init__()
        self.standardize = Standardize() if standardize else nn.Identity()
        inputs = [channels, *widths[:-1]]
        stages = [_stage(a, b, blocks, norm, pool=i > 0) for i, (a, b) in enumerate(zip(inputs, widths, strict=True))]
        self.features = nn.Sequential(*stages)
        self.dropout = LastingDropout(drop_rate) if keep_dropout else nn.Dropout(drop_rate)
        self.head = nn.Linear(widths[-1], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """N×C×H×W float32, normalised, to N×K logits."""
        pooled = torch.mean(self.features(self.standardize(x)), dim=(2, 3))
        return self.head(self.dropout(pooled))


def normalisation(norm: Norm, width: int) -> nn.Module:
    """Over the batch, or over groups of a sample's own channels: as many as divide ``width``, at most eight."""
    return nn.BatchNorm2d(width) if norm == "batch" else nn.GroupNorm(math.gcd(width, MOST_GROUPS), width)


def _stage(inputs: int, width: int, blocks: int, norm: Norm, *, pool: bool) -> nn.Sequential:
    first = [nn.Conv2d(inputs, width, 3, padding=1, bias=False), normalisation(norm, width), nn.ReLU()]
    shrink = [nn.MaxPool2d(2)] if pool else []
    return nn.Sequential(*shrink, *first, *(ResidualBlock(width, norm) for _ in range(blocks)))
