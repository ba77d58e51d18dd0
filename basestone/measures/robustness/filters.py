"""Linear image operators shared by the corruptions: products with small matrices, and per-image convolution.

A blur, a zoom and a change of resolution act on rows and columns apart, so each is ``R X C^T`` with two matrices. That
is fast, exact on any size, and the same for an image in any batch.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor


def separable(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """N×C×H×W times ``rows`` (H'×H) and ``columns`` (W'×W): N×C×H'×W'."""
    return rows @ images @ columns.T


def gaussian_blur(images: Tensor, sigma: float) -> Tensor:
    """Blurs with a normal kernel of standard deviation ``sigma`` pixels; the border is mirrored."""
    return separable(images, gaussian_matrix(images.shape[-2], sigma), gaussian_matrix(images.shape[-1], sigma))


@lru_cache(maxsize=64)
def gaussian_matrix(size: int, sigma: float) -> Tensor:
    """The blur of ``gaussian_blur`` along one axis, size×size, rows summing to 1.

    Below half a pixel a sampled normal curve has next to no variance; three taps of variance sigma² keep it.
    """
    reach = max(1, math.ceil(4 * sigma))
    offsets = torch.arange(-reach, reach + 1)
    if sigma < 0.5:
        weights = torch.where(offsets == 0, 1 - sigma**2, (offsets.abs() == 1) * sigma**2 / 2).double()
    else:
        weights = torch.exp(-0.5 * (offsets / sigma) ** 2).double()
    return _scatter(mirrored(torch.arange(size)[:, None] + offsets, size), (weights / weights.sum()).expand(size, -1))


@lru_cache(maxsize=256)
def zoom_matrix(size: int, factor: float) -> Tensor:
    """Enlarges the middle by ``factor`` >= 1 along one axis, size×size, by linear interpolation."""
    centre = (size - 1) / 2
    return interpolation_matrix(size, (torch.arange(size).double() - centre) / factor + centre)


def interpolation_matrix(size: int, places: Tensor) -> Tensor:
    """Reads a line of ``size`` samples at fractional ``places`` (P): P×size, linear between neighbours."""
    places = places.double().clamp(0, size - 1)
    left = places.floor().long().clamp(max=max(size - 2, 0))
    right = (left + 1).clamp(max=size - 1)
    share = places - left
    return _scatter(torch.stack([left, right], 1), torch.stack([1 - share, share], 1), size)


def area_matrix(size: int, target: int) -> Tensor:
    """Averages ``size`` samples into ``target`` cells of equal length: target×size."""
    edges = torch.arange(target + 1).double() * size / target
    pixel = torch.arange(size).double()
    overlap = torch.minimum(edges[1:, None], pixel + 1) - torch.maximum(edges[:-1, None], pixel)
    return (overlap.clamp(min=0) * target / size).float()


def convolve(images: Tensor, kernels: Tensor) -> Tensor:
    """Filters image n with kernel n: N×C×H×W and N×k×k, k odd; the border is replicated."""
    n, c, h, w = images.shape
    reach = kernels.shape[-1] // 2
    padded = F.pad(images, (reach,) * 4, mode="replicate").reshape(1, n * c, h + 2 * reach, w + 2 * reach)
    weights = kernels.repeat_interleave(c, 0)[:, None]
    return F.conv2d(padded, weights, groups=n * c).reshape(n, c, h, w)


def streak_kernels(angles: Tensor, reach: float, sigma: float) -> Tensor:
    """Half-normal streaks from the centre: N angles (radians) to N×k×k kernels of sum 1.

    A streak is drawn by sampling it at a quarter of a pixel and sharing each sample among its four neighbours.
    """
    half = max(1, math.ceil(reach))
    steps = torch.arange(0, max(reach, 0.25) + 1e-6, 0.25).double()
    weights = torch.exp(-0.5 * (steps / max(sigma, 1e-3)) ** 2)
    x = half + torch.cos(angles.double())[:, None] * steps
    y = half + torch.sin(angles.double())[:, None] * steps
    grid = torch.arange(2 * half + 1).double()
    tent_x = (1 - (x[..., None] - grid).abs()).clamp(min=0)
    tent_y = (1 - (y[..., None] - grid).abs()).clamp(min=0)
    kernels = torch.einsum("s,nsy,nsx->nyx", weights, tent_y, tent_x)
    return (kernels / kernels.sum((1, 2), keepdim=True)).float()


def mirrored(places: Tensor, size: int) -> Tensor:
    """Whole positions outside 0…size-1 folded back at the borders, the border itself repeated."""
    folded = places.remainder(2 * size)
    return torch.minimum(folded, 2 * size - 1 - folded)


def _scatter(places: Tensor, weights: Tensor, size: int | None = None) -> Tensor:
    matrix = torch.zeros(len(places), size or len(places), dtype=torch.float64)
    return matrix.scatter_add_(1, places, weights).float()
