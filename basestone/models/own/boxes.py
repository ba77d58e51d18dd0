"""Boxes as tensors: how much they overlap, and from many scored candidates to the few that a detector answers.

Legend: N photographs, A candidates each, K classes, D answers each. Corners are x1, y1, x2, y2 in pixels of the input.
An answer is N×D×6: corners, score (0–1), class; score 0 and class −1 where a photograph has fewer than D.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.ops import batched_nms

MAX_ANSWERS = 100  # of a photograph, as COCO counts
CANDIDATES = 300  # whose overlaps are looked at


def overlaps(a: Tensor, b: Tensor) -> Tensor:
    """…×P×4 and …×Q×4 to …×P×Q: the area that two boxes share over the area that they cover, 0–1."""
    corners = (
        torch.maximum(a[..., :, None, :2], b[..., None, :, :2]),
        torch.minimum(a[..., :, None, 2:], b[..., None, :, 2:]),
    )
    shared = (corners[1] - corners[0]).clamp_min(0).prod(-1)
    return shared / (_area(a)[..., :, None] + _area(b)[..., None, :] - shared).clamp_min(1e-9)


def paired_overlaps(a: Tensor, b: Tensor) -> Tensor:
    """P×4 and P×4 to P."""
    shared = (torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])).clamp_min(0).prod(-1)
    return shared / (_area(a) + _area(b) - shared).clamp_min(1e-9)


def answers(corners: Tensor, scores: Tensor, *, least_score: float, overlap: float) -> Tensor:
    """N×A×4 corners and N×A×K scores to N×D×6, the surest first.

    No two of a class overlap by more than ``overlap``: the surer one stays.
    """
    count, _, classes = scores.shape
    flat = scores.flatten(1)
    score, place = flat.topk(min(CANDIDATES, flat.shape[1]), dim=1)
    boxes = corners.gather(1, (place // classes)[..., None].expand(-1, -1, 4)).flatten(0, 1)
    label = (place % classes).flatten()
    photograph = torch.arange(count, device=place.device).repeat_interleave(place.shape[1])
    score = score.flatten()
    kept = batched_nms(boxes, score, photograph * classes + label, overlap)
    kept = kept[score[kept] >= least_score]
    return packed(boxes[kept], score[kept], label[kept], photograph[kept], count)


def packed(boxes: Tensor, score: Tensor, label: Tensor, photograph: Tensor, count: int) -> Tensor:
    """P answers, each of one of ``count`` photographs, to N×D×6: those of a photograph in falling order of score."""
    order = score.argsort(descending=True, stable=True)
    order = order[photograph[order].argsort(stable=True)]
    number = torch.bincount(photograph, minlength=count)
    rank = torch.arange(len(order), device=order.device) - (number.cumsum(0) - number).repeat_interleave(number)
    order, rank = order[rank < MAX_ANSWERS], rank[rank < MAX_ANSWERS]
    found = boxes.new_zeros((count, MAX_ANSWERS, 6))
    found[..., 5] = -1
    rows = torch.cat([boxes, score[:, None].to(boxes), label[:, None].to(boxes)], 1)
    found[photograph[order], rank] = rows[order]
    return found


def _area(boxes: Tensor) -> Tensor:
    return (boxes[..., 2:] - boxes[..., :2]).clamp_min(0).prod(-1)
