"""A number said of every document: from a table with quantities to verdicts, by two methods that are compared."""

from __future__ import annotations

import json

import numpy as np
import pytest

from basestone.core.artifact import read_json
from basestone.core.errors import DataError
from basestone.core.evidence import read_records
from basestone.lifecycle.check import load_checked
from basestone.lifecycle.run import run
from basestone.lifecycle.verify import verify
from basestone.recipe.check import check

RECIPE = """
schema_version: 1
name: stars
task: text_regression
data:
  source: {{kind: jsonl, files: {{train: {file}}}, label: stars}}
  labels: numbers
  tokenizer: {{kind: wordpiece, vocab_size: 300}}
  max_length: 24
  split: {{validation: 0.1, test: 0.25}}
stages:
  pretrain:
    model: {{kind: recurrent, width: 24, drop_rate: 0.0}}
    objective: {{kind: causal_lm}}
    fit: {{max_steps: 20, batch_size: 32, optimizer: {{kind: adamw, lr: 0.01}}, schedule: {{kind: one_cycle}}}}
  adapt:
    methods: [{{kind: full}}, {{kind: probe}}]
    objective: {{kind: mse}}
    fit: {{max_steps: 120, batch_size: 32, optimizer: {{kind: adamw, lr: 0.01}}, schedule: {{kind: one_cycle}}}}
  audit:
    profile: foundation-1
    samples: {{latency_runs: 299, replay: 64}}
    declare: {{GEN-1: {{r_squared: 0.5}}, LAT-1: 0.2, CST-2: {{flops: 1e9, memory: 8e9, energy: 50}}}}
  report: {{}}
"""


def reviews(path, count=500, **changes):
    """Sixteen words each; ``stars`` is 1,000 and 50 more for every word of praise."""
    generator = np.random.default_rng(0)
    with path.open("w") as file:
        for number in range(count):
            praise = generator.random(16) < generator.random()
            words = [str(generator.choice(["good", "fine"] if good else ["bad", "the", "a"])) for good in praise]
            row = {"text": " ".join(words), "stars": 1000.0 + 50 * int(praise.sum())}
            file.write(json.dumps(row | (changes if number == 7 else {})) + "\n")
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("regression")
    recipe = folder / "stars.yaml"
    recipe.write_text(RECIPE.format(file=reviews(folder / "reviews.jsonl")))
    return run(recipe, out=folder / "run")


def test_it_passes_what_its_task_is_held_to(made):
    found = {one["clause"]: one["verdict"] for one in made.verdicts["verdicts"]}
    assert found["GEN-1"] == found["GEN-2"] == found["SEC-2"] == "pass"
    assert found["GEN-4"] == found["ROB-1"] == "not_applicable"
    assert all(finding.ok for finding in verify(made.folder.path))


def test_the_records_are_in_the_unit_of_the_labels(made):
    table = read_records(made.folder.stage("audit") / "samples" / "quantities_test.parquet")
    assert set(np.unique(table["target"]) % 50) == {0.0}
    assert table["target"].min() >= 1000 and np.abs(table["prediction"] - table["target"]).mean() < 100
    spec = read_json(made.folder.stage("prepare") / "card.json")["spec"]
    samples = read_records(made.folder.stage("prepare") / "samples.parquet")
    train = samples["number"][samples["split"] == "train"]
    assert spec["unit"] == pytest.approx([train.mean(), train.std()])


def test_the_methods_are_compared_by_r_squared(made):
    compared = read_json(made.folder.stage("adapt") / "comparison.json")
    assert compared["unit"] == "r_squared"
    audited = read_json(made.folder.stage("audit") / "measurements.json")["r_squared"]["value"]
    best = max(compared["trials"], key=lambda trial: trial["test_accuracy"])
    assert audited == pytest.approx(best["test_accuracy"], abs=1e-3)
    assert made.stages["adapt"].facts["method"] == best["method"]
    page = (made.folder.report / "index.html").read_text()
    assert "Variance explained (R²)" in page


@pytest.mark.parametrize("stars", [None, "many", float("nan"), True])
def test_a_row_without_a_number_is_refused_by_name(tmp_path, stars):
    recipe = tmp_path / "stars.yaml"
    recipe.write_text(RECIPE.format(file=reviews(tmp_path / "reviews.jsonl", count=20, stars=stars)))
    with pytest.raises(DataError, match=r"reviews.jsonl row 7 must have a finite number as its label"):
        run(recipe, out=tmp_path / "run", until="prepare")


@pytest.mark.parametrize(
    ("change", "path", "message"),
    [
        ("task=text_classification", "data.labels", "must be classes for the task 'text_classification'"),
        ("data.labels=classes", "data.labels", "must be numbers for the task 'text_regression'"),
        ("stages.pretrain.objective.kind=cross_entropy", "stages.pretrain.objective.kind", "Choose mse"),
        ("stages.adapt.objective.kind=cross_entropy", "stages.adapt.objective.kind", "Choose mse"),
    ],
)
def test_what_does_not_fit_is_a_fault_of_the_recipe(tmp_path, change, path, message):
    recipe = tmp_path / "stars.yaml"
    recipe.write_text(RECIPE.format(file=reviews(tmp_path / "reviews.jsonl", count=20)))
    faults = check(recipe, [change])
    assert any(fault.path == path and message in fault.message for fault in faults)


def test_the_recipe_as_it_stands_has_no_fault(tmp_path):
    recipe = tmp_path / "stars.yaml"
    recipe.write_text(RECIPE.format(file=reviews(tmp_path / "reviews.jsonl", count=20)))
    assert load_checked(recipe, ()).recipe.task == "text_regression"
