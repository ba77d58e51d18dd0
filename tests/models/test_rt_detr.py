"""RT-DETR in the form that every detector here has: the library's own numbers, our start, and that it learns."""

from __future__ import annotations

import pytest
import torch
from transformers import RTDetrForObjectDetection, RTDetrResNetConfig

from basestone.core.batch import Batch
from basestone.core.errors import ArtifactError, UsageError
from basestone.core.spec import ImageSpec
from basestone.models.catalogue import INITS, MODELS, described, rebuild
from basestone.models.model import describe, load_weights, save_weights, whole_training_flops
from basestone.models.own.boxes import MAX_ANSWERS
from basestone.models.sources.rt_detr import PRIOR, _answers
from basestone.objectives.catalogue import OBJECTIVES

SPEC = ImageSpec(
    channels=3, height=64, width=96, class_names=("a", "b"), mean=(0.5,) * 3, std=(0.25,) * 3, head="boxes"
)
SMALL = {"width": 16, "layers": 2, "queries": 12, "noised": 8}
OBJECTIVE = OBJECTIVES.build(OBJECTIVES.options("detection")(kind="detection"))
BOXES = torch.tensor([[[8.0, 8, 40, 40, 0], [56, 20, 88, 52, 1]], [[30, 20, 62, 52, 1], [0, 0, 0, 0, -1]]])
IMAGES = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))


def section(**options):
    return MODELS.options("rt_detr").model_validate({"kind": "rt_detr"} | SMALL | options)


def build(spec: ImageSpec = SPEC, seed: int = 0, **options):
    model = MODELS.build(section(**options), spec)
    INITS.build(INITS.options("default")(kind="default"), model, seed)
    return model


def batch(images=IMAGES, boxes=BOXES) -> Batch:
    return Batch(inputs=images, targets=boxes, index=torch.arange(len(images)))


@pytest.fixture(scope="module")
def model():
    return build()


def test_answers_have_the_shape_of_any_detector_and_are_the_surest_first(model):
    with torch.no_grad():
        found = model.eval()(IMAGES)
        told = model._run(IMAGES, None)
    assert found.shape == (2, MAX_ANSWERS, 6) and told.logits.shape == (2, 12, 2)
    assert (found[:, :-1, 4] >= found[:, 1:, 4]).all()
    scores = told.logits[0].sigmoid()
    query, label = divmod(int(scores.argmax()), 2)
    x, y, w, h = (told.pred_boxes[0, query] * torch.tensor([96, 64, 96, 64])).tolist()
    expected = [x - w / 2, y - h / 2, x + w / 2, y + h / 2, float(scores.max()), label]
    torch.testing.assert_close(found[0, 0], torch.tensor(expected), rtol=1e-4, atol=1e-4)


def test_answers_by_hand():
    scores = torch.tensor([[[0.9, 0.2], [0.005, 0.6]]])
    boxes = torch.tensor([[[0.5, 0.5, 0.5, 0.25], [0.25, 0.5, 0.5, 1.0]]])
    found = _answers(scores, boxes, torch.zeros(1, 3, 64, 96))[0]
    # centre (48, 32), 48 wide and 16 high; centre (24, 32), 48 wide and 64 high; 0.005 is no answer
    expected = [[24, 24, 72, 40, 0.9, 0], [0, 0, 48, 64, 0.6, 1], [24, 24, 72, 40, 0.2, 1], [0, 0, 0, 0, 0, -1]]
    torch.testing.assert_close(found[:4], torch.tensor(expected))


def test_the_loss_is_the_librarys_over_the_objects(model):
    labels = [
        {"class_labels": torch.tensor(classes), "boxes": torch.tensor(boxes)}
        for classes, boxes in (
            ([0, 1], [[24 / 96, 24 / 64, 1 / 3, 0.5], [72 / 96, 36 / 64, 1 / 3, 0.5]]),
            ([1], [[46 / 96, 36 / 64, 1 / 3, 0.5]]),
        )
    ]
    with torch.no_grad():
        ours = OBJECTIVE(model.eval(), batch())
        theirs = model.network(model.pixels(IMAGES), labels=labels).loss
    assert ours.count == 3
    torch.testing.assert_close(ours.total, theirs * 3, rtol=1e-5, atol=1e-4)


def test_the_network_sees_pixels_as_its_checkpoints_were_trained_on_them(model):
    pixels = torch.rand(2, 3, 64, 96)
    torch.testing.assert_close(model.pixels((pixels - 0.5) / 0.25), pixels)


def test_photographs_add_up_where_statistics_are_not_shared(model):
    with torch.no_grad():
        whole = OBJECTIVE(model.eval(), batch())
        parts = [OBJECTIVE(model, batch(IMAGES[n : n + 1], BOXES[n : n + 1])) for n in range(2)]
    torch.testing.assert_close(whole.total, parts[0].total + parts[1].total, rtol=1e-4, atol=1e-4)
    assert whole.count == parts[0].count + parts[1].count


def test_nothing_there_is_a_loss_too_in_either_mode(model):
    nothing = torch.tensor([[[0.0, 0, 0, 0, -1]]] * 2)
    for mode in (True, False):
        loss = OBJECTIVE(model.train(mode), batch(boxes=nothing))
        assert loss.count == 1 and loss.total > 0
        loss.total.backward()
    model.zero_grad()


def test_a_fresh_network_begins_as_the_paper_says_and_by_the_seed_alone():
    first, again, other = build(), build(), build(seed=1)
    same = [torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True)]
    assert all(same)
    assert not torch.equal(first.head["chosen"].weight, other.head["chosen"].weight)
    for layer in (first.head["chosen"], *first.head["classes"]):
        torch.testing.assert_close(layer.bias.sigmoid(), torch.full_like(layer.bias, PRIOR))
    norms = [layer for layer in first.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    assert norms and all((norm.weight == 1).all() for norm in norms)
    library = RTDetrForObjectDetection(first.network.config)  # starts its attention as the paper does
    name = "model.decoder.layers.0.encoder_attn.sampling_offsets"
    torch.testing.assert_close(first.network.get_submodule(name).bias, library.get_submodule(name).bias)
    with torch.no_grad():  # every query's box is the place that it was taken from
        boxes = first.eval()._run(IMAGES, None).pred_boxes
    sides = boxes[..., 2:]  # a twentieth at the finest level, twice that at each coarser one
    assert ((sides - torch.tensor([0.05, 0.1, 0.2]).reshape(3, 1, 1, 1)).abs().amin(0) < 1e-4).all()


def test_what_is_said_before_anything_is_chosen_does_not_turn_on_which_score_is_larger(model):
    with torch.no_grad():
        before = model.eval().undecided(IMAGES)
        chosen = model.head["chosen"]
        chosen.weight.neg_()  # another order of the places, hence other queries
        after, places = model.undecided(IMAGES), 2 * 126
        chosen.weight.neg_()
    assert before.shape == (2, places + 12 * (2 + 4))
    assert torch.equal(before[:, places:], after[:, places:]) and not torch.equal(before[:, :places], after[:, :places])
    assert not chosen._forward_hooks


def test_no_weight_is_read_by_nothing(model):
    OBJECTIVE(model.train(), batch()).total.backward()
    dead = [name for name, weight in model.named_parameters() if weight.grad is None]
    model.zero_grad()
    assert not dead


def test_counted_and_analytic_operations_agree(model):
    assert describe(model, SPEC.input_shape).flops > 1e6
    counted, analytic = whole_training_flops(model, OBJECTIVE, batch(), {(3, 64, 96): 4})
    assert counted == pytest.approx(analytic, rel=0.05) and counted > 0


def test_what_was_answered_in_inference_mode_can_be_trained_on_afterwards():
    model = build()
    with torch.inference_mode():
        model.eval()(IMAGES[:, :, :32, :64].clone())
    tall = batch(IMAGES[:, :, :32, :64], torch.tensor([[[8.0, 8, 24, 24, 0]]] * 2))
    OBJECTIVE(model.train(), tall).total.backward()


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rt-detr") / "folder"
    build(seed=3).network.save_pretrained(folder)
    return folder


def test_weights_of_a_folder_are_taken_and_the_network_is_built_again_without_it(saved, tmp_path):
    made = section(path=str(saved), pretrained=True)
    model = MODELS.build(made, SPEC)
    INITS.build(INITS.options("default")(kind="default"), model, 0)
    with torch.no_grad():
        expected = build(seed=3).eval()(IMAGES)
        assert torch.equal(model.eval()(IMAGES), expected)
        save_weights(model, tmp_path / "w.safetensors")
        again = rebuild(section(**(described(made, model) | {"path": "/nowhere"})), SPEC)
        load_weights(again, tmp_path / "w.safetensors")
        assert torch.equal(again.eval()(IMAGES), expected)


def test_other_classes_leave_a_folders_weights_but_for_those_that_answer_them(saved):
    import dataclasses

    three = dataclasses.replace(SPEC, class_names=("a", "b", "c"))
    model = MODELS.build(section(path=str(saved), pretrained=True), three)
    INITS.build(INITS.options("default")(kind="default"), model, 0)
    kept = build(seed=3)
    assert model.head["chosen"].out_features == 3
    torch.testing.assert_close(model.head["chosen"].bias.sigmoid(), torch.full((3,), PRIOR))
    fresh = {name for name, _ in model.named_parameters() if name.startswith(model.class_layers)}
    same = dict(kept.named_parameters())
    assert all(torch.equal(weight, same[name]) for name, weight in model.named_parameters() if name not in fresh)


def test_grey_photographs_are_seen_in_three_colours():
    import dataclasses

    grey = build(dataclasses.replace(SPEC, channels=1, mean=(0.5,), std=(0.25,)))
    with torch.no_grad():
        assert grey.eval()(IMAGES[:, :1]).shape == (2, MAX_ANSWERS, 6)


def test_what_it_cannot_do_is_said(saved, tmp_path):
    import dataclasses

    with pytest.raises(UsageError, match=r"multiples of 32 for rt_detr; got 60×96. Change data.image_size"):
        build(dataclasses.replace(SPEC, height=60))
    with pytest.raises(UsageError, match=r"model.queries must be at most 126, the places of a photograph of 64×96"):
        build(queries=127)
    with pytest.raises(UsageError, match=r"model.width must be a multiple of 16 in rt_detr; got 24"):
        build(width=24)
    with pytest.raises(UsageError, match=r"model.pretrained needs model.path"):
        build(pretrained=True)
    with pytest.raises(ArtifactError, match=r"pretrained weights of transformers '.*none' must be on disk"):
        (tmp_path / "none").mkdir()
        build(path=str(tmp_path / "none"), pretrained=True)
    RTDetrResNetConfig().save_pretrained(tmp_path / "backbone")
    with pytest.raises(UsageError, match=r"must name an RT-DETR; '.*backbone' is of the kind 'rt_detr_resnet'"):
        build(path=str(tmp_path / "backbone"))
