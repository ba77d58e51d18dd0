"""A network built for time to accuracy on small images: whitened patches, identity-like layers, few of them.

After Keller Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU" 2024 (arXiv:2404.00498): a frozen first layer
that whitens 2×2 patches, three groups of convolutions that each halve the resolution, a scaled linear head.
Differs: the bias of the first layer is trained throughout, batch norm keeps its weight, and the last convolution of
every group is a residual branch (there only in the deepest of the paper's networks).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_PATCH = 2


class PatchWhitening(nn.Module):
    """A frozen 2×2 convolution onto the principal components of patches, each to variance 1, with both signs.

    Until ``whiten`` is called the kernel is that of an untrained convolution. N×C×H×W to N×8C×(H−1)×(W−1).
    """

    def __init__(self, channels: int) -> None:
        """``channels``: C."""
        super().__init__()
        self.conv = nn.Conv2d(channels, 2 * channels * _PATCH**2, _PATCH)
        self.conv.weight.requires_grad_(False)

    @torch.no_grad()
    def whiten(self, images: Tensor, *, eps: float = 5e-4) -> None:
        """Sets the kernel from N×C×H×W normalised images; ``eps`` is added to every variance (Jordan 2024, §3.2)."""
        channels = images.shape[1]
        patches = (
            images.double().unfold(2, _PATCH, 1).unfold(3, _PATCH, 1).transpose(1, 3).reshape(-1, channels * _PATCH**2)
        )
        variances, components = torch.linalg.eigh(patches.T.cov())
        kernel = (components / (variances + eps).sqrt()).T.reshape(-1, channels, _PATCH, _PATCH)
        self.conv.weight.copy_(torch.cat([kernel, -kernel]))

    def forward(self, x: Tensor) -> Tensor:
        """N×C×H×W to N×8C×(H−1)×(W−1)."""
        return self.conv(x)


class WhitenedCNN(nn.Module):
    """N×C×H×W images to N×K logits; H and W at least 2^groups + 1."""

    def __init__(self, channels: int, num_classes: int, widths: list[int], depth: int, scale: float) -> None:
        """``widths``: channels of each group; ``depth``: its convolutions; ``scale``: multiplies the logits."""
        super().__init__()
        self.whitening = PatchWhitening(channels)
        self.activation = nn.GELU()
        inputs = [8 * channels, *widths[:-1]]
        self.groups = nn.Sequential(*(ConvGroup(a, b, depth) for a, b in zip(inputs, widths, strict=True)))
        self.head = nn.Linear(widths[-1], num_classes, bias=False)
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        """N×C×H×W float32, normalised, to N×K logits."""
        pooled = self.groups(self.activation(self.whitening(x))).amax(dim=(2, 3))
        return self.head(pooled) * self.scale


class ConvGroup(nn.Module):
    """A convolution and a 2×2 max-pool, then convolutions at that resolution, the last of them a residual branch."""

    def __init__(self, inputs: int, width: int, depth: int) -> None:
        """``inputs`` channels to ``width``; ``depth`` convolutions, at least 2."""
        super().__init__()
        self.first = nn.Sequential(_conv(inputs, width), nn.MaxPool2d(2), nn.BatchNorm2d(width), nn.GELU())
        later = [nn.Sequential(_conv(width, width), nn.BatchNorm2d(width)) for _ in range(depth - 1)]
        self.later = nn.ModuleList(later)
        self.activation = nn.GELU()

    def forward(self, x: Tensor) -> Tensor:
        """N×inputs×H×W to N×width×⌊H/2⌋×⌊W/2⌋."""
        x = shortcut = self.first(x)
        for layer in self.later[:-1]:
            x = self.activation(layer(x))
        return self.activation(shortcut + self.later[-1](x))


def _conv(inputs: int, width: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, width, 3, padding=1, bias=False)
