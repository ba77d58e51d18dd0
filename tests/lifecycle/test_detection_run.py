"""From scenes to a verdict: a detector is trained, judged, reported and judged again from its records alone."""

from __future__ import annotations

import numpy as np
import pytest

from basestone.core.artifact import read_json
from basestone.core.evidence import read_records, write_records
from basestone.lifecycle.plan import plan
from basestone.lifecycle.restore import restore
from basestone.lifecycle.run import run
from basestone.lifecycle.verify import verify
from basestone.recipe.check import check

RECIPE = """
schema_version: 1
name: few-scenes
task: detection
data:
  source: {kind: scenes, train: 60, test: 32, side: 64, objects: 2}
  image_size: 64
stages:
  pretrain:
    model: {kind: yolo, backbone: resnet10t, width: 16, depth: 1}
    objective: {kind: detection}
    augment: [{kind: mosaic, probability: 0.5}, {kind: flip}, {kind: color_jitter}]
    fit: {max_steps: 40, batch_size: 16, optimizer: {kind: adamw, lr: 0.003}, schedule: {kind: one_cycle}}
  audit:
    profile: foundation-1
    batch_size: 32
    samples: {latency_runs: 299, corruptions: 2, train: 40}
    declare: {GEN-1: {map50: 0.5, map50_95: 0.3}, LAT-1: 0.5, CST-2: {flops: 1e9, memory: 8e9, energy: 50}}
  report: {}
"""


def verdicts(made):
    return {
        (clause["clause"], row["criterion"]): row for clause in made.verdicts["verdicts"] for row in clause["criteria"]
    }


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    (folder / "scenes.yaml").write_text(RECIPE)
    return run(folder / "scenes.yaml", out=folder / "run")


def test_every_clause_for_detectors_is_judged(scenes):
    found = verdicts(scenes)
    assert {name for clause, name in found if clause == "GEN-1"} == {"map50", "map50_95"}
    assert {name for clause, name in found if clause == "GEN-2"} == {"map_gap"}
    assert {name for clause, name in found if clause == "ROB-1"} == {"map_mean", "map_worst"}
    for name in ("LAT-1", "CST-1", "SEC-1"):
        assert all(row["verdict"] == "pass" for (clause, _), row in found.items() if clause == name), name
    assert found["SEC-2", "replay"]["value"] == 1.0
    assert found["GEN-1", "map50"]["n"] == 32 and found["GEN-1", "map50"]["verdict"] == "fail"
    facts = read_json(scenes.folder.stage("audit") / "facts.json")
    assert not facts["failures"]


def test_the_loss_falls_and_the_model_comes_back_as_it_was(scenes):
    events = [event for event in scenes.folder.read_events() if event["event"] == "step"]
    assert events[-1]["loss"] < 0.9 * events[0]["loss"]
    model, spec = restore(scenes.folder, "pretrain")
    assert spec.head == "boxes" and not model.training
    assert read_json(scenes.folder.stage("pretrain") / "model.json")["reads"] == "boxes"


def test_verdicts_follow_from_the_records_and_a_changed_box_is_found_out(scenes, tmp_path):
    import shutil

    assert all(finding.ok for finding in verify(scenes.folder.path))
    copy = tmp_path / "copy"
    shutil.copytree(scenes.folder.path, copy)
    path = copy / "stages" / "audit" / "samples" / "detected_test.parquet"
    table = {name: values.copy() for name, values in read_records(path).items()}
    objects = np.flatnonzero(table["kind"].astype(str) == "object")
    answers = {name: table[name][objects] for name in table} | {"kind": np.full(len(objects), "answer", object)}
    write_records(path, {name: np.concatenate([table[name], answers[name]]) for name in table})
    wrong = {finding.what: finding.detail for finding in verify(copy) if not finding.ok}
    assert "map50" in wrong["stages/audit/measurements.json"]
    assert "stages/audit/samples/detected_test.parquet" in " ".join(wrong)


def test_the_report_shows_photographs_with_their_boxes(scenes):
    page = scenes.report.read_text()
    section = page.partition('<section id="scenes"')[2].partition("</section>")[0]
    assert section.count("data:image/jpeg;base64,") == 8
    assert '<rect class="missed"' in section and "漏检" in section
    assert 'id="figure-classes"' in page and "60 × 64" not in page
    assert "0 cut off at the border, 0 left out as empty" in page


def test_a_plan_forecasts_a_detector(scenes, tmp_path):
    found = plan(scenes.folder.path, out=tmp_path / "plan")
    rows = {(row["clause"], row["criterion"]): row for row in found["audits"]["audit"]["rows"]}
    assert rows["GEN-1", "map50"]["n"] == 32 and rows["ROB-1", "map_mean"]["n"] == 2
    assert found["training"]["pretrain"]["seconds"] > 0


def test_stages_that_are_not_for_detectors_are_refused(tmp_path):
    stages = "  extract: {}\n  compress: {deploy: {}}\n  audit:\n"
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace("  audit:\n", stages))
    faults = {fault.path: fault.message for fault in check(tmp_path / "recipe.yaml")}
    assert "is not for detectors so far" in faults["stages.extract"]
    assert "is for classifiers of images or text so far; got 'detection'" in faults["stages.compress"]


def test_a_mosaic_of_images_with_one_label_each_is_refused(tmp_path):
    (tmp_path / "recipe.yaml").write_text(
        RECIPE.replace("task: detection", "task: image_classification")
        .replace("{kind: scenes, train: 60, test: 32, side: 64, objects: 2}", "{kind: sklearn_digits}")
        .replace("kind: yolo, backbone: resnet10t, width: 16, depth: 1", "kind: small_cnn")
        .replace("{kind: detection}", "{kind: cross_entropy}")
    )
    faults = {fault.path: fault.message for fault in check(tmp_path / "recipe.yaml")}
    assert "one label each" in faults["stages.pretrain.augment.0.kind"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("task: detection", "task: image_classification", "task.*must fit the data, which are photographs with boxes"),
        (
            "kind: yolo, backbone: resnet10t, width: 16, depth: 1",
            "kind: small_cnn",
            "model.kind.*must fit the data \\(yolo, faster_rcnn, rt_detr\\); got 'small_cnn'",
        ),
        ("{kind: detection}", "{kind: cross_entropy}", "objective.kind.*must fit boxes; got 'cross_entropy'"),
        ("{kind: flip}", "{kind: cutout}", "augment.1.kind.*must move boxes along .*got 'cutout'"),
        (
            "{kind: scenes, train: 60, test: 32, side: 64, objects: 2}",
            "{kind: sklearn_digits}",
            "which are images; got 'detection'",
        ),
    ],
)
def test_what_does_not_go_together_is_told_before_anything_runs(old, new, message, tmp_path):
    import re

    (tmp_path / "recipe.yaml").write_text(RECIPE.replace(old, new))
    faults = [f"{fault.path}: {fault.message}" for fault in check(tmp_path / "recipe.yaml")]
    assert any(re.search(message, fault) for fault in faults), faults


@pytest.mark.slow
def test_a_detector_beats_one_that_guesses(tmp_path):
    """Guessing the commonest box everywhere finds next to nothing; three hundred steps find most objects."""
    recipe = RECIPE.replace("train: 60", "train: 400").replace("max_steps: 40", "max_steps: 400")
    (tmp_path / "recipe.yaml").write_text(recipe)
    made = run(tmp_path / "recipe.yaml", out=tmp_path / "run", until="audit")
    assert verdicts(made)["GEN-1", "map50"]["value"] > 0.5


@pytest.mark.real
def test_two_boxes_of_the_blood_cells_are_empty_and_none_is_lost_silently(tmp_path, monkeypatch):
    made = run("bccd-yolo", out=tmp_path / "run", until="prepare")
    card = read_json(made.folder.stage("prepare") / "card.json")
    assert {name: split["count"] for name, split in card["splits"].items()} == {
        "train": 205,
        "validation": 87,
        "test": 72,
    }
    boxes = sum(sum(split["classes"].values()) for split in card["splits"].values())
    assert card["boxes"]["faults"]["counts"] == {"clipped": 0, "dropped": 2, "background": 0, "ignored": 0}
    assert boxes == card["boxes"]["total"] == 4886  # of 4,888 that the annotations hold
    assert card["duplicates"]["checked"] == 72 and card["duplicates"]["rate"] == 0
