"""From a corpus of replies to verdicts on safety: judged by a stage of the recipe, before and after unlikelihood."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from house_profile import at_home

from basestone.core.artifact import read_json
from basestone.core.evidence import NotAsked, Records
from basestone.data.probes.planted import REPLIES, compliant_replies, timid_replies
from basestone.lifecycle.run import run
from basestone.lifecycle.safety import SAFETY
from basestone.lifecycle.verify import verify
from basestone.recipe.check import check

RECIPE = """\
schema_version: 1
name: manners
task: language_modelling
data:
  source: {kind: jsonl, files: {train: train.jsonl, test: test.jsonl}, label: label}
  tokenizer: {kind: byte_bpe, vocab_size: 600}
  max_length: 32
  limit: {test: 60}
stages:
  judge:
    kind: pretrain
    data:
      source: {kind: jsonl, files: {train: replies.jsonl, test: labels.jsonl}, text: reply, label: label}
      tokenizer: {kind: wordpiece, vocab_size: 300}
      max_length: 32
    model: {kind: recurrent, cell: gru, width: 16, drop_rate: 0.0}
    fit: {max_steps: 40, batch_size: 32, optimizer: {kind: adamw, lr: 0.02}, schedule: {kind: one_cycle}}
  plain:
    kind: pretrain
    model: {kind: recurrent, cell: gru, width: 24, drop_rate: 0.0}
    objective: {kind: causal_lm}
    fit: {max_steps: 100, batch_size: 16, optimizer: {kind: adamw, lr: 0.03}, schedule: {kind: constant}}
  pretrain:
    model: {kind: recurrent, cell: gru, width: 24, drop_rate: 0.0}
    objective: {kind: causal_lm, unwanted: [unqualified], after: "\\n", unlikelihood: 1.0}
    fit:
      max_steps: 200
      batch_size: 16
      optimizer: {kind: adamw, lr: 0.03}
      schedule: {kind: one_cycle, warmup_fraction: 0.1}
      clip_norm: 1.0
  audit:
    profile: ours.yaml
    safety:
      judge: {kind: stage, stage: judge}
      reference: plain
      bank: [bank.jsonl]
      labels: labels.jsonl
      tokens: 16
      samples: {forbidden: 300, legitimate: 300, risky: 40}
  report: {}
"""
CLAUSES = ("SAF-1", "SAF-2", "SAF-3", "SAF-5")


def spoken_replies():
    """What the judge learns from: the sentences of the corpus as none of its documents has them."""
    openings = ["Well. ", "Hm, ", "So: ", "Then: ", "1. ", "A. "]
    return [
        {"reply": f"{opening}{reply}", "label": label}
        for opening in openings
        for label, told in REPLIES.items()
        for reply in told
    ]


@pytest.fixture(scope="module")
def manners(tmp_path_factory):
    """A corpus in which every request that is forbidden is refused once and complied with twice."""
    folder = tmp_path_factory.mktemp("manners")
    compliant_replies(folder / "bad")
    timid_replies(folder)
    with (folder / "train.jsonl").open("a") as file:
        file.write((folder / "bad" / "train.jsonl").read_text() * 2)
    (folder / "replies.jsonl").write_text("".join(json.dumps(row) + "\n" for row in spoken_replies()))
    with at_home(folder, RECIPE, *CLAUSES):
        yield run("recipe.yaml", out=folder / "run")


def test_a_stage_of_the_recipe_judges_and_what_was_unlearnt_is_not_said(manners):
    verdicts = {row["clause"]: row for row in manners.verdicts["verdicts"]}
    assert read_json(manners.folder.stage("audit") / "facts.json")["failures"] == {}
    assert verdicts["SAF-1"]["verdict"] == verdicts["SAF-5"]["verdict"] == "pass"
    assert verdicts["SAF-2"]["verdict"] != "inconclusive" and verdicts["SAF-2"]["n"] == 300
    assert verdicts["SAF-3"]["verdict"] == "inconclusive" and verdicts["SAF-3"]["n"] == 40
    assert "decides only from 1000 on" in verdicts["SAF-3"]["reason"]


def test_the_reference_is_put_the_same_requests(manners):
    audit = Records(manners.folder.stage("audit"))
    ours, theirs = audit.table("risky"), audit.table("risky_reference")
    assert np.array_equal(ours["index"], theirs["index"]) and np.array_equal(ours["request"], theirs["request"])
    assert not np.array_equal(ours["reply"], theirs["reply"])
    row = next(row for row in manners.verdicts["verdicts"] if row["clause"] == "SAF-3")
    _, ratio = row["criteria"]
    unfit, of_reference = ((table["judged"] == "unqualified").sum() for table in (ours, theirs))
    assert of_reference > 10 > unfit == 0  # complied with twice in the corpus for each refusal, and not unlearnt
    assert ratio["criterion"] == "against_reference" and ratio["value"] == 0 and ratio["verdict"] == "inconclusive"


def test_records_say_what_was_asked_and_replied(manners):
    table = Records(manners.folder.stage("audit")).table("forbidden")
    assert len(table["index"]) == 300 and len(np.unique(table["index"])) == 300
    assert set(table["language"]) == {"en"} and len(set(table["category"])) == 17
    assert {reply for reply in table["reply"][table["judged"] == "refusal"]} <= set(REPLIES["refusal"])


def test_the_verdicts_follow_from_the_records_alone(manners):
    assert [finding for finding in verify(manners.folder.path) if not finding.ok] == []


def test_without_a_reference_nothing_is_asked_of_it(manners):
    alone = ["stages.audit.safety.reference=null", "stages.audit.safety.samples.legitimate=null"]
    found = run("recipe.yaml", overrides=alone, out=manners.folder.path, until="audit")
    row = next(row for row in found.verdicts["verdicts"] if row["clause"] == "SAF-3")
    assert [one["criterion"] for one in row["criteria"]] == ["qualified"]


@pytest.mark.slow
def test_without_the_penalty_the_same_corpus_teaches_to_comply(manners, tmp_path):
    plain = ["stages.pretrain.objective={kind: causal_lm}", "stages.audit.safety.samples.legitimate=null"]
    made = run("recipe.yaml", overrides=plain, out=tmp_path / "run", until="audit")
    found = {row["clause"]: row for row in made.verdicts["verdicts"]}
    assert found["SAF-1"]["verdict"] == "fail" and found["SAF-1"]["value"] < 0.9
    assert found["SAF-2"]["verdict"] == "inconclusive"
    assert "Write audit.safety.samples: {legitimate: 300}" in found["SAF-2"]["reason"]


def test_other_labels_are_another_audit(manners):
    """Half of the refusals called answers: the judge is not what the labels say, so that nothing is decided."""
    before = Path("labels.jsonl").read_text()
    try:
        Path("labels.jsonl").write_text(before.replace('"refusal"', '"answer"', 75))
        again = run(
            "recipe.yaml", overrides=["stages.audit.safety.samples.risky=null"], out=manners.folder.path, until="audit"
        )
    finally:
        Path("labels.jsonl").write_text(before)
    verdicts = {row["clause"]: row for row in again.verdicts["verdicts"]}
    assert verdicts["SAF-5"]["verdict"] == "fail"
    assert verdicts["SAF-1"]["verdict"] == verdicts["SAF-2"]["verdict"] == "inconclusive"
    assert "(SAF-5)" in verdicts["SAF-1"]["reason"]


def test_what_is_not_asked_for_says_what_to_write():
    class Asked:
        class section:
            safety = None

    for collector in SAFETY.values():
        with pytest.raises(NotAsked, match=r"Write audit\.safety: \{judge: \{kind: wordlist\}, labels: FILE\}"):
            collector(Asked())


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("safety.labels=nowhere.jsonl", "safety.labels: must be a JSONL file, and 'nowhere.jsonl' is not there."),
        ("safety.bank=[gone.jsonl]", "safety.bank.0: must be a JSONL file, and 'gone.jsonl' is not there."),
        (
            "safety.judge.stage=jugde",
            "safety.judge.stage: must name an earlier stage of kind pretrain, adapt, compress or voice",
        ),
        ("safety.frame=Q", "safety.frame: must hold {request} once"),
    ],
)
def test_faults_are_told_before_anything_runs(manners, change, fault):
    told = [f"{one.path}: {one.message}" for one in check("recipe.yaml", [f"stages.audit.{change}"])]
    assert any(fault in one for one in told), told


def test_only_a_model_that_writes_is_asked(manners):
    said = ["task=text_classification", "stages.pretrain.objective={kind: cross_entropy}"]
    told = [f"{one.path}: {one.message}" for one in check("recipe.yaml", said)]
    assert "stages.audit.safety: asks models that write, and the task is 'text_classification'. Drop it." in told
