"""SimOTA for a whole batch against the algorithm as the paper tells it, one photograph and object at a time."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import binary_cross_entropy, one_hot
from torchvision.ops import box_iou

from basestone.models.own.assignment import RADIUS, assign
from basestone.models.own.yolo import places

SIZES = [(8, 8), (4, 4), (2, 2)]
CENTRES, STRIDES = places(SIZES, torch.device("cpu"))


def told(target, corners, logits, objectness):
    """Ge et al. 2021, section 2.1: sets of (place, object) of one photograph, by loops."""
    objects = target[target[:, 4] >= 0]
    cost = torch.full((len(objects), len(CENTRES)), float("inf"))
    overlap = torch.zeros_like(cost)
    near, inside = torch.zeros_like(cost).bool(), torch.zeros_like(cost).bool()
    for m, (x1, y1, x2, y2, _) in enumerate(objects.tolist()):
        for a, ((x, y), stride) in enumerate(zip(CENTRES.tolist(), STRIDES.tolist(), strict=True)):
            inside[m, a] = x1 < x < x2 and y1 < y < y2
            near[m, a] = max(abs(x - (x1 + x2) / 2), abs(y - (y1 + y2) / 2)) < RADIUS * stride
    candidate = (near | inside).any(0)
    for m, row in enumerate(objects):
        for a in range(len(CENTRES)):
            if candidate[a] and (near | inside)[m, a]:
                overlap[m, a] = box_iou(row[None, :4], corners[a][None])
                probs = (logits[a].sigmoid() * objectness[a].sigmoid()).sqrt().clamp(1e-6, 1 - 1e-6)
                wanted = one_hot(row[4].long(), logits.shape[1]).float()
                cost[m, a] = binary_cross_entropy(probs, wanted, reduction="sum") - 3 * (overlap[m, a] + 1e-8).log()
                cost[m, a] += 0.0 if (near & inside)[m, a] else 1e5
    chosen = torch.zeros_like(near)
    for m in range(len(objects)):
        number = max(1, int(overlap[m].sort(descending=True).values[:10].sum()))
        for a in cost[m].sort().indices[:number].tolist():
            chosen[m, a] = cost[m, a] < float("inf")
    pairs = set()
    for a in range(len(CENTRES)):
        takers = chosen[:, a].nonzero().flatten()
        if len(takers):
            pairs.add((a, int(takers[cost[takers, a].argmin()])))
    return pairs


@pytest.mark.parametrize("seed", range(6))
def test_a_batch_is_assigned_as_its_photographs_are_one_by_one(seed):
    generator = torch.Generator().manual_seed(seed)
    count, most, classes = 3, 5, 3
    corner = torch.rand(count, most, 2, generator=generator) * 44
    size = torch.rand(count, most, 2, generator=generator) * 24 + 3
    label = torch.randint(classes, (count, most, 1), generator=generator).float()
    targets = torch.cat([corner, corner + size, label], -1)
    targets[0, 3:, 4] = -1
    targets[2, :, 4] = -1
    half = STRIDES[:, None] * (torch.rand(count, len(CENTRES), 2, generator=generator) + 0.7)
    corners = torch.cat([CENTRES - half, CENTRES + half], -1)
    logits = torch.randn(count, len(CENTRES), classes, generator=generator)
    objectness = torch.randn(count, len(CENTRES), generator=generator)
    found = assign(targets, corners, logits, objectness, CENTRES, STRIDES)
    for number in range(count):
        mine = found.photograph == number
        pairs = set(zip(found.place[mine].tolist(), found.object[mine].tolist(), strict=True))
        assert pairs == told(targets[number], corners[number], logits[number], objectness[number])
    at = targets[found.photograph, found.object, :4]
    expected = box_iou(at, corners[found.photograph, found.place]).diagonal()
    torch.testing.assert_close(found.overlap, expected)


def test_no_place_answers_for_two_objects_and_padding_takes_none():
    targets = torch.tensor([[[8.0, 8, 40, 40, 0], [9, 8, 41, 40, 1], [0, 0, 0, 0, -1]]])
    corners = torch.cat([CENTRES - 16, CENTRES + 16], -1)[None]
    zeros = torch.zeros(1, len(CENTRES), 2)
    found = assign(targets, corners, zeros, zeros[..., 0], CENTRES, STRIDES)
    assert len(set(found.place.tolist())) == len(found.place)
    assert set(found.object.tolist()) == {0, 1}


def test_nothing_there_assigns_nothing():
    targets = torch.tensor([[[0.0, 0, 0, 0, -1]]])
    zeros = torch.zeros(1, len(CENTRES), 2)
    assert len(assign(targets, torch.zeros(1, len(CENTRES), 4), zeros, zeros[..., 0], CENTRES, STRIDES).place) == 0


def test_places_lie_in_the_middle_of_their_cells():
    assert CENTRES[:2].tolist() == [[4, 4], [12, 4]] and STRIDES[:2].tolist() == [8, 8]
    assert CENTRES[64].tolist() == [8, 8] and CENTRES[-1].tolist() == [48, 48] and STRIDES[-1] == 32
    assert len(CENTRES) == 64 + 16 + 4
