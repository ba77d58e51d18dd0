"""Sensor noise: of the electronics, of the light, of broken pixels."""

from __future__ import annotations

from torch import Tensor

from basestone.measures.robustness.draws import Draws


def gaussian(images: Tensor, draws: Draws, deviation: float) -> Tensor:
    """Adds independent normal noise, as a warm sensor does."""
    return images + deviation * draws.normal(*images.shape[1:])


def shot(images: Tensor, draws: Draws, photons: float) -> Tensor:
    """Counts photons, ``photons`` of them for full white: the noise grows with the light."""
    return draws.poisson(images * photons) / photons


def impulse(images: Tensor, draws: Draws, share: float) -> Tensor:
    """Sets a share of the values to black or white, one as often as the other."""
    u = draws.uniform(0, 1, *images.shape[1:])
    return images.masked_fill(u < share / 2, 0.0).masked_fill(u > 1 - share / 2, 1.0)
