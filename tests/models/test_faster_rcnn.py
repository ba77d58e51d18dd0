"""Faster R-CNN in the form that every detector here has: answers, losses in either mode, costs, and that it learns."""

from __future__ import annotations

import pytest
import torch

from basestone.core.batch import Batch
from basestone.core.spec import ImageSpec
from basestone.models.catalogue import INITS, MODELS
from basestone.models.model import describe, whole_training_flops
from basestone.models.own.boxes import MAX_ANSWERS
from basestone.objectives.catalogue import OBJECTIVES

SPEC = ImageSpec(channels=1, height=64, width=96, class_names=("a", "b"), mean=(0.5,), std=(0.25,), head="boxes")
OBJECTIVE = OBJECTIVES.build(OBJECTIVES.options("detection")(kind="detection"))
BOXES = torch.tensor([[[8.0, 8, 40, 40, 0], [56, 20, 88, 52, 1]], [[30, 20, 62, 52, 1], [0, 0, 0, 0, -1]]])


@pytest.fixture(scope="module")
def model():
    said = {"kind": "faster_rcnn", "sides": [16, 32, 64], "proposals": 50, "sampled": 32, "width": 64}
    made = MODELS.build(MODELS.options("faster_rcnn").model_validate(said), SPEC)
    INITS.build(INITS.options("default")(kind="default"), made, 0)
    return made


def photographs() -> torch.Tensor:
    images = torch.randn(2, 1, 64, 96, generator=torch.Generator().manual_seed(0)) * 0.1
    for image, rows in zip(images, BOXES.int().tolist(), strict=True):
        for x1, y1, x2, y2, label in rows:
            image[:, y1:y2, x1:x2] += [2.0, -2.0, 0.0][label]
    return images


def batch() -> Batch:
    return Batch(inputs=photographs(), targets=BOXES, index=torch.arange(2))


def test_answers_have_the_shape_of_any_detector(model):
    with torch.no_grad():
        found = model.eval()(photographs())
    assert found.shape == (2, MAX_ANSWERS, 6)
    held = found[found[..., 5] >= 0]
    assert set(held[:, 5].tolist()) <= {0.0, 1.0} and (found[:, :-1, 4] >= found[:, 1:, 4]).all()


def test_the_loss_can_be_asked_in_evaluation_and_changes_no_statistics(model):
    model.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.no_grad():
        loss = OBJECTIVE(model, batch())
    assert loss.count == 2 and loss.total > 0
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(part.training for part in model.modules())


def test_counted_and_analytic_operations_agree(model):
    assert describe(model, SPEC.input_shape).flops > 1e8
    counted, analytic = whole_training_flops(model, OBJECTIVE, batch(), {(1, 64, 96): 4})
    assert counted == pytest.approx(analytic, rel=0.01)


def test_what_proposes_starts_small_and_never_downloads(model):
    head = model.network.rpn.head
    assert head.cls_logits.weight.std() < 0.02 and head.bbox_pred.bias.abs().max() == 0


def test_it_learns_two_photographs_by_heart(model):
    torch.manual_seed(0)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(30):
        loss = OBJECTIVE(model, batch())
        optimizer.zero_grad()
        (loss.total / loss.count).backward()
        optimizer.step()
        losses.append(loss.total.item() / loss.count)
    assert sorted(losses[-5:])[2] < losses[0] / 2
