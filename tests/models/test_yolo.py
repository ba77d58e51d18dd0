"""The one-pass detector: shapes, priors, costs, and that it can learn where something is."""

from __future__ import annotations

import math

import pytest
import torch

from basestone.core.batch import Batch
from basestone.core.errors import UsageError
from basestone.core.spec import ImageSpec
from basestone.models.catalogue import INITS, MODELS
from basestone.models.model import describe, whole_training_flops
from basestone.models.own.boxes import MAX_ANSWERS
from basestone.models.own.yolo import PRIOR, Prior, Yolo
from basestone.objectives.catalogue import OBJECTIVES

SPEC = ImageSpec(
    channels=3, height=64, width=96, class_names=("a", "b"), mean=(0.5,) * 3, std=(0.25,) * 3, head="boxes"
)


def build(spec: ImageSpec = SPEC, init: str = "default", **options) -> Yolo:
    said = {"kind": "yolo", "backbone": "resnet10t", "width": 16, "depth": 1} | options
    model = MODELS.build(MODELS.options("yolo").model_validate(said), spec)
    INITS.build(INITS.options(init).model_validate({"kind": init}), model, 0)
    return model


def targets(*rows: list[list[float]]) -> torch.Tensor:
    most = max(map(len, rows))
    return torch.tensor([row + [[0, 0, 0, 0, -1]] * (most - len(row)) for row in rows], dtype=torch.float32)


OBJECTIVE = OBJECTIVES.build(OBJECTIVES.options("detection")(kind="detection"))


def batch(images: torch.Tensor, boxes: torch.Tensor) -> Batch:
    return Batch(inputs=images, targets=boxes, index=torch.arange(len(images)))


def test_every_place_answers_at_three_strides_whatever_the_side():
    model = build().eval()
    for height, width in ((64, 96), (70, 100)):
        raw, sizes = model.raw(torch.randn(2, 3, height, width))
        assert sizes == [(math.ceil(height / s), math.ceil(width / s)) for s in (8, 16, 32)]
        assert raw.shape == (2, sum(h * w for h, w in sizes), 5 + 2)
        assert model(torch.randn(2, 3, height, width)).shape == (2, MAX_ANSWERS, 6)


@pytest.mark.parametrize("init", list(INITS))
def test_a_fresh_detector_believes_in_few_objects_however_it_is_initialised(init):
    model = build(init=init).eval()
    biases = [layer.bias for layer in model.modules() if isinstance(layer, Prior) and layer.start]
    assert len(biases) == 6
    for bias in biases:
        torch.testing.assert_close(bias.sigmoid(), torch.full_like(bias, PRIOR))


def test_boxes_are_read_from_offsets_and_log_sizes():
    model = build()
    raw = torch.zeros(1, 96 + 24 + 6, 7)
    raw[0, 1] = torch.tensor([0.5, -0.25, math.log(2), math.log(3), 0, 0, 0])
    corners, _, _ = model._decoded(raw, [(8, 12), (4, 6), (2, 3)])
    # the second place of stride 8 has its middle at (12, 4): moved to (16, 2), 16 wide and 24 high
    torch.testing.assert_close(corners[0, 1], torch.tensor([8.0, -10, 24, 14]))
    torch.testing.assert_close(corners[0, 0], torch.tensor([0.0, 0, 8, 8]))


def test_the_loss_of_nothing_there_is_what_objectness_costs():
    model = build().train()
    images = torch.randn(2, 3, 64, 96)
    loss = OBJECTIVE(model, batch(images, targets([[0, 0, 0, 0, -1]], [[0, 0, 0, 0, -1]])))
    model2 = build().train()
    raw, _ = model2.raw(images)
    expected = torch.nn.functional.softplus(raw[..., 4]).sum()
    assert loss.count == 1
    torch.testing.assert_close(loss.total, expected)


def test_photographs_add_up_where_statistics_are_not_shared():
    model = build().eval()
    images = torch.randn(2, 3, 64, 96)
    boxes = targets([[8, 8, 40, 40, 0], [50, 10, 80, 30, 1]], [[10, 20, 30, 60, 1]])
    whole = OBJECTIVE(model, batch(images, boxes))
    parts = [OBJECTIVE(model, batch(images[n : n + 1], boxes[n : n + 1])) for n in range(2)]
    torch.testing.assert_close(whole.total, parts[0].total + parts[1].total)
    assert whole.count == parts[0].count + parts[1].count == 3  # one place an object, as overlaps are small at first


def test_counted_and_analytic_operations_agree():
    model = build()
    assert describe(model, SPEC.input_shape).flops > 1e6
    counted, analytic = whole_training_flops(
        model,
        OBJECTIVE,
        batch(torch.randn(2, 3, 64, 96), targets([[8, 8, 40, 40, 0]], [[8, 8, 40, 40, 1]])),
        {(3, 64, 96): 10},
    )
    assert counted == analytic > 0


def test_it_learns_where_two_kinds_of_things_are():
    """Four photographs with one bright or dark square each are learnt by heart; the answers lie on the squares."""
    torch.manual_seed(0)
    boxes = targets(
        *([[x, y, x + 24, y + 24, n % 2]] for n, (x, y) in enumerate([(8, 8), (56, 8), (16, 32), (64, 36)]))
    )
    images = torch.randn(4, 3, 64, 96) * 0.1
    for image, (box,) in zip(images, boxes.int().tolist(), strict=True):
        image[:, box[1] : box[3], box[0] : box[2]] += 2.0 if box[4] else -2.0
    model = build().train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    first = None
    for _ in range(60):
        loss = OBJECTIVE(model, batch(images, boxes))
        value = loss.total / loss.count
        first = value.item() if first is None else first
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    assert value.item() < first / 4
    with torch.no_grad():  # statistics of these four photographs, as in training
        found = model(images)[:, 0]
    torch.testing.assert_close(found[:, 5], boxes[:, 0, 4])
    assert (found[:, :4] - boxes[:, 0, :4]).abs().max() < 4


def test_a_backbone_must_have_the_three_strides():
    with pytest.raises(UsageError, match="must have maps of features at strides 8, 16, 32"):
        build(backbone="vit_tiny_patch16_224")
    with pytest.raises(UsageError, match="timm has no image classifier 'resnet10'"):
        build(backbone="resnet10")


def test_detectors_need_boxes_and_classifiers_need_none():
    import dataclasses

    with pytest.raises(UsageError, match="finds boxes, and these data have none"):
        build(dataclasses.replace(SPEC, head="classes"))
    with pytest.raises(UsageError, match="classifies whole images, and these data have boxes"):
        MODELS.build(MODELS.options("small_cnn")(kind="small_cnn"), SPEC)
