"""The fifteen common corruptions at five severities, computed on batches of tensors.

Hendrycks & Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations" (ICLR 2019).
Own code after the paper's descriptions; the severities are its published parameters, CIFAR-10-C's at 32 px and
ImageNet-C's at 224 px.

**Sizes.** ``side`` is the shorter side. Between 32 and 224 px every parameter is interpolated linearly in log(side);
outside, amplitudes keep the nearest published value and lengths in pixels shrink or grow with the side. So a published
size gets the published severity, and a digit of 8 px is blurred in proportion to its strokes.

**Randomness** is a function of (seed, corruption, severity, index) of each image alone: neither the batch's size nor
its order changes a pixel.

Differs: glass blur moves pixels by a random field instead of swapping them in scan order; elastic displacements are set
by their root mean square, as a share of the side; frost is procedural, as no photographs are shipped. These three, and
defocus and motion blur at 32 px, have our own severities, as the published ones do not grow with every level. Numbers
compare models measured here, not with published CIFAR-10-C tables.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from basestone.core.errors import did_you_mean
from basestone.measures.robustness import SEVERITIES, blur, digital, noise, weather
from basestone.measures.robustness.draws import Draws

Levels = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Corruption:
    """One corruption: what it does, and with which parameters at five severities.

    ``at_32`` and ``at_224``: five tuples each; ``lengths``: which parameters are lengths in pixels.
    """

    apply: Callable[..., Tensor]
    at_32: Levels
    at_224: Levels
    lengths: tuple[int, ...] = ()

    def parameters(self, severity: int, side: int) -> list[float]:
        """The parameters for one severity (1-5) at one image size in pixels."""
        share = min(max(math.log(side / 32) / math.log(224 / 32), 0.0), 1.0)
        stretch = min(side / 32, 1.0) * max(side / 224, 1.0)
        pairs = zip(self.at_32[severity - 1], self.at_224[severity - 1], strict=True)
        mixed = [(1 - share) * small + share * large for small, large in pairs]
        return [value * stretch if i in self.lengths else value for i, value in enumerate(mixed)]


def corrupt(images: Tensor, index: Sequence[int], *, corruption: str, severity: int, seed: int) -> Tensor:
    """Corrupted copies of a batch of images.

    ``images``: N×C×H×W float32 in 0–1, C being 1 or 3. ``index``: the identity of each image, which with ``seed``
    fixes its randomness. Returns the same shape, in 0–1.
    """
    if corruption not in CORRUPTIONS:
        raise ValueError(f"there is no corruption '{corruption}'.{did_you_mean(corruption, CORRUPTIONS)}")
    if severity not in SEVERITIES:
        raise ValueError(f"severity must be 1 to 5; got {severity}.")
    if images.ndim != 4 or images.shape[1] not in (1, 3) or len(images) != len(index):
        raise ValueError(
            f"images must be N×1×H×W or N×3×H×W with N indices; got {tuple(images.shape)} and {len(index)} indices."
        )
    entry = CORRUPTIONS[corruption]
    draws = Draws(seed, corruption, severity, index)
    changed = entry.apply(images.float(), draws, *entry.parameters(severity, min(images.shape[-2:])))
    return changed.clamp(0, 1)


def _levels(*values: float) -> Levels:
    return tuple((value,) for value in values)


CORRUPTIONS: dict[str, Corruption] = {
    "gaussian_noise": Corruption(  # standard deviation
        apply=noise.gaussian, at_32=_levels(0.04, 0.06, 0.08, 0.09, 0.10), at_224=_levels(0.08, 0.12, 0.18, 0.26, 0.38)
    ),
    "shot_noise": Corruption(  # photons of full white
        apply=noise.shot, at_32=_levels(500, 250, 100, 75, 50), at_224=_levels(60, 25, 12, 5, 3)
    ),
    "impulse_noise": Corruption(  # share of values replaced
        apply=noise.impulse, at_32=_levels(0.01, 0.02, 0.03, 0.05, 0.07), at_224=_levels(0.03, 0.06, 0.09, 0.17, 0.27)
    ),
    "defocus_blur": Corruption(  # radius, softness of the rim
        apply=blur.defocus,
        at_32=((0.4, 0.3), (0.6, 0.35), (0.8, 0.4), (1.1, 0.4), (1.5, 0.4)),
        at_224=((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)),
        lengths=(0, 1),
    ),
    "glass_blur": Corruption(  # blur, farthest move
        apply=blur.glass,
        at_32=((0.1, 0.5), (0.2, 0.75), (0.25, 1.0), (0.3, 1.3), (0.35, 1.7)),
        at_224=((0.6, 1.5), (0.7, 2.0), (0.9, 3.0), (1.1, 4.0), (1.3, 5.0)),
        lengths=(0, 1),
    ),
    "motion_blur": Corruption(  # reach, standard deviation along the streak
        apply=blur.motion,
        at_32=((6, 1), (6, 1.5), (6, 2), (8, 2.5), (9, 3)),
        at_224=((10, 3), (15, 5), (15, 8), (15, 12), (20, 15)),
        lengths=(0, 1),
    ),
    "zoom_blur": Corruption(  # largest zoom, step
        apply=blur.zoom,
        at_32=((1.05, 0.01), (1.10, 0.01), (1.15, 0.01), (1.20, 0.01), (1.25, 0.01)),
        at_224=((1.10, 0.01), (1.15, 0.01), (1.20, 0.02), (1.24, 0.02), (1.30, 0.03)),
    ),
    "snow": Corruption(  # mean, deviation, flake size, threshold, streak reach, streak deviation, share of the image
        apply=weather.snow,
        at_32=(
            (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
            (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
            (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
            (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
            (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
        ),
        at_224=(
            (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
            (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
            (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
            (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
            (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
        ),
        lengths=(4, 5),
    ),
    "frost": Corruption(  # share of the image, share of the ice
        apply=weather.frost,
        at_32=((1, 0.15), (1, 0.25), (0.95, 0.35), (0.9, 0.45), (0.85, 0.55)),
        at_224=((0.95, 0.45), (0.9, 0.55), (0.85, 0.65), (0.8, 0.75), (0.75, 0.85)),
    ),
    "fog": Corruption(  # thickness, roughness: each octave is this much weaker
        apply=weather.fog,
        at_32=((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)),
        at_224=((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)),
    ),
    "brightness": Corruption(  # added to HSV's value
        apply=weather.brightness, at_32=_levels(0.05, 0.1, 0.15, 0.2, 0.3), at_224=_levels(0.1, 0.2, 0.3, 0.4, 0.5)
    ),
    "contrast": Corruption(  # share of the contrast that is left
        apply=digital.contrast, at_32=_levels(0.75, 0.5, 0.4, 0.3, 0.15), at_224=_levels(0.4, 0.3, 0.2, 0.1, 0.05)
    ),
    "elastic_transform": Corruption(  # all as shares of the side: displacement (rms), its smoothness, affine jitter
        apply=digital.elastic,
        at_32=((0.006, 0.1, 0.03), (0.01, 0.08, 0.03), (0.014, 0.06, 0.03), (0.018, 0.05, 0.03), (0.023, 0.04, 0.03)),
        at_224=((0.006, 0.1, 0.03), (0.01, 0.08, 0.03), (0.014, 0.06, 0.03), (0.018, 0.05, 0.03), (0.023, 0.04, 0.03)),
    ),
    "pixelate": Corruption(  # share of the resolution that is left
        apply=digital.pixelate, at_32=_levels(0.95, 0.9, 0.85, 0.75, 0.65), at_224=_levels(0.6, 0.5, 0.4, 0.3, 0.25)
    ),
    "jpeg_compression": Corruption(  # quality
        apply=digital.jpeg, at_32=_levels(80, 65, 58, 50, 40), at_224=_levels(25, 18, 15, 10, 7)
    ),
}
