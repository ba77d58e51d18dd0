"""A photograph and its boxes fitted whole into another size: scaled by one factor, centred, the rest grey."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

GREY = 114  # of 255, as is usual since YOLOv3; near the mean of photographs


@dataclass(frozen=True, kw_only=True)
class Fit:
    """How a photograph of one size lies in another: ``scale`` and the pixels left free at the left and at the top.

    ``width`` and ``height``: of the photograph after scaling, whole pixels.
    """

    scale: float
    left: int
    top: int
    width: int
    height: int

    @classmethod
    def of(cls, size: tuple[int, int], into: tuple[int, int]) -> Fit:
        """Of a photograph of (width, height) in (height, width) pixels."""
        width, height = size
        scale = min(into[1] / width, into[0] / height)
        across, down = (max(1, round(side * scale)) for side in size)
        return cls(scale=scale, left=(into[1] - across) // 2, top=(into[0] - down) // 2, width=across, height=down)

    def boxes(self, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
        """M×4 corners in the photograph's pixels to corners in the fitted one's."""
        return boxes * self.scale + np.array([self.left, self.top, self.left, self.top])

    def pixels(self, pixels: NDArray[np.uint8], into: tuple[int, int]) -> NDArray[np.uint8]:
        """C×h×w to C×H×W (``into``): bicubic, antialiased where it shrinks."""
        if pixels.shape[1:] == into:
            return pixels
        whole = np.full((len(pixels), *into), GREY, np.uint8)
        image = Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))
        small = np.asarray(image.resize((self.width, self.height), Image.Resampling.BICUBIC))
        inside = small[None] if len(pixels) == 1 else small.transpose(2, 0, 1)
        whole[:, self.top : self.top + self.height, self.left : self.left + self.width] = inside
        return whole
