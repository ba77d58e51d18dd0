"""What lenses, panes and movement do to sharpness."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from basestone.measures.robustness.draws import Draws
from basestone.measures.robustness.filters import (
    convolve,
    gaussian_blur,
    mirrored,
    separable,
    streak_kernels,
    zoom_matrix,
)

_FINE = 8  # sub-pixels a side when the aperture's rim is drawn


def defocus(images: Tensor, draws: Draws, radius: float, softness: float) -> Tensor:
    """A lens out of focus: every point becomes a disc of ``radius`` pixels with a rim softened by ``softness``.

    A disc smaller than a pixel's reach has no shape to show, only a variance, radius² / 4 along each axis.
    """
    if radius < 1:
        return gaussian_blur(images, math.hypot(radius / 2, softness))
    disc = _disc(radius).expand(len(images), -1, -1)
    return gaussian_blur(convolve(images, disc), softness)


def glass(images: Tensor, draws: Draws, sigma: float, reach: float) -> Tensor:
    """A frosted pane: blur, then every pixel shows another at most about ``reach`` away, then blur again.

    Moves are rounded at random, up as often as their fraction says, so that a reach under one pixel moves a few.
    """
    n, c, h, w = images.shape
    jump = (draws.uniform(-reach, reach, 2, h, w) + draws.uniform(0, 1, 2, h, w)).floor().long()
    y = mirrored(torch.arange(h)[:, None] + jump[:, 0], h)
    x = mirrored(torch.arange(w) + jump[:, 1], w)
    place = (y * w + x).reshape(n, 1, h * w).expand(-1, c, -1)
    moved = gaussian_blur(images, sigma).reshape(n, c, h * w).gather(2, place).reshape(n, c, h, w)
    return gaussian_blur(moved, sigma)


def motion(images: Tensor, draws: Draws, reach: float, sigma: float) -> Tensor:
    """A moved camera: a streak that fades with ``sigma`` and ends at ``reach``, within 45 degrees of level."""
    return convolve(images, streak_kernels(draws.uniform(-math.pi / 4, math.pi / 4), reach, sigma))


def zoom(images: Tensor, draws: Draws, largest: float, step: float) -> Tensor:
    """A camera moving ahead: the mean of the image and its zooms from 1 to ``largest`` in steps of ``step``."""
    factors = [1 + i * step for i in range(round((largest - 1) / step) + 1)]
    h, w = images.shape[-2:]
    total = sum(separable(images, zoom_matrix(h, f), zoom_matrix(w, f)) for f in factors)
    return (images + total) / (len(factors) + 1)


def _disc(radius: float) -> Tensor:
    half = max(1, math.ceil(radius))
    fine = (torch.arange((2 * half + 1) * _FINE) + 0.5) / _FINE - half - 0.5
    inside = (fine[:, None] ** 2 + fine**2 <= radius**2).float()
    kernel = inside.reshape(2 * half + 1, _FINE, 2 * half + 1, _FINE).mean((1, 3))
    return kernel / kernel.sum()
