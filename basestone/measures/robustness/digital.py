"""What processing does to an image: contrast, warping, resolution, compression."""

from __future__ import annotations

import io

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from basestone.measures.robustness.draws import Draws
from basestone.measures.robustness.filters import area_matrix, gaussian_blur, separable


def contrast(images: Tensor, draws: Draws, kept: float) -> Tensor:
    """Draws every channel towards its mean; ``kept`` is the share of the contrast that is left."""
    mean = images.mean((2, 3), keepdim=True)
    return mean + kept * (images - mean)


def elastic(images: Tensor, draws: Draws, displacement: float, smoothness: float, jitter: float) -> Tensor:
    """Stretches the image by a smooth random field on top of a small random affine map; all shares of the side."""
    h, w = images.shape[-2:]
    side = min(h, w)
    field = gaussian_blur(draws.uniform(-1, 1, 2, h, w), smoothness * side)
    field = field - field.mean((2, 3), keepdim=True)
    rms = field.square().mean((1, 2, 3), keepdim=True).sqrt().clamp(min=1e-6)
    scale = torch.tensor([2 / w, 2 / h])[:, None, None]  # pixels to the -1–1 units of grid_sample
    warp = (field / rms * displacement * side * scale).permute(0, 2, 3, 1)
    affine = torch.eye(2, 3) + draws.uniform(-2 * jitter, 2 * jitter, 2, 3) * torch.tensor([1.0, 1.0, 0.5])
    grid = F.affine_grid(affine, list(images.shape), align_corners=False) + warp
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def pixelate(images: Tensor, draws: Draws, kept: float) -> Tensor:
    """Averages into ``kept`` times as many cells a side and shows each cell as a block."""
    return separable(images, *(_blocks(size, kept) for size in images.shape[-2:]))


def jpeg(images: Tensor, draws: Draws, quality: float) -> Tensor:
    """Codes and decodes every image as JPEG (libjpeg, 4:2:0) at ``quality``."""
    pixels = (images.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    decoded = np.stack([_recode(array, round(quality)) for array in pixels])
    return torch.from_numpy(decoded).permute(0, 3, 1, 2).float() / 255


def _blocks(size: int, kept: float) -> Tensor:
    cells = max(1, round(size * kept))
    owner = ((torch.arange(size) + 0.5) * cells / size).long()
    return area_matrix(size, cells)[owner]


def _recode(pixels: np.ndarray, quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels).save(buffer, "JPEG", quality=quality)
    decoded = np.asarray(Image.open(buffer))
    return decoded if decoded.ndim == 3 else decoded[..., None]
