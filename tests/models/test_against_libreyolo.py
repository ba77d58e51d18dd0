"""Our one-pass detector's parts against libreyolo (MIT), where that is installed: it is no dependency.

libreyolo follows a later state of the authors' code, in which places are candidates by their distance from an object's
centre alone; the rule of the paper's own code, which ours is, is put in its place. Photographs hold objects far apart,
so that no place is taken twice: the library then asks all objects of the photograph, and ours those that took it.
"""

from __future__ import annotations

import pytest
import torch
from torch import nn

from basestone.models.own.assignment import RADIUS
from basestone.models.own.boxes import overlaps
from basestone.models.own.yolo import STRIDES, Yolo

library = pytest.importorskip("libreyolo.models.yolox.nn", exc_type=ImportError)

SIZES = [(8, 8), (4, 4), (2, 2)]
CLASSES = 3
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


class Paper(library.YOLOXHead):
    """The library's head with the paper's candidates: in the box or near its centre, the better ones in both."""

    def get_geometry_constraint(self, boxes, strides, x, y):
        stride = strides[0]
        across, down = (x[0] + 0.5) * stride, (y[0] + 0.5) * stride
        far_x, far_y = (across - boxes[:, :1]).abs(), (down - boxes[:, 1:2]).abs()
        inside = (far_x < boxes[:, 2:3] / 2) & (far_y < boxes[:, 3:] / 2)
        near = torch.maximum(far_x, far_y) < RADIUS * stride
        candidate = (inside | near).any(0)
        return candidate, (inside & near)[:, candidate]


def boxes(count: int, generator: torch.Generator) -> torch.Tensor:
    corner = torch.rand(count, 2, generator=generator) * 40
    return torch.cat([corner, corner + torch.rand(count, 2, generator=generator) * 24 + 1], 1)


def decoded(head, raw: torch.Tensor) -> tuple[torch.Tensor, list[list[torch.Tensor]]]:
    """N×A×(5 + K) with centres and sides, by the library's rule; columns, rows and strides of the places by level."""
    maps = [
        part.mT.unflatten(2, size) for part, size in zip(raw.split([h * w for h, w in SIZES], 1), SIZES, strict=True)
    ]
    found = [head.get_output_and_grid(one, k, STRIDES[k], one.type()) for k, one in enumerate(maps)]
    strides = [torch.full((1, h * w), float(stride)) for (h, w), stride in zip(SIZES, STRIDES, strict=True)]
    return torch.cat([one for one, _ in found], 1), [
        *([grid[..., axis] for _, grid in found] for axis in (0, 1)),
        strides,
    ]


def moved(raw: torch.Tensor) -> torch.Tensor:
    """The same boxes where offsets count from a place's corner instead of its middle."""
    return torch.cat([raw[..., :2] + 0.5, raw[..., 2:]], -1)


@pytest.mark.parametrize("seed", range(3))
def test_overlaps_are_the_same(seed):
    generator = torch.Generator().manual_seed(seed)
    first, second = boxes(7, generator), boxes(9, generator)
    torch.testing.assert_close(overlaps(first, second), library.bboxes_iou(first, second))


def test_boxes_are_the_same_half_a_place_apart():
    raw = torch.randn(2, sum(h * w for h, w in SIZES), 5 + CLASSES, generator=torch.Generator().manual_seed(0))
    ours, objectness, logits = yolo()._decoded(raw, SIZES)
    theirs, _ = decoded(library.YOLOXHead(CLASSES, width=0.125), moved(raw))
    centre, side = theirs[..., :2], theirs[..., 2:4]
    torch.testing.assert_close(ours, torch.cat([centre - side / 2, centre + side / 2], -1), rtol=1e-5, atol=1e-4)
    assert torch.equal(objectness, raw[..., 4]) and torch.equal(logits, raw[..., 5:])


def yolo() -> Yolo:
    return Yolo(nn.Identity(), [8, 8, 8], CLASSES, 8, 1, 0.6)


@pytest.mark.parametrize("seed", range(8))
def test_the_whole_loss_is_the_same_and_so_is_who_answers(seed):
    generator = torch.Generator().manual_seed(seed)
    raw = torch.randn(3, sum(h * w for h, w in SIZES), 5 + CLASSES, generator=generator) * 0.7
    targets = torch.tensor(
        [
            [[2.0, 3, 22, 19, 0], [44, 40, 62, 63, 2]],
            [[10, 8, 58, 60, 1], [0, 0, 0, 0, -1]],
            [[0, 0, 0, 0, -1], [0, 0, 0, 0, -1]],
        ]
    )
    targets[..., :4] += torch.rand(3, 2, 4, generator=generator) * (targets[..., 4:] >= 0)
    ours = yolo()._loss(raw, SIZES, targets)
    corners, real = targets[..., :4], targets[..., 4:] >= 0
    side = corners[..., 2:] - corners[..., :2]
    labels = torch.cat([targets[..., 4:], corners[..., :2] + side / 2, side], -1) * real
    head = Paper(CLASSES, width=0.125).train()
    outputs, grid = decoded(head, moved(raw))
    theirs = head.get_losses(None, *grid, labels, outputs, [], raw.dtype)
    torch.testing.assert_close(ours.total / ours.count, theirs["total_loss"], rtol=1e-4, atol=1e-4)
    objects = int(real.sum())
    assert theirs["num_fg"] == pytest.approx(ours.count / objects)
