"""Random changes of a batch of images, on tensors and for the whole batch at once.

A Python loop over images costs more than the pixels it moves; here each image's own random offset is an index, and the
batch is changed by a few tensor operations (``benchmarks/bench_input.py`` measures it). Images are N×C×H×W and
normalised, so zero is the mean colour. All randomness comes from the draw.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Len

from basestone.core.contracts import Draw, Transform
from basestone.core.registry import Fraction, NaturalInt, PositiveInt, Registry
from basestone.data.detection.transforms import color_jitter, mirrored_boxes, mosaic, scale_jitter
from basestone.data.speech.transforms import SPEECH_TRANSFORMS

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Sides = Annotated[list[PositiveInt], Len(min_length=1)]

_ODD = 0x9E3779B97F4A7C15 - 2**64  # 2⁶⁴ over the golden ratio, as a signed integer


def pad_crop(*, padding: NaturalInt = 4, mode: Literal["reflect", "zero"] = "reflect") -> Transform:
    """Pad each side and cut a window of the old size at a random place, one place an image (He et al. 2016, §4.2).

    ``padding`` is in pixels; ``reflect`` mirrors the border and needs ``padding`` below the image's side, ``zero``
    fills with the mean colour.
    """

    def transform(images: Tensor, draw: Draw) -> Tensor:
        import torch

        n, _, height, width = images.shape
        padded = _padded(images, padding, mode)
        windows = padded.unfold(2, height, 1).unfold(3, width, 1).permute(0, 2, 3, 1, 4, 5)  # a view: no pixel is moved
        down, right = torch.randint(2 * padding + 1, (2, n), generator=draw.generator)
        return windows[torch.arange(n), down, right]

    return transform


def _padded(images: Tensor, padding: int, mode: str) -> Tensor:
    from torch.nn.functional import pad

    side = min(images.shape[-2:])
    if mode == "reflect" and padding >= side:
        raise ValueError(
            f"pad_crop.padding must be below the image's side of {side} pixels to reflect; got {padding}. "
            "Lower it, or set mode: zero."
        )
    return pad(images, (padding,) * 4, mode="reflect" if mode == "reflect" else "constant")


def flip(*, probability: Fraction = 0.5) -> Transform:
    """Mirror left and right with this probability, each image on its own, boxes along with it."""
    return _Flip(probability)


@dataclass(frozen=True)
class _Flip:
    probability: float

    def __call__(self, images: Tensor, draw: Draw) -> Tensor:
        return _mirrored(images, self._chosen(images, draw))

    def with_boxes(self, images: Tensor, boxes: Tensor, draw: Draw) -> tuple[Tensor, Tensor]:
        chosen = self._chosen(images, draw)
        return _mirrored(images, chosen), mirrored_boxes(boxes, chosen, images.shape[3])

    def _chosen(self, images: Tensor, draw: Draw) -> Tensor:
        import torch

        return torch.rand(len(images), generator=draw.generator) < self.probability


def alternating_flip() -> Transform:
    """Mirror a random half of the images in the first epoch, the other half in the next, and so on in turn.

    No image is seen the same way round twice running, so that two epochs hold both views of each (Jordan 2024,
    arXiv:2404.00498, section 3.4). Which half an image belongs to depends on its position alone.
    """

    def transform(images: Tensor, draw: Draw) -> Tensor:
        return _mirrored(images, (_coin(draw.positions) + draw.epoch) % 2 == 1)

    return transform


def _coin(positions: Tensor) -> Tensor:
    """A fair bit for each position: two rounds of multiply and shift, as hash functions mix (int64 wraps around)."""
    mixed = (positions + 1) * _ODD
    return ((mixed ^ (mixed >> 31)) * _ODD >> 40) & 1


def _mirrored(images: Tensor, chosen: Tensor) -> Tensor:
    import torch

    return torch.where(chosen[:, None, None, None], images.flip(-1), images)


def progressive_resize(*, sides: Sides) -> Transform:
    """Shrink the images of epoch e to ``sides[e]`` pixels a side; after the list they are as they are.

    Convolutions cost as much as there are pixels, and early epochs learn what small images show as well (progressive
    resizing, fastai's DAWNBench entry 2018; Tan & Le 2021, arXiv:2104.00298, section 4). Needs a network that takes any
    size. Bilinear, antialiased; a side that is no smaller than the image's changes nothing.
    """

    def transform(images: Tensor, draw: Draw) -> Tensor:
        from torch.nn.functional import interpolate

        side = sides[draw.epoch] if draw.epoch < len(sides) else max(images.shape[-2:])
        if side >= max(images.shape[-2:]):
            return images
        return interpolate(images, size=(side, side), mode="bilinear", antialias=True)

    return transform


def cutout(*, size: PositiveInt = 8) -> Transform:
    """Set one square of ``size`` × ``size`` pixels an image to the mean colour (DeVries & Taylor 2017).

    The square's centre is uniform over the pixels, so that it may reach over the border and then hides less, as in the
    paper: every pixel, the corners too, stays visible most of the time.
    """

    def transform(images: Tensor, draw: Draw) -> Tensor:
        n, _, height, width = images.shape
        rows = _band(n, height, size, draw.generator)
        columns = _band(n, width, size, draw.generator)
        hidden = rows[:, None, :, None] & columns[:, None, None, :]
        return images * ~hidden

    return transform


def _band(n: int, length: int, size: int, generator: torch.Generator) -> Tensor:
    """N×length booleans: ``size`` neighbours about a random centre, cut off at the ends."""
    import torch

    start = torch.randint(length, (n, 1), generator=generator) - size // 2
    position = torch.arange(length)
    return (position >= start) & (position < start + size)


TRANSFORMS: Registry[Transform] = Registry(
    "transform",
    {
        "pad_crop": pad_crop,
        "flip": flip,
        "alternating_flip": alternating_flip,
        "progressive_resize": progressive_resize,
        "cutout": cutout,
        "scale_jitter": scale_jitter,
        "mosaic": mosaic,
        "color_jitter": color_jitter,
        **SPEECH_TRANSFORMS,
    },
)
