"""Which places of a detector answer for which object: SimOTA.

Ge, Liu, Wang, Li & Sun, "YOLOX: Exceeding YOLO Series in 2021" (arXiv:2107.08430), section 2.1, after OTA
(arXiv:2103.14259): each object takes the k places that answer it at the least cost, k being the sum of its ten best
overlaps; a place that several objects take goes to the one that it costs least.

Differs: all photographs of a batch are assigned at once, objects padded to the most that any has; the classification
cost is written as one sum over all classes plus the object's own, so that no N×M×A×K tensor is made.

Legend: N photographs, M objects (padded), A places, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from basestone.models.own.boxes import overlaps

RADIUS = 2.5  # strides about an object's centre within which places are looked at
OVERLAP_WEIGHT = 3.0
BEST = 10  # overlaps that say how many places an object gets
FAR = 1e5  # a cost above that of any place that lies in the box and near its centre
NEVER = 1e9


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """P places that answer for an object: ``photograph`` and ``place`` of each, its ``object`` and their overlap."""

    photograph: Tensor
    place: Tensor
    object: Tensor
    overlap: Tensor


@torch.no_grad()
def assign(
    targets: Tensor, corners: Tensor, logits: Tensor, objectness: Tensor, centres: Tensor, strides: Tensor
) -> Assignment:
    """``targets`` N×M×5; ``corners`` N×A×4, ``logits`` N×A×K and ``objectness`` N×A as predicted, all float32.

    ``centres`` A×2 and ``strides`` A, in pixels.
    """
    real = targets[..., 4] >= 0
    near, inside = _where(targets, centres, strides)
    worth = (near | inside) & real[..., None]
    worth &= worth.any(dim=1, keepdim=True)
    overlap = overlaps(targets[..., :4], corners).masked_fill(~worth, 0.0)
    cost = _class_cost(targets, logits, objectness) - OVERLAP_WEIGHT * (overlap + 1e-8).log()
    cost = (cost + FAR * ~(near & inside)).masked_fill(~worth, NEVER)
    chosen = _cheapest(cost, overlap) & worth
    shared = chosen.sum(1, keepdim=True) > 1
    taken = cost.masked_fill(~chosen, 2 * NEVER).argmin(1, keepdim=True)
    best = torch.zeros_like(chosen).scatter_(1, taken, True)
    photograph, which, place = (chosen & (best | ~shared)).nonzero(as_tuple=True)
    return Assignment(photograph=photograph, place=place, object=which, overlap=overlap[photograph, which, place])


def _where(targets: Tensor, centres: Tensor, strides: Tensor) -> tuple[Tensor, Tensor]:
    """N×M×A each: is the place near the object's centre, and is it in the object's box?"""
    x, y = centres.unbind(-1)
    left, top, right, bottom = (side[..., None] for side in targets[..., :4].unbind(-1))
    middle_x, middle_y, reach = (left + right) / 2, (top + bottom) / 2, RADIUS * strides
    near = torch.maximum((x - middle_x).abs(), (y - middle_y).abs()) < reach
    return near, (x > left) & (x < right) & (y > top) & (y < bottom)


def _class_cost(targets: Tensor, logits: Tensor, objectness: Tensor) -> Tensor:
    """N×M×A: binary cross-entropy of √(class · objectness) against the object's class, over all classes."""
    probs = (logits.sigmoid() * objectness.sigmoid()[..., None]).sqrt().clamp(1e-6, 1 - 1e-6)
    absent = -torch.log1p(-probs)
    own = (-probs.log() - absent).transpose(1, 2)  # what it costs more to be of this class, N×K×A
    label = targets[..., 4].clamp_min(0).long()[..., None].expand(-1, -1, own.shape[2])
    return absent.sum(-1)[:, None] + own.gather(1, label)


def _cheapest(cost: Tensor, overlap: Tensor) -> Tensor:
    """N×M×A: each object's k places of least cost."""
    best = min(BEST, cost.shape[2])
    number = overlap.topk(best, dim=2).values.sum(2).int().clamp_min(1)
    place = cost.topk(best, dim=2, largest=False).indices
    wanted = torch.arange(best, device=cost.device) < number[..., None]
    return torch.zeros_like(cost, dtype=torch.bool).scatter_(2, place, wanted)
