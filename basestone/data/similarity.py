"""How alike two images are, judged by their detail, so that a copy is told from a lookalike.

Plain correlation calls two skies alike. What a copy shares with its original is its fine structure, hence every image
is compared by its *detail*: luma minus the mean of each 3×3 neighbourhood, scaled to unit norm, so that brightness and
contrast drop out. The similarity of a pair is the least of three normalised cross-correlations: of the luma, of the
detail, and of the detail without the outer eighth (two photographs in the same frame share only that frame).
Brightness and contrast changes also clip; a pair is therefore compared as it is and after fitting
``clip(gain · a + offset)`` to the other image, in both directions, and the best of the three counts.

The search is a blocked matrix product of 16×16 descriptors; only the best candidates are compared at full resolution.
N images, R references, M pairs, all C×H×W uint8.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, pad

DESCRIPTOR_SIDE = 16
FULL_SIDE = 64  # larger images are compared at this side: beyond it JPEG noise, not content, decides the detail
CANDIDATES = 5
WORTH_FITTING = 0.35  # of plain similarity; every planted copy on CIFAR-10 lies above 0.65 before the fit
_LUMA = torch.tensor([0.299, 0.587, 0.114])
_QUERIES_AT_ONCE = 512
_PAIRS_AT_ONCE = 2048

Positions = NDArray[np.int64]


def descriptors(images: NDArray[np.uint8], positions: Positions) -> tuple[Tensor, Tensor]:
    """Two N×D float32 matrices, of the detail's mirror-even and mirror-odd part at low resolution.

    ``even @ even.T + odd @ odd.T`` is the correlation of two images, and with a minus that of one with the other's
    mirror image: both for the price of one product. Rows are zero for an image without detail.
    """
    even, odd = [], []
    for start in range(0, len(positions), _PAIRS_AT_ONCE):
        luma = luminance(images, positions[start : start + _PAIRS_AT_ONCE], DESCRIPTOR_SIDE)
        detail = _unit(_detail(luma)).view_as(luma)
        even.append(_half(detail + detail.flip(-1)))
        odd.append(_half(detail - detail.flip(-1)))
    return torch.cat(even), torch.cat(odd)


def _half(symmetric: Tensor) -> Tensor:
    """The left columns of an even or odd image, weighted so that products equal those of the whole image."""
    width = symmetric.shape[-1]
    weight = torch.full((width - width // 2,), 0.5**0.5)
    if width % 2:
        weight[-1] = 0.5
    return (symmetric[..., : len(weight)] * weight).flatten(1)


def luminance(images: NDArray[np.uint8], positions: Positions, side: int) -> Tensor:
    """N×h×w float32 luma, 0–255, averaged down where a side exceeds ``side``."""
    chosen = torch.from_numpy(np.ascontiguousarray(images[positions])).float()
    height, width = chosen.shape[2:]
    grey = (_LUMA @ chosen.flatten(2)).view(-1, height, width) if chosen.shape[1] == 3 else chosen[:, 0]
    if max(height, width) <= side:
        return grey
    return adaptive_avg_pool2d(grey[:, None], (min(height, side), min(width, side)))[:, 0]


def nearest(
    images: NDArray[np.uint8],
    queries: Positions,
    references: Positions,
    *,
    ignore_same: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Positions, NDArray[np.float64]]:
    """For each query the reference that is most alike, mirrored or not: its place in ``references``, the similarity.

    ``queries`` and ``references`` are positions in ``images``. ``ignore_same`` leaves out a query itself and its exact
    copies. No reference: place −1, similarity 0.
    """
    place, best = np.full(len(queries), -1, dtype=np.int64), np.zeros(len(queries))
    if not len(references) or not len(queries):
        return place, best
    even, odd = descriptors(images, references)
    for start in range(0, len(queries), _QUERIES_AT_ONCE):
        block = queries[start : start + _QUERIES_AT_ONCE]
        here = slice(start, start + len(block))
        block_even, block_odd = descriptors(images, block)
        alike_even, alike_odd = block_even @ even.T, block_odd @ odd.T
        for mirrored, scores in ((False, alike_even + alike_odd), (True, alike_even - alike_odd)):
            found = scores.topk(min(CANDIDATES, len(references)), dim=1).indices.numpy()
            repeated = np.repeat(block, found.shape[1])
            alike = pair_similarity(images, repeated, references[found.ravel()], mirrored=mirrored)
            if ignore_same:
                alike[alike > 1 - 1e-6] = 0
            _keep_best(place[here], best[here], found, alike.reshape(found.shape))
        if progress:
            progress(start + len(block), len(queries))
    return place, best


def _keep_best(place: Positions, best: NDArray[np.float64], found: Positions, alike: NDArray[np.float64]) -> None:
    column = alike.argmax(1)
    rows = np.arange(len(found))
    better = alike[rows, column] > best
    best[better] = alike[rows, column][better]
    place[better] = found[rows, column][better]


def pair_similarity(
    images: NDArray[np.uint8], first: Positions, second: Positions, *, mirrored: bool = False
) -> NDArray[np.float64]:
    """M similarities, −1 to 1, of the images at ``first`` (mirrored if asked) and at ``second``."""
    blocks = []
    for start in range(0, len(first), _PAIRS_AT_ONCE):
        part = slice(start, start + _PAIRS_AT_ONCE)
        a, b = luminance(images, first[part], FULL_SIDE), luminance(images, second[part], FULL_SIDE)
        blocks.append(similarity(a.flip(-1) if mirrored else a, b))
    return torch.cat(blocks).numpy().astype(np.float64) if blocks else np.zeros(0)


def similarity(a: Tensor, b: Tensor) -> Tensor:
    """M similarities of two M×h×w luma batches; 0 where either has no detail. Symmetric in its arguments."""
    score = _as_they_are(a, b)
    rows = (score >= WORTH_FITTING).nonzero()[:, 0]
    if len(rows):
        a, b = a[rows], b[rows]
        fitted = torch.maximum(_as_they_are(_clipped_fit(a, b), b), _as_they_are(a, _clipped_fit(b, a)))
        score[rows] = torch.maximum(score[rows], fitted)
    return score


def _as_they_are(a: Tensor, b: Tensor) -> Tensor:
    detail_a, detail_b = _detail(a), _detail(b)
    edge_y, edge_x = (max(1, side // 8) for side in a.shape[1:])
    inside = (slice(None), slice(edge_y, a.shape[1] - edge_y), slice(edge_x, a.shape[2] - edge_x))
    whole = torch.minimum(_correlation(a, b), _correlation(detail_a, detail_b))
    return torch.minimum(whole, _correlation(detail_a[inside], detail_b[inside]))


def _correlation(a: Tensor, b: Tensor) -> Tensor:
    return (_unit(a) * _unit(b)).sum(1)


def _unit(images: Tensor) -> Tensor:
    """Rows of zero mean and unit norm; a row whose pixels differ by rounding only stays near zero."""
    rows = images.flatten(1)
    rows = rows - rows.mean(1, keepdim=True)
    return rows / rows.norm(dim=1, keepdim=True).clamp_min(1e-2)


def _detail(luma: Tensor) -> Tensor:
    around = pad(luma, (1, 1, 1, 1), mode="replicate")
    rows = around[:, :-2] + around[:, 1:-1] + around[:, 2:]
    return luma - (rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]) / 9


def _clipped_fit(a: Tensor, b: Tensor) -> Tensor:
    """``clip(gain · a + offset, 0, 255)`` nearest to ``b``, by least squares over the pixels clipped in neither."""
    shape = a.shape
    a, b = a.flatten(1), b.flatten(1)
    inside = ((a > 2) & (a < 253) & (b > 2) & (b < 253)).float()
    count = inside.sum(1, keepdim=True)
    mean_a, mean_b = ((inside * x).sum(1, keepdim=True) / count.clamp_min(1) for x in (a, b))
    rise = (inside * (a - mean_a) * (b - mean_b)).sum(1, keepdim=True)
    gain = rise / (inside * (a - mean_a) ** 2).sum(1, keepdim=True).clamp_min(1e-6)
    gain = torch.where(count >= 8, gain.clamp(0.2, 5.0), 1.0)
    return (mean_b + gain * (a - mean_a)).clamp(0, 255).view(shape)
