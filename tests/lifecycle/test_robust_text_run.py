"""From texts with groups to verdicts on shift and on words that are written another way, and judging them again."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from house_profile import at_home

from basestone.core.artifact import read_json
from basestone.core.errors import Stopped
from basestone.core.evidence import Records
from basestone.data.text.planted import dialect_topics
from basestone.lifecycle.run import run
from basestone.lifecycle.unseen import Unseen
from basestone.lifecycle.verify import verify
from basestone.recipe.check import check

RECIPE = """\
schema_version: 1
name: dialects
task: text_classification
data:
  source: {kind: jsonl, files: {train: train.jsonl, test: test.jsonl}, label: label}
  tokenizer: {kind: wordpiece, vocab_size: 300}
  max_length: 32
  groups: [region]
  limit: {train: 600, test: 240}
stages:
  pretrain:
    model: {kind: recurrent, cell: gru, width: 24, drop_rate: 0.0}
    fit:
      epochs: 4
      batch_size: 32
      balance: groups
      optimizer: {kind: adamw, lr: 0.01}
      schedule: {kind: one_cycle, warmup_fraction: 0.2}
  audit:
    profile: ours.yaml
    shift: {column: region}
    reword: {words: 1, samples: 40, checked: 40}
    samples: {latency_runs: 299, replay: 32}
  report: {}
"""
CLAUSES = ("GEN-1", "ROB-2", "ROB-3", "ROB-4")
FLOOR = ["stages.audit.declare={GEN-1: 0.8}"]


@pytest.fixture(scope="module")
def divided(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dialects")
    dialect_topics(folder)
    with at_home(folder, RECIPE, *CLAUSES):
        yield run("recipe.yaml", overrides=FLOOR, out=folder / "run")


def test_who_never_read_a_dialect_does_not_understand_it(divided):
    row = next(row for row in divided.verdicts["verdicts"] if row["clause"] == "ROB-2")
    assert row["verdict"] == "fail" and row["n"] == 240
    table = Records(divided.folder.stage("audit")).table("unseen")
    right = table["unseen"] == table["label"]
    assert (table["seen"] == table["label"]).mean() > 0.9 and 0.3 < right.mean() < 0.7
    assert set(table["group"]) == {"north", "south"} and set(table["column"]) == {"region"}


def test_every_document_that_stands_was_searched_whole(divided):
    facts = read_json(divided.folder.stage("audit") / "facts.json")
    assert facts["failures"] == {} and facts["attack_checks"]["norm"] == "words"
    table = Records(divided.folder.stage("audit")).table("attacked")
    assert len(table["index"]) == 40 and table["cut"].sum() == 0
    assert (table["robust"] <= table["clean"]).all() and (table["forwards"][table["clean"] == 1] > 50).all()
    row = {row["clause"]: row for row in divided.verdicts["verdicts"]}
    assert row["ROB-3"]["n"] == table["clean"].sum() and row["ROB-4"]["verdict"] == "pass"


def test_everything_follows_from_the_records_and_is_drawn(divided):
    assert [finding for finding in verify(divided.folder.path) if not finding.ok] == []
    page = divided.report.read_text()
    assert "Groups that training never saw" in page and "What attacks leave standing" in page
    assert not list(divided.folder.path.rglob("checkpoints"))


def test_an_interrupted_audit_goes_on_with_the_group_that_it_was_at(divided, tmp_path, monkeypatch):
    shutil.copytree(divided.folder.path, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "stages" / "audit")
    trained, fitted = [], Unseen._fitted

    def stopping(self, number, *rest):
        trained.append(number)
        if trained == [0, 1]:
            raise Stopped("asked to")
        return fitted(self, number, *rest)

    monkeypatch.setattr(Unseen, "_fitted", stopping)
    with pytest.raises(Stopped):
        run("recipe.yaml", overrides=FLOOR, out=tmp_path / "run", until="audit")
    again = run("recipe.yaml", overrides=FLOOR, out=tmp_path / "run", until="audit")
    assert trained == [0, 1, 1]
    first, second = (Records(one.folder.stage("audit")).table("unseen") for one in (divided, again))
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_fewer_trainings_than_groups_cannot_pass(divided):
    few = [*FLOOR, "stages.audit.shift.groups=1", "stages.audit.reword=null"]
    found = run("recipe.yaml", overrides=few, out=divided.folder.path, until="audit")
    rows = {row["clause"]: row for row in found.verdicts["verdicts"]}
    table = Records(found.folder.stage("audit")).table("unseen")
    assert len(set(table["group"][table["unseen"] >= 0])) == 1 and rows["ROB-2"]["verdict"] != "pass"
    assert rows["ROB-3"]["verdict"] == "inconclusive" and "Write e.g. reword: {words: 1}" in rows["ROB-3"]["reason"]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            "stages.audit.shift.column=regions",
            "stages.audit.shift.column: must be a column of data.groups; got 'regions'. Did you mean 'region'? "
            "Add it there.",
        ),
        (
            "stages.audit.attack={epsilon: 0.1}",
            "stages.audit.attack: is for images so far, and these data are text. Write reword instead.",
        ),
        ("task=text_regression", "stages.audit.reword: is for classifiers of text, and this recipe's task is "),
        ("task=text_regression", "stages.audit.shift: is for classifiers so far, and this recipe's task is "),
    ],
)
def test_faults_are_told_before_anything_runs(divided, change, fault):
    assert any(f"{one.path}: {one.message}".startswith(fault) for one in check("recipe.yaml", [*FLOOR, change]))
