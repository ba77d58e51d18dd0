"""Boxes move as their pixels do: by hand, and by painting them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from basestone.core.contracts import Draw
from basestone.core.errors import UsageError
from basestone.data.detection.transforms import mirrored_boxes, moved_boxes, windows
from basestone.data.transforms import TRANSFORMS

NONE = [0.0, 0, 0, 0, -1]


def draw(count: int, seed: int = 0, epoch: int = 0) -> Draw:
    return Draw(generator=torch.Generator().manual_seed(seed), epoch=epoch, positions=torch.arange(count))


def build(kind: str, **options):
    return TRANSFORMS.build(TRANSFORMS.options(kind).model_validate({"kind": kind} | options))


def painted(boxes: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """N×1×H×W: 1 inside each photograph's one box."""
    images = torch.zeros(len(boxes), 1, height, width)
    for image, box in zip(images, boxes[:, 0].int().tolist(), strict=True):
        image[:, box[1] : box[3], box[0] : box[2]] = 1
    return images


def extent(image: torch.Tensor) -> list[float]:
    rows, columns = (np.flatnonzero((image[0].numpy() > 0.5).any(axis)) for axis in (1, 0))
    return [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]


def test_mirrored_by_hand():
    boxes = torch.tensor([[[2.0, 3, 10, 8, 1], NONE], [[0, 0, 4, 4, 0], [30, 1, 32, 2, 2]]])
    found = mirrored_boxes(boxes, torch.tensor([True, False]), 32)
    assert found[0].tolist() == [[22, 3, 30, 8, 1], NONE]
    assert found[1].tolist() == boxes[1].tolist()
    assert torch.equal(mirrored_boxes(found, torch.tensor([True, False]), 32), boxes)


def test_a_flip_mirrors_pixels_and_boxes_together():
    boxes = torch.tensor([[[2.0, 3, 10, 8, 0]]]).repeat(40, 1, 1)
    images, moved = build("flip").with_boxes(painted(boxes, 16, 32), boxes, draw(40))
    assert {tuple(extent(image)) for image in images} == {(2, 3, 10, 8), (22, 3, 30, 8)}
    for image, box in zip(images, moved, strict=True):
        assert extent(image) == box[0, :4].tolist()


def test_moved_by_hand():
    boxes = torch.tensor([[[10.0, 10, 20, 20, 0], [0, 0, 6, 6, 1], [28, 4, 30, 8, 2], NONE]])
    found = moved_boxes(boxes, torch.tensor([2.0]), torch.tensor([[-4.0, 2.0]]), (40, 40), visible=0.5)
    # doubled and moved by (−4, 2): (16, 22, 36, 42) → (16, 22, 36, 40), 0.9 is left; (−4, 2, 8, 14) → (0, 2, 8, 14),
    # 2/3 is left; (52, 10, …) lies outside and goes
    assert found[0].tolist() == [[16, 22, 36, 40, 0], [0, 2, 8, 14, 1]]
    assert moved_boxes(boxes, torch.tensor([2.0]), torch.tensor([[-4.0, 2.0]]), (40, 40), visible=0.95)[0].tolist() == [
        NONE
    ]


def test_a_sliver_is_no_box():
    found = moved_boxes(torch.tensor([[[0.0, 0, 20, 3, 0]]]), torch.tensor([0.5]), torch.zeros(1, 2), (32, 32), 0.1)
    assert found.tolist() == [[NONE]]  # 10 × 1.5 pixels are left


@pytest.mark.parametrize(
    ("scale", "shift"), [(1.0, (0.0, 0.0)), (1.0, (5.0, -3.0)), (0.5, (4.0, 9.0)), (2.0, (-20.0, -8.0))]
)
def test_a_window_shows_a_box_where_its_corners_went(scale, shift):
    boxes = torch.tensor([[[12.0, 8, 28, 20, 0]]])
    seen = windows(painted(boxes, 48, 64), torch.tensor([scale]), torch.tensor([shift]), (48, 64))
    moved = moved_boxes(boxes, torch.tensor([scale]), torch.tensor([shift]), (48, 64), 0.01)
    np.testing.assert_allclose(extent(seen[0]), moved[0, 0, :4], atol=0.51)
    if (scale, shift) == (1.0, (0.0, 0.0)):
        torch.testing.assert_close(seen, painted(boxes, 48, 64))


def test_scales_lie_between_the_two_that_were_asked_for_and_both_sides_of_one_occur():
    boxes = torch.tensor([[[24.0, 24, 40, 40, 0]]]).repeat(64, 1, 1)
    images, moved = build("scale_jitter", smallest=0.5, largest=2.0, visible=0.01).with_boxes(
        painted(boxes, 64, 64), boxes, draw(64)
    )
    sides = []
    for image, box in zip(images, moved, strict=True):
        if box[0, 4] >= 0 and box[0, 0] > 0 and box[0, 2] < 64 and box[0, 1] > 0 and box[0, 3] < 64:
            np.testing.assert_allclose(extent(image), box[0, :4], atol=1.01)
            sides.append(float(box[0, 2] - box[0, 0]) / 16)
    assert len(sides) > 30 and 0.5 <= min(sides) < 0.8 and 1.2 < max(sides) <= 2.0


def test_a_mosaic_joins_four_photographs_with_all_their_boxes():
    boxes = torch.tensor([[[4.0 + n // 2 * 2, 6, 20, 22, n]] for n in range(8)])
    images, moved = build("mosaic", smallest=0.5, largest=0.5).with_boxes(painted(boxes, 32, 32), boxes, draw(8))
    for number, (image, found) in enumerate(zip(images, moved, strict=True)):
        assert (found[:, 4] >= 0).sum() == 4 and number in found[:, 4].tolist()
        mask = torch.zeros(32, 32, dtype=torch.bool)
        for x1, y1, x2, y2 in found[:, :4].int().tolist():  # all of them even before they were halved
            mask[y1:y2, x1:x2] = True
        assert torch.equal(image[0] > 0.5, mask)


def test_a_mosaic_ends_after_its_epochs():
    boxes = torch.tensor([[[4.0, 6, 20, 22, n]] for n in range(8)])
    mosaic = build("mosaic", smallest=1.0, largest=1.0, epochs=2)
    images = painted(boxes, 32, 32)
    assert not torch.equal(mosaic.with_boxes(images, boxes, draw(8, epoch=1))[0], images)
    after, moved = mosaic.with_boxes(images, boxes, draw(8, epoch=2))
    torch.testing.assert_close(after, images)
    torch.testing.assert_close(moved, boxes)


def test_colors_leave_boxes_and_means_of_grey_as_they_are():
    boxes = torch.tensor([[[4.0, 6, 20, 22, 0]]]).repeat(6, 1, 1)
    images = torch.randn(6, 3, 8, 8)
    changed, moved = build("color_jitter", brightness=0.0).with_boxes(images, boxes, draw(6))
    assert moved is boxes and not torch.equal(changed, images)
    torch.testing.assert_close(changed.mean((1, 2, 3)), images.mean((1, 2, 3)))  # contrast turns about the mean
    still, _ = build("color_jitter", brightness=0.0, contrast=0.0, saturation=0.0).with_boxes(images, boxes, draw(6))
    torch.testing.assert_close(still, images)


def test_equal_draws_give_equal_batches():
    boxes = torch.tensor([[[4.0, 6, 20, 22, n]] for n in range(8)])
    images = torch.randn(8, 3, 32, 32)
    for kind in ("mosaic", "scale_jitter", "color_jitter", "flip"):
        one, two, other = (build(kind).with_boxes(images, boxes, draw(8, seed)) for seed in (1, 1, 2))
        assert torch.equal(one[0], two[0]) and torch.equal(one[1], two[1])
        assert not torch.equal(one[0], other[0])


def test_scales_must_be_in_order():
    with pytest.raises(UsageError, match=r"mosaic.smallest must be at most mosaic.largest; got 2 and 1"):
        build("mosaic", smallest=2.0, largest=1.0)
