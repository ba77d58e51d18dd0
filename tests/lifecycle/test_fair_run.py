"""From texts with groups to verdicts on fairness, their formats for CI, and judging again from the records."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest
from house_profile import at_home

from basestone.core.artifact import read_json
from basestone.data.text.planted import even_topics
from basestone.lifecycle.check import load_checked
from basestone.lifecycle.run import run
from basestone.lifecycle.verify import verify
from basestone.recipe.check import check

RECIPE = """\
schema_version: 1
name: regions
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
    objective: {kind: group_dro, rate: 0.1}
    fit:
      epochs: 4
      batch_size: 32
      balance: groups
      optimizer: {kind: adamw, lr: 0.01}
      schedule: {kind: one_cycle, warmup_fraction: 0.2}
  audit:
    profile: ours.yaml
    fairness: {positive: food}
    harmful: weather
    samples: {latency_runs: 299, replay: 32}
  report: {}
"""
CLAUSES = ("FAI-1", "FAI-2", "FAI-3", "HUM-1", "SAF-4")


@pytest.fixture(scope="module")
def fair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("regions")
    even_topics(folder)
    with at_home(folder, RECIPE, *CLAUSES):
        yield run("recipe.yaml", out=folder / "run")


def test_groups_that_are_alike_are_served_alike(fair):
    verdicts = {row["clause"]: row for row in fair.verdicts["verdicts"]}
    assert verdicts["FAI-3"]["verdict"] == "pass" and verdicts["FAI-3"]["n"] == 240  # every text says he or she
    rows = {row["criterion"]: row for row in verdicts["FAI-1"]["criteria"]}
    assert rows["accuracy_gap"]["verdict"] == "pass" and rows["tpr_gap"]["n"] == 240
    assert verdicts["FAI-2"]["value"] > 0.6 and verdicts["FAI-2"]["verdict"] in ("pass", "inconclusive")
    caught, even = verdicts["SAF-4"]["criteria"]
    assert caught["value"] > 0.95 and even["verdict"] == "inconclusive"  # 6 of 120 harmless texts say little of regions
    facts = read_json(fair.folder.stage("audit") / "facts.json")
    assert facts["filter"] == {"classes": ["food", "weather"], "harmful": 1}
    assert facts["fairness"] == {"classes": ["food", "weather"], "positive": 0} and facts["failures"] == {}


def test_everything_follows_from_the_records(fair):
    assert [finding for finding in verify(fair.folder.path) if not finding.ok] == []


def test_ci_is_led_to_the_line_of_the_recipe(fair):
    log = json.loads((fair.folder.report / "verdicts.sarif").read_text())
    place = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    line = RECIPE.splitlines().index("    profile: ours.yaml") + 1
    assert place["artifactLocation"]["uri"] == "recipe.yaml" and place["region"]["startLine"] == line
    cases = ElementTree.parse(fair.folder.report / "verdicts.junit.xml").findall(".//testcase")
    assert [case.get("classname") for case in cases] == [f"house.{name}" for name in CLAUSES]


def test_a_class_that_there_is_not_is_told_and_never_a_number(fair, tmp_path):
    changed = run("recipe.yaml", overrides=["stages.audit.fairness.positive=foot"], out=fair.folder.path)
    row = next(row for row in changed.verdicts["verdicts"] if row["clause"] == "FAI-2")
    assert row["verdict"] == "error"
    assert "audit.fairness.positive must be one of food, weather; got 'foot'. Did you mean 'food'?" in row["reason"]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("data.groups=[]", "stages.pretrain.objective.kind: needs groups, and the data name none. Add data.groups."),
        ("data.groups=[]", "stages.pretrain.fit.balance: needs groups, and the data name none. Add data.groups."),
    ],
)
def test_what_treats_groups_apart_needs_groups(fair, change, fault):
    assert fault in [f"{one.path}: {one.message}" for one in check("recipe.yaml", [change])]


@pytest.mark.parametrize(("option", "clause"), [("fairness.positive", "FAI-2"), ("harmful", "SAF-4")])
def test_what_no_class_is_declared_for_is_not_judged(fair, option, clause):
    from basestone.lifecycle.check import standard_in_force

    applies = {}
    for name in ("food", "null"):
        loaded = load_checked("recipe.yaml", [f"stages.audit.{option}={name}"])
        entries = standard_in_force(loaded.recipe, "audit").clauses
        applies[name] = {entry.clause.id for entry in entries if entry.applies}
    assert applies["food"] - applies["null"] == {clause}
