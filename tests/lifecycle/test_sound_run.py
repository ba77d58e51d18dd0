"""From tones to a verdict: WaveNet learns them sample by sample, is judged in bits, speaks, and is read as features."""

from __future__ import annotations

import pytest

from basestone.core.artifact import read_json
from basestone.core.evidence import read_records
from basestone.lifecycle.check import load_checked
from basestone.lifecycle.run import run
from basestone.lifecycle.verify import verify
from basestone.recipe.check import check

SOUND = """
schema_version: 1
name: sound
task: audio_modelling
data:
  source: {kind: tones, takes: 14, seconds: 0.1}
  sample_rate: 8000
  max_seconds: 0.1
  groups: [timbre]
  split: {validation: 0.05, test: 0.4}
stages:
  pretrain:
    model: {kind: wavenet, layers: 5, blocks: 1, width: 16, skip_width: 24, frames: true, mels: 16}
    objective: {kind: audio_lm, crop: 400, condition_on: [label, timbre]}
    fit: {max_steps: 60, batch_size: 8, optimizer: {kind: adam, lr: 0.01}, schedule: {kind: one_cycle}}
  extract:
    layer: head.0
    downstream: [{kind: logistic}]
    picture: none
  audit:
    profile: foundation-1
    batch_size: 32
    samples: {latency_runs: 299, replay: 59, spoken_s: 0.05}
    declare:
      GEN-1: {bits_per_sample: 7.4}
      LAT-1: {p99: 5, synthesis: 100}
      CST-2: {flops: 1e9, memory: 8e9, energy: 50}
  report: {}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sound")
    (folder / "sound.yaml").write_text(SOUND)
    return run(folder / "sound.yaml", out=folder / "run")


def verdicts(made):
    return {
        (clause["clause"], row["criterion"]): row for clause in made.verdicts["verdicts"] for row in clause["criteria"]
    }


def test_tones_are_learnt_far_below_the_histogram_and_judged(made):
    found = verdicts(made)
    assert {name for clause, name in found if clause == "GEN-1"} == {"bits_per_sample", "under_histogram"}
    assert found["GEN-1", "under_histogram"]["verdict"] == "pass" and found["GEN-1", "under_histogram"]["value"] > 0.2
    assert found["GEN-1", "bits_per_sample"]["n"] == 67 and found["GEN-2", "sample_bits"]["value"] < 0.2
    assert found["LAT-1", "synthesis"]["value"] > 0
    for name in ("GEN-5", "CST-1", "SEC-1", "SEC-2"):
        assert all(row["verdict"] == "pass" for (clause, _), row in found.items() if clause == name), name
    for name in ("GEN-4", "ROB-1", "FAI-1"):
        assert all(row["verdict"] == "not_applicable" for (clause, _), row in found.items() if clause == name), name
    assert not read_json(made.folder.stage("audit") / "facts.json")["failures"]
    assert all(finding.ok for finding in verify(made.folder.path))


def test_it_speaks_and_the_report_lets_it_be_seen_and_heard(made):
    table = read_records(made.folder.stage("audit") / "samples" / "sounds.parquet")
    assert len(table["sample"]) == 3 * 400 and len(set(table["sample"].tolist())) > 10
    assert set(table["told"][:1].tolist()[0].split(", ")[0].split(": ")) & {"note", "fifth", "major", "minor"}
    page = made.report.read_text()
    assert page.count("<audio controls") == 3 and page.count('src="data:audio/wav;base64,') == 3
    assert "media-src data:;" in page and "What the model says" in page and "模型生成的声音" in page
    assert table["told"][0] in page and "text-to-audio" in (made.folder.report / "MODEL_CARD.md").read_text()


def test_its_layers_are_features_and_are_not_told_the_label(made):
    stage = made.folder.stage("extract")
    (judged,) = read_json(stage / "downstream.json")["estimators"]
    assert judged["accuracy"]["n"] == 67 and judged["accuracy"]["value"] > 0.25  # hardly trained; told, it would be 1
    rows = read_records(stage / "test.parquet")
    assert len(rows["index"]) == 67 and read_json(stage / "manifest.json")["facts"]["dim"] == 24


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("task=speech_classification", "only for the vocoder of speech_synthesis; got 'audio_lm'"),
        ("stages.pretrain.objective={kind: cross_entropy}", "must be audio_lm for audio_modelling, and elsewhere only"),
        ("stages.pretrain.model={kind: speech_net}", "must be wavenet for 'audio_modelling'; got 'speech_net'"),
        ("stages.pretrain.augment=[{kind: speed}]", "must be empty for audio_lm, which learns sound as it is"),
        (
            "stages.pretrain.objective.condition_on=[timbr]",
            "must be label or in data.groups; got 'timbr'. Did you mean",
        ),
        ("stages.pretrain.model.layers=30", "stages.pretrain.model.layers: must be a whole number at least 1"),
        ("stages.audit.batch_size=2000", "must be at most 1250 for recordings of 800 samples; got 2000. Lower it."),
        ("stages.extract.pool=flat", "stages.extract.pool: must be mean for speech"),
        ("stages.extract.runtime=openvino", "stages.extract.runtime: must be eager for speech"),
    ],
)
def test_faults_of_a_recipe_of_sound_are_named(tmp_path, change, says):
    (tmp_path / "sound.yaml").write_text(SOUND)
    faults = check(tmp_path / "sound.yaml", [change])
    assert any(says in f"{fault.path}: {fault.message}" for fault in faults), faults


def test_shipped_recipes_of_sound_are_without_fault(monkeypatch, tmp_path):
    monkeypatch.setenv("BASESTONE_DATA", str(tmp_path))
    (tmp_path / "fsdd").mkdir()
    for recipe in ("fsdd-wavenet", "tones"):
        assert load_checked(recipe, ()).recipe.name == recipe
