"""From a detector of four classes to one of them: trained by two methods, held against its parent, judged, shown."""

from __future__ import annotations

import numpy as np
import pytest

from basestone.core.artifact import read_json
from basestone.core.evidence import read_records
from basestone.lifecycle.restore import restore
from basestone.lifecycle.run import run
from basestone.lifecycle.verify import verify
from basestone.measures.average_precision import matched
from basestone.measures.detector_methods import precision
from basestone.recipe.check import check

RECIPE = """
schema_version: 1
name: one-class
task: detection
data:
  source: {kind: scenes, train: 60, test: 32, side: 64, objects: 2}
  image_size: 64
stages:
  pretrain:
    model: {kind: yolo, backbone: resnet10t, width: 16, depth: 1}
    objective: {kind: detection}
    fit: {max_steps: 40, batch_size: 8, optimizer: {kind: adamw, lr: 0.003}, schedule: {kind: one_cycle}}
  parent:
    kind: audit
    profile: ours.yaml
    batch_size: 32
    declare: {GEN-1: {map50: 0.3, map50_95: 0.1}}
  circles:
    kind: adapt
    data:
      source: {kind: scenes, train: 60, test: 32, side: 64, objects: 2}
      image_size: 64
      classes: {circle: [circle]}
    methods: [{kind: full}, {kind: lora, rank: 2}]
    objective: {kind: detection}
    augment: [{kind: flip}]
    fit: {max_steps: 10, batch_size: 8, optimizer: {kind: adamw, lr: 0.003}, schedule: {kind: one_cycle}}
  audit:
    profile: ours.yaml
    batch_size: 32
    declare: {GEN-1: {map50: 0.3, map50_95: 0.1}}
  report: {}
"""
PROFILE = """
id: ours
standard: foundation-1
title: {en: Ours, zh: 自定}
text: {en: How well objects are found., zh: 检测性能。}
tasks: [detection]
clauses: {GEN-1: {}}
"""


@pytest.fixture(scope="module")
def adapted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one-class")
    (folder / "one-class.yaml").write_text(RECIPE.replace("ours.yaml", str(folder / "ours.yaml")))
    (folder / "ours.yaml").write_text(PROFILE)
    return run(folder / "one-class.yaml", out=folder / "run")


@pytest.fixture(scope="module")
def comparison(adapted):
    return read_json(adapted.folder.stage("circles") / "comparison.json")


def test_the_model_left_knows_one_class_and_the_audit_judges_it_on_that(adapted):
    model, spec = restore(adapted.folder, "circles")
    assert spec.class_names == ("circle",) and model.num_classes == 1
    card = read_json(adapted.folder.stage("circles.data") / "card.json")
    assert adapted.folder.measurements("audit")["map50"]["n"] == card["splits"]["test"]["count"] == 32
    detail = adapted.folder.measurements("audit")["map50"]["detail"]
    assert detail["objects"] == [card["splits"]["test"]["classes"]["circle"]]
    assert not read_json(adapted.folder.stage("audit") / "facts.json")["failures"]
    assert all(finding.ok for finding in verify(adapted.folder.path))


def test_every_method_is_compared_by_average_precision_on_the_same_photographs(adapted, comparison):
    assert comparison["unit"] == "map50_95" and list(comparison["methods"]) == ["full", "lora"]
    objects = set()
    for trial in comparison["trials"]:
        table = read_records(adapted.folder.stage("circles") / f"found-{trial['method']}-{trial['seed']}.parquet")
        assert trial["test_accuracy"] == pytest.approx(precision(matched(table)))
        assert set(table["class"].tolist()) <= {-1, 0} and len(np.unique(table["index"])) == 32
        there = table["kind"].astype(str) == "object"
        objects.add((int(there.sum()), float(table["x1"][there].sum())))
    assert len(objects) == 1
    shipped = adapted.stages["circles"].facts["method"]
    own = next(trial for trial in comparison["trials"] if trial["method"] == shipped)
    assert own["test_accuracy"] == pytest.approx(adapted.folder.measurements("audit")["map50_95"]["value"], abs=1e-6)


def test_the_parent_is_judged_before_by_its_answers_of_that_class_alone(adapted, comparison):
    """A class's average precision does not depend on the others: the parent's own audit says the same of circles."""
    before = comparison["before"]
    own = adapted.folder.measurements("parent")["map50_95"]
    assert restore(adapted.folder, "pretrain")[1].class_names[0] == "circle"
    assert before["accuracy"] == pytest.approx(own["detail"]["by_class"][0]) and before["n"] == own["n"] == 32
    for name, gap in before["gained"].items():
        after = comparison["methods"][name]["accuracy"]
        assert gap["value"] == pytest.approx(after - before["accuracy"])
        assert gap["lower"] <= gap["value"] <= gap["upper"]


def test_what_was_frozen_stayed_and_folding_in_moved_nothing(comparison):
    proofs = {trial["method"]: trial["proof"] for trial in comparison["trials"]}
    assert all(proof["frozen_unchanged"] and proof["trained_moved"] for proof in proofs.values())
    assert proofs["lora"]["trainable"] < proofs["full"]["trainable"] == proofs["full"]["parameters"]
    assert proofs["lora"]["start_distance"] == 0 and proofs["lora"]["merge_distance"] < 1e-5


def test_the_report_shows_methods_and_the_gain(adapted):
    page = adapted.report.read_text()
    assert 'id="figure-methods"' in page and "mAP50–95" in page
    assert "circles: its parent on the same 32 test samples, and the gain" in page


@pytest.mark.parametrize(
    ("old", "new", "path", "message"),
    [
        ("    objective: {kind: detection}\n    augment", "    augment", "stages.circles.objective.kind",
         "must fit boxes (detection); got 'cross_entropy'"),
        ("[{kind: flip}]", "[{kind: cutout, size: 4}]", "stages.circles.augment.0.kind", "must move boxes along"),
        ("{circle: [circle]}", "{circle: []}", "stages.circles.data.classes.circle",
         "must be a list with at least 1 in it; got []."),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_before_anything_runs(tmp_path, old, new, path, message):
    assert old in RECIPE
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace(old, new))
    faults = {fault.path: fault.message for fault in check(tmp_path / "recipe.yaml")}
    assert message in faults[path]
