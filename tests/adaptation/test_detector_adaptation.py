"""Methods of adaptation on detectors: nothing changes at first, what is frozen stays, what is known is kept."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from basestone.adaptation.methods import METHODS
from basestone.adaptation.proof import Watch
from basestone.core.batch import Batch
from basestone.core.spec import ImageSpec
from basestone.models.catalogue import INITS, MODELS
from basestone.models.head import class_layers, head_of, start_from
from basestone.models.model import save_weights, within
from basestone.objectives.catalogue import OBJECTIVES

SPEC = ImageSpec(
    channels=3, height=64, width=64, class_names=("a", "b"), mean=(0.5,) * 3, std=(0.25,) * 3, head="boxes"
)
ONE = dataclasses.replace(SPEC, class_names=("b",))
MODEL = {
    "yolo": {"backbone": "resnet10t", "width": 16, "depth": 1},
    "faster_rcnn": {"backbone": "resnet18", "sides": [16, 32, 64], "proposals": 20, "sampled": 16, "width": 32},
    "rt_detr": {"width": 16, "layers": 2, "queries": 12, "noised": 6},
}
OBJECTIVE = OBJECTIVES.build(OBJECTIVES.options("detection")(kind="detection"))
IMAGES = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
BOXES = torch.tensor([[[8.0, 8, 40, 40, 0], [20, 20, 60, 60, 0]], [[30, 20, 62, 52, 0], [0, 0, 0, 0, -1]]])


def build(kind: str, spec: ImageSpec = SPEC, seed: int = 0):
    model = MODELS.build(MODELS.options(kind).model_validate({"kind": kind} | MODEL[kind]), spec)
    INITS.build(INITS.options("default")(kind="default"), model, seed)
    return model


def adapt(model, method: str, **options):
    return METHODS.build(METHODS.options(method)(kind=method, **options), model, head_of(model), 10)


def train(model, steps: int, boxes=BOXES) -> None:
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=0.003, weight_decay=0.0)
    torch.manual_seed(0)  # of what is sampled and noised
    model.train()
    for _ in range(steps):
        loss = OBJECTIVE(model, Batch(inputs=IMAGES, targets=boxes, index=torch.arange(2)))
        (loss.total / loss.count).backward()
        optimizer.step()
        optimizer.zero_grad()
    model.eval()


def said(model):
    with torch.no_grad():
        return model.eval().undecided(IMAGES)


@pytest.mark.parametrize("kind", MODEL)
def test_other_classes_start_from_all_but_what_answers_them(kind, tmp_path):
    parent = build(kind)
    save_weights(parent, tmp_path / "w.safetensors")
    model = build(kind, ONE, seed=1)
    fresh = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    start_from(model, tmp_path / "w.safetensors", keep_head=False)
    held = parent.state_dict()
    for name, tensor in model.state_dict(keep_vars=True).items():
        first = next((own for own, same in model.named_parameters() if same is tensor), name)
        kept = not within(first, class_layers(model))
        assert torch.equal(tensor, held[name] if kept else fresh[name]), name
    assert {name.split(".")[0] for name in class_layers(model)} <= {"head", "network"}
    assert all(within(name, (head_of(model),)) for name in class_layers(model))


@pytest.mark.parametrize("kind", MODEL)
def test_a_frozen_body_stays_and_the_head_learns(kind):
    model = build(kind, ONE)
    before = said(model)
    adapted = adapt(model, "probe")
    assert torch.equal(said(model), before)
    watch = Watch(adapted)
    train(model, 3)
    proof = watch.proof()
    assert not proof.faults and 0 < proof.facts["trainable"] < proof.facts["parameters"]
    moved = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert moved == {name for name, _ in model.named_parameters() if within(name, (head_of(model),))}
    assert not torch.equal(said(model), before)


@pytest.mark.parametrize("kind", MODEL)
def test_low_rank_updates_change_nothing_at_first_and_are_folded_in(kind):
    model = build(kind, ONE)
    names, before = list(model.state_dict()), said(model)
    adapted = adapt(model, "lora", rank=2)
    assert torch.equal(said(model), before)
    watch = Watch(adapted)
    train(model, 3)
    assert not watch.proof().faults
    apart = said(model)
    adapted.merge()
    torch.testing.assert_close(said(model), apart, rtol=1e-3, atol=1e-4)
    assert list(model.state_dict()) == names


def test_low_rank_updates_reach_attention():
    model = build("rt_detr", ONE)
    adapt(model, "lora", rank=2, targets=["q_proj", "v_proj"])
    found = [name for name, _ in model.named_parameters() if "lora_A" in name]
    assert len(found) == 2 * (1 + 2)  # one layer in the encoder, two in the decoder
    assert all("self_attn" in name for name in found)


def test_a_level_on_which_no_object_lies_may_rest_and_one_that_is_wrongly_still_may_not():
    model = build("yolo", ONE)
    watch = Watch(adapt(model, "full"))
    train(model, 4, torch.tensor([[[20.0, 20, 26, 26, 0]], [[41.0, 33, 46, 39, 0]]]))
    still = [name for name, weight in model.named_parameters() if torch.equal(weight, watch._before[name])]
    assert not watch.proof().faults
    assert all(within(name, model.may_rest) for name in still)
    watch = Watch(adapt(model, "full"))
    assert "every tensor that trains must have moved" in watch.proof().faults[0]


def test_a_fresh_class_is_learnt_on_what_the_parent_knew(tmp_path):
    """Where things are is not learnt again: the loss of a new class falls below that of a network from nothing."""
    parent = build("yolo")
    train(parent, 20)
    save_weights(parent, tmp_path / "w.safetensors")
    started, fresh = build("yolo", ONE, seed=1), build("yolo", ONE, seed=1)
    start_from(started, tmp_path / "w.safetensors", keep_head=False)
    batch = Batch(inputs=IMAGES, targets=BOXES, index=torch.arange(2))
    losses = []
    for model in (started, fresh):
        train(model, 5)
        with torch.no_grad():
            loss = OBJECTIVE(model.train(), batch)
        losses.append(float(loss.total / loss.count))
    assert losses[0] < 0.8 * losses[1]
