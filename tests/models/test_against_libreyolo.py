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
from basestone.models.own.yolo import STRIDES, Yolo, places

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


def grid() -> list[torch.Tensor]:
    """Column and row of every place, and its stride, each a list of 1×A as the library's head makes them."""
    rows = [torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij") for h, w in SIZES]
    stride = [torch.full((1, h * w), float(s)) for (h, w), s in zip(SIZES, STRIDES, strict=True)]
    return [
        [x.flatten()[None].float() for _, x in rows],
        [y.flatten()[None].float() for y, _ in rows],
        stride,
    ]


def decoded(raw: torch.Tensor) -> torch.Tensor:
    """By the library's rule: offsets count from a place's corner."""
    head = library.YOLOXHead(CLASSES, width=0.125)
    head.hw = SIZES
    return head.decode_outputs(raw, raw.dtype)


@pytest.mark.parametrize("seed", range(3))
def test_overlaps_are_the_same(seed):
    generator = torch.Generator().manual_seed(seed)
    first, second = boxes(7, generator), boxes(9, generator)
    torch.testing.assert_close(overlaps(first, second), library.bboxes_iou(first, second))


def test_boxes_are_the_same_half_a_place_apart():
    raw = torch.randn(2, sum(h * w for h, w in SIZES), 5 + CLASSES, generator=torch.Generator().manual_seed(0))
    ours, objectness, logits = yolo()._decoded(raw, SIZES)
    moved = raw.clone()
    moved[..., :2] += 0.5
    centre, side = decoded(moved)[..., :2], decoded(moved)[..., 2:4]
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
    moved = raw.clone()
    moved[..., :2] += 0.5
    corners, real = targets[..., :4], targets[..., 4:] >= 0
    side = corners[..., 2:] - corners[..., :2]
    labels = torch.cat([targets[..., 4:], corners[..., :2] + side / 2, side], -1) * real
    head = Paper(CLASSES, width=0.125).train()
    theirs = head.get_losses(None, *grid(), labels, decoded(moved), [], raw.dtype)
    torch.testing.assert_close(ours.total / ours.count, theirs["total_loss"], rtol=1e-4, atol=1e-4)
    objects = int(real.sum())
    assert theirs["num_fg"] == pytest.approx(ours.count / objects)
    assert len(places(SIZES, raw.device)[0]) == raw.shape[1]
