"""A detector in one pass, in the manner of YOLOX (Ge et al. 2021, arXiv:2107.08430): no anchors, decoupled heads.

A backbone's features at strides 8, 16 and 32 are joined from coarse to fine (feature pyramid, Lin et al. 2017,
arXiv:1612.03144). At every place of each level one branch says the class, another the box and whether there is an
object at all. Losses as in the paper: 5 · (1 − IoU²) of the boxes, binary cross-entropy of objectness over all places
and of the classes (softened by the IoU) over those that answer for an object; see ``assignment`` for which those are.

Differs: the pyramid has no second, upward path; offsets count from a place's middle; there is no L1 loss at the end of
training.

Legend: N photographs, A places of all levels, K classes, M objects.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from basestone.core.contracts import Loss
from basestone.models.own.assignment import assign
from basestone.models.own.boxes import answers, paired_overlaps

STRIDES = (8, 16, 32)
PRIOR = 0.01  # the share of places that a fresh head believes to hold an object, or one of a class
BOX_WEIGHT = 5.0
LEAST_SCORE = 0.01  # what is less sure is no answer; below it average precision hardly moves
LARGEST = 6.0  # log of a box's side in strides: beyond any photograph, and far from overflow


class Prior(nn.Module):
    """Adds to every channel what its own initialisation says: a bias that no scheme for convolutions resets to zero.

    With log(p / (1 − p)) a fresh classifier says p everywhere (Lin et al. 2017, arXiv:1708.02002, section 4.1).
    """

    def __init__(self, channels: int, share: float | None) -> None:
        """``share``: p; None starts from zero."""
        super().__init__()
        self.start = 0.0 if share is None else math.log(share / (1 - share))
        self.bias = nn.Parameter(torch.full((channels,), self.start))

    def reset_parameters(self) -> None:
        """The prior again."""
        nn.init.constant_(self.bias, self.start)

    def forward(self, x: Tensor) -> Tensor:
        """N×C×H×W."""
        return x + self.bias[:, None, None]


class Head(nn.Module):
    """One level's two branches, N×width×H×W to N×(4 + 1 + K)×H×W."""

    def __init__(self, width: int, num_classes: int, depth: int) -> None:
        """``depth``: 3×3 convolutions in each branch."""
        super().__init__()
        self.class_branch = nn.Sequential(*(convolution(width, width, 3) for _ in range(depth)))
        self.box_branch = nn.Sequential(*(convolution(width, width, 3) for _ in range(depth)))
        self.boxes = nn.Sequential(nn.Conv2d(width, 4, 1, bias=False), Prior(4, None))
        self.objectness = nn.Sequential(nn.Conv2d(width, 1, 1, bias=False), Prior(1, PRIOR))
        self.classes = nn.Sequential(nn.Conv2d(width, num_classes, 1, bias=False), Prior(num_classes, PRIOR))

    def forward(self, x: Tensor) -> Tensor:
        """Offsets and log sizes, objectness, classes: all logits."""
        of_class, of_box = self.class_branch(x), self.box_branch(x)
        return torch.cat([self.boxes(of_box), self.objectness(of_box), self.classes(of_class)], 1)


class Yolo(nn.Module):
    """N×C×H×W photographs to answers N×D×6 (``boxes``), or with targets to their ``Loss``."""

    head_name = "head"

    def __init__(
        self, backbone: nn.Module, channels: list[int], num_classes: int, width: int, depth: int, overlap: float
    ) -> None:
        """``backbone`` gives maps of ``channels`` at the three strides; ``width``: channels of pyramid and heads."""
        super().__init__()
        self.backbone, self.overlap, self.num_classes = backbone, overlap, num_classes
        self.lateral = nn.ModuleList(convolution(inputs, width, 1) for inputs in channels)
        self.smooth = nn.ModuleList(convolution(width, width, 3) for _ in channels[1:])
        self.head = nn.ModuleList(Head(width, num_classes, depth) for _ in channels)

    def forward(self, images: Tensor, targets: Tensor | None = None) -> Tensor | Loss:
        """``targets``: N×M×5 as ``core.batch.Batch`` has boxes."""
        raw, sizes = self.raw(images)
        if targets is not None:
            return self._loss(raw, sizes, targets)
        if raw.is_meta:  # shapes without numbers, to count operations: sorting and suppressing take none
            return raw
        corners, objectness, logits = self._decoded(raw.float(), sizes)
        scores = objectness.sigmoid()[..., None] * logits.sigmoid()
        return answers(corners, scores, least_score=LEAST_SCORE, overlap=self.overlap)

    @property
    def class_layers(self) -> tuple[str, ...]:
        """What another set of classes makes anew: where something is, and whether, stays known."""
        return tuple(f"head.{level}.classes" for level in range(len(self.head)))

    @property
    def may_rest(self) -> tuple[str, ...]:
        """What learns nothing of a level as long as no object is large or small enough for it."""
        parts = ("classes", "class_branch", "boxes")
        return tuple(f"head.{level}.{part}" for level in range(len(self.head)) for part in parts)

    def undecided(self, images: Tensor) -> Tensor:
        """N×A×(5 + K): all that is said of each place, before anything is sorted or suppressed."""
        return self.raw(images)[0]

    def raw(self, images: Tensor) -> tuple[Tensor, list[tuple[int, int]]]:
        """N×A×(5 + K) as the heads say it, level after level, and each level's height and width."""
        levels = [lateral(x) for lateral, x in zip(self.lateral, self.backbone(images), strict=True)]
        for fine in (1, 0):
            wider = functional.interpolate(levels[fine + 1], size=levels[fine].shape[2:], mode="nearest")
            levels[fine] = self.smooth[fine](levels[fine] + wider)
        found = [head(x) for head, x in zip(self.head, levels, strict=True)]
        sizes = [(x.shape[2], x.shape[3]) for x in found]
        return torch.cat([x.flatten(2).transpose(1, 2) for x in found], 1), sizes

    def _loss(self, raw: Tensor, sizes: list[tuple[int, int]], targets: Tensor) -> Loss:
        """Summed over the places that answer for an object; those count, and at least one."""
        if raw.is_meta:
            return Loss(total=raw.float().sum(), count=len(raw))
        centres, strides = places(sizes, raw.device)
        corners, objectness, logits = self._decoded(raw.float(), sizes)
        found = assign(targets, corners.detach(), logits.detach(), objectness.detach(), centres, strides)
        at, of = (found.photograph, found.place), targets[found.photograph, found.object]
        overlap = paired_overlaps(corners[at], of[:, :4])
        held = torch.zeros_like(objectness)
        held[at] = 1.0
        softened = functional.one_hot(of[:, 4].long(), self.num_classes) * found.overlap[:, None]
        total = (
            BOX_WEIGHT * (1 - overlap.square()).sum()
            + functional.binary_cross_entropy_with_logits(objectness, held, reduction="sum")
            + functional.binary_cross_entropy_with_logits(logits[at], softened, reduction="sum")
        )
        return Loss(total=total, count=max(1, len(found.place)))

    def _decoded(self, raw: Tensor, sizes: list[tuple[int, int]]) -> tuple[Tensor, Tensor, Tensor]:
        """Corners N×A×4 in pixels, objectness N×A, classes N×A×K."""
        centres, strides = places(sizes, raw.device)
        middle = raw[..., :2] * strides[:, None] + centres
        half = raw[..., 2:4].clamp(max=LARGEST).exp() * strides[:, None] / 2
        return torch.cat([middle - half, middle + half], -1), raw[..., 4], raw[..., 5:]


def places(sizes: list[tuple[int, int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """The middle of every place, A×2 in pixels, and its stride, A; rows after one another, level after level."""
    centres, strides = [], []
    for (height, width), stride in zip(sizes, STRIDES, strict=True):
        y, x = torch.meshgrid(torch.arange(height, device=device), torch.arange(width, device=device), indexing="ij")
        centres.append((torch.stack([x, y], -1).flatten(0, 1) + 0.5) * stride)
        strides.append(torch.full((height * width,), float(stride), device=device))
    return torch.cat(centres), torch.cat(strides)


def convolution(inputs: int, outputs: int, kernel: Literal[1, 3]) -> nn.Sequential:
    """Convolution, norm and SiLU at the same resolution."""
    layers = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False), nn.BatchNorm2d(outputs)
    return nn.Sequential(*layers, nn.SiLU(inplace=True))
