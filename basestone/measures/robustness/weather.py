"""Snow, frost, fog and glare, drawn from seeded noise."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from basestone.core.seed import torch_generator
from basestone.measures.robustness.draws import Draws
from basestone.measures.robustness.filters import convolve, interpolation_matrix, separable, streak_kernels


def snow(
    images: Tensor,
    draws: Draws,
    mean: float,
    deviation: float,
    flake: float,
    threshold: float,
    reach: float,
    sigma: float,
    clear: float,
) -> Tensor:
    """Falling flakes, streaked by the wind, before a whitened scene; ``clear`` is the share of the scene that stays."""
    h, w = images.shape[-2:]
    angle = draws.uniform(-3 * math.pi / 4, -math.pi / 4)
    rows, columns = math.ceil(h / flake) + 1, math.ceil(w / flake) + 1
    grain = (mean + deviation * draws.normal(rows, columns))[:, None]
    places = [torch.arange(size) / flake for size in (h, w)]
    layer = separable(grain, interpolation_matrix(rows, places[0]), interpolation_matrix(columns, places[1]))
    layer = layer.masked_fill(layer < threshold, 0).clamp(0, 1)
    streaks = convolve(layer, streak_kernels(angle, reach, sigma))
    white = torch.maximum(images, grey(images) * 1.5 + 0.5)
    return clear * images + (1 - clear) * white + streaks + streaks.flip(2, 3)


def frost(images: Tensor, draws: Draws, scene: float, ice: float) -> Tensor:
    """Ice crystals on the lens: a weighted sum of the scene and a random piece of a sheet of ice."""
    h, w = images.shape[-2:]
    sheet = ice_sheet(4 * max(h, w), draws.seed)
    top, left = (draws.uniform(0, 4 * max(h, w)) for _ in range(2))
    y = (top.long()[:, None] + torch.arange(h)) % len(sheet)
    x = (left.long()[:, None] + torch.arange(w)) % len(sheet)
    piece = sheet[y[:, :, None], x[:, None, :]]
    tint = torch.tensor([0.88, 0.95, 1.0]) if images.shape[1] == 3 else torch.ones(1)
    return scene * images + ice * piece[:, None] * tint[:, None, None]


def fog(images: Tensor, draws: Draws, thickness: float, roughness: float) -> Tensor:
    """Banks of fog: adds clouds whose octaves each are ``roughness`` times weaker, and restores the range."""
    h, w = images.shape[-2:]
    brightest = images.amax((1, 2, 3), keepdim=True)
    bank = clouds(draws.normal(2 * h, 2 * w), math.log2(roughness) + 1)[:, None, :h, :w]  # doubled: no seam shows
    low, high = bank.amin((2, 3), keepdim=True), bank.amax((2, 3), keepdim=True)
    bank = (bank - low) / (high - low).clamp(min=1e-6)
    return (images + thickness * bank) * brightest / (brightest + thickness)


def brightness(images: Tensor, draws: Draws, added: float) -> Tensor:
    """Adds to HSV's value: every channel grows in proportion, hue and saturation stay."""
    value = images.amax(1, keepdim=True)
    brighter = (value + added).clamp(max=1)
    return torch.where(value > 0, images * brighter / value.clamp(min=1e-6), brighter)


def clouds(white: Tensor, exponent: float) -> Tensor:
    """White noise N×H×W filtered to an amplitude of frequency^-exponent: a fractal surface that tiles."""
    h, w = white.shape[-2:]
    frequency = torch.hypot(torch.fft.fftfreq(h)[:, None], torch.fft.rfftfreq(w))
    frequency[0, 0] = 1.0
    return torch.fft.irfft2(torch.fft.rfft2(white) * frequency**-exponent, s=(h, w))


def grey(images: Tensor) -> Tensor:
    """N×1×H×W luma (Rec. 601) of RGB images; grey ones as they are."""
    if images.shape[1] == 1:
        return images
    return (images * images.new_tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True)


@lru_cache(maxsize=4)
def ice_sheet(size: int, seed: int) -> Tensor:
    """A size×size sheet of ice in 0–1 that tiles: needles in six directions, thick in patches."""
    generator = torch_generator(seed, "ice", size)
    fy, fx = torch.fft.fftfreq(size)[:, None] * size, torch.fft.rfftfreq(size) * size
    needles = torch.zeros(size, size)
    for turn in range(6):
        angle = (turn + 0.3) * math.pi / 6
        along, across = fx * math.cos(angle) + fy * math.sin(angle), fy * math.cos(angle) - fx * math.sin(angle)
        band = torch.exp(-((along / (size / 28)) ** 2)) * torch.exp(-(((across.abs() - size / 7) / (size / 16)) ** 2))
        field = torch.fft.irfft2(torch.fft.rfft2(torch.randn(size, size, generator=generator)) * band, s=(size, size))
        needles = torch.maximum(needles, field / field.std())
    patches = clouds(torch.randn(1, size, size, generator=generator), 1.8)[0]
    patches = torch.sigmoid(1.5 * patches / patches.std())
    return (0.15 + 0.75 * patches * (0.35 + (needles / 2.5).clamp(0, 1))).clamp(0, 1)
