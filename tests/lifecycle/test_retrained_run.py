"""A model's training once more: on all that it had it is the same model again, whatever it was adapted by."""

from __future__ import annotations

import numpy as np
import pytest

from basestone.adaptation import frozen
from basestone.core.errors import RecipeError
from basestone.core.evidence import Records, RecordsMissing, read_records
from basestone.core.run import RunFolder
from basestone.lifecycle.check import load_checked, standard_in_force
from basestone.lifecycle.collect import Session
from basestone.lifecycle.environment import cache_folder
from basestone.lifecycle.retraining import Retraining
from basestone.lifecycle.run import run
from basestone.lifecycle.stage import Corridor
from basestone.lifecycle.trainings import training_seconds
from basestone.measures.subject import to_unit

RECIPE = """
schema_version: 1
name: adapted
task: image_classification
data:
  source: {kind: sklearn_digits}
  limit: {train: 300}
stages:
  pretrain:
    data: {source: {kind: shortcut_digits}, limit: {train: 300}}
    model: {kind: small_cnn, widths: [8], blocks: 1, standardize: true, norm: group}
    fit: {epochs: 2, optimizer: {kind: adamw, lr: 0.01}, schedule: {kind: constant}}
  adapt:
    methods: [{kind: probe}]
    fit: {epochs: 3, optimizer: {kind: adamw, lr: 0.01}, schedule: {kind: constant}}
  audit:
    profile: foundation-1
    declare: {GEN-1: 0.1, LAT-1: 1, CST-2: {flops: 1e9, memory: 8e9, energy: 50}}
    samples: {corruptions: 20, latency_runs: 299}
    privacy: {shadows: 4}
  report: {}
"""
SAME_DATA = "stages.pretrain.data=null"
PRIVATE = "stages.adapt.fit.private={noise: 1.5, delta: 1e-3, canaries: 40}"


class Silent:
    def __init__(self):
        self.events = []

    def log(self, event):
        self.events.append(event)

    def close(self):
        pass


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    path = tmp_path_factory.mktemp("recipe") / "adapted.yaml"
    path.write_text(RECIPE)
    return path


def session_of(recipe, overrides, out):
    """An audit of what ``recipe`` came to, before its first record."""
    loaded = load_checked(recipe, overrides).recipe
    made = run(recipe, overrides=overrides, out=out, until="adapt")
    corridor = Corridor(recipe=loaded, folder=RunFolder(out), cache=cache_folder(), keys=out / "keys", tracker=Silent())
    section, standard = loaded.stages["audit"], standard_in_force(loaded, "audit")
    prepared = made.stages["prepare"]
    return Session(corridor, section, standard, prepared, made.stages["adapt"], out / "stages" / "audit")


def answers(session, subject):
    split = session.split("test")
    return subject.logits(to_unit(split.raw(np.arange(len(split))))).numpy()


def retrained(session, folder, where=None):
    again = Retraining.of(session, "a test")
    where = np.arange(again.num_train) if where is None else where
    subject = again.fitted(["train"], where, seed=0, folder=folder, tracker=Silent())
    return again, answers(session, subject)


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["stages.adapt.methods=[{kind: full}]"],
        ["stages.adapt.methods=[{kind: lora, rank: 2}]"],
        ["stages.adapt.methods=[{kind: adapter, width: 4, targets: [features.0.0]}]"],
        ["stages.adapt.methods=[{kind: scratch}]", SAME_DATA],
        [SAME_DATA],
        [SAME_DATA, "stages.adapt.rates=[0.001, 0.01]", "stages.adapt.methods=[{kind: full}, {kind: probe}]"],
    ],
    ids=["probe", "full", "lora", "adapter", "scratch", "probe after a training", "the best of several"],
)
def test_on_all_that_it_had_it_is_the_same_model_again(recipe, tmp_path, overrides):
    session = session_of(recipe, overrides, tmp_path / "run")
    shipped = answers(session, session.subject)
    again, same = retrained(session, tmp_path / "same")
    assert np.abs(same - shipped).max() < 1e-4 * np.abs(shipped).max()
    assert [one.stage for one in again.trainings] == (
        ["pretrain", "adapt"] if SAME_DATA in overrides and "scratch" not in overrides[0] else ["adapt"]
    )
    _, half = retrained(session, tmp_path / "half", np.arange(0, again.num_train, 2))
    assert np.abs(half - shipped).max() > 1e-2 * np.abs(shipped).max()  # it does depend on what it is shown
    assert training_seconds(session) == sum(one.seconds for one in again.trainings) > 0


def test_frozen_features_are_read_once_and_change_nothing(recipe, tmp_path, monkeypatch):
    session, where = session_of(recipe, [], tmp_path / "run"), np.arange(0, 300, 2)
    again = Retraining.of(session, "a test")
    by_features = [
        answers(session, again.fitted(["train"], where, seed=seed, folder=tmp_path / f"{seed}", tracker=Silent()))
        for seed in (1, 2)
    ]
    read = [
        event for event in session.corridor.tracker.events if event.get("unit") == "samples whose features are read"
    ]
    assert [event["done"] for event in read] == [250, 300]  # once, for both
    monkeypatch.setattr(frozen, "last_layer", lambda model: None)
    whole = again.fitted(["train"], where, seed=2, folder=tmp_path / "whole", tracker=Silent())
    assert np.abs(answers(session, whole) - by_features[1]).max() < 1e-4 * np.abs(by_features[1]).max()
    assert np.abs(by_features[0] - by_features[1]).max() > 1e-3  # another seed, another head


def test_what_cannot_be_repeated_says_so(recipe, tmp_path):
    session = session_of(recipe, [SAME_DATA, "stages.adapt.learns_from=validation"], tmp_path / "run")
    with pytest.raises(RecordsMissing, match=r"a test repeats stages .* learn from 'train', and 'adapt' is none"):
        Retraining.of(session, "a test")
    assert training_seconds(session) == 0


def test_a_private_adaptation_claims_and_is_attacked(recipe, tmp_path):
    pytest.importorskip("opacus")
    found = run(recipe, overrides=[PRIVATE], out=tmp_path / "run")
    facts = found.stages["adapt"].facts
    included = read_records(found.folder.stage("adapt") / "canaries.parquet")["included"].sum()
    assert facts["private"]["num_samples"] == 300 - 40 + included and facts["private"]["noise"] == 1.5
    rows = {row["clause"]: row for row in found.verdicts["verdicts"]}
    epsilon = next(one for one in rows["PRV-2"]["criteria"] if one["criterion"] == "epsilon")
    assert epsilon["value"] == max(facts["private"]["epsilon"].values())
    audit = Records(found.folder.stage("audit"))
    assert len(audit.table("canaries")["index"]) == 40
    table = audit.table("membership")
    saw = np.column_stack([table[f"saw_{number}"] for number in range(4)])
    assert (saw.sum(1) == 2).all() and table["member"].sum() == 260 and rows["PRV-1"]["verdict"] != "pass"
    assert not list(found.folder.path.rglob(".secret")) and not list(found.folder.path.rglob("checkpoints"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (SAME_DATA, r"adapt.fit.private: hides nothing that 'pretrain' learned from the same samples before"),
        ("stages.adapt.methods=[{kind: probe}, {kind: lora}]", r"adapt.methods: must name one"),
        ("stages.adapt.seeds=[1, 2]", r"adapt.seeds: must name one"),
        ("stages.adapt.rates=[0.1, 0.2]", r"adapt.rates: must name one"),
        ("stages.adapt.methods=[{kind: adalora}]", r"methods.0.kind: cannot be adalora in private"),
        ("stages.adapt.learns_from=validation", r"learns_from: must be 'train' where the training is private"),
    ],
)
def test_a_private_adaptation_spends_one_budget(recipe, change, message):
    with pytest.raises(RecipeError, match=message):
        load_checked(recipe, [PRIVATE, change])
