"""From a waveform to a verdict: keywords of the embedded synthesiser, held to a standard with groups."""

from __future__ import annotations

import pytest

from basestone.core.artifact import read_json
from basestone.core.evidence import read_records
from basestone.data.speech.spoken_digits import DIGITS
from basestone.lifecycle.check import load_checked
from basestone.lifecycle.run import run
from basestone.lifecycle.verify import verify
from basestone.recipe.check import check

SPOKEN = """
schema_version: 1
name: spoken
task: speech_classification
data:
  source: {kind: spoken_digits, speakers: 2, accents: [neutral, fronted], rates: [1.0], takes: 4}
  sample_rate: 8000
  max_seconds: 0.7
  groups: [speaker, accent]
  split: {validation: 0.1, test: 0.4}
stages:
  pretrain:
    model: {kind: speech_net, widths: [8, 16], width: 32, cell: none, mels: 24, masked_mels: 4, masked_frames: 6}
    augment: [{kind: speed}, {kind: add_noise}]
    fit: {epochs: 16, batch_size: 32, optimizer: {kind: adamw, lr: 0.01}, schedule: {kind: one_cycle}}
  audit:
    profile: foundation-1
    samples: {latency_runs: 299, corruptions: 30}
    attack: {epsilon: 0.001, samples: 40, checked: 30}
    declare: {GEN-1: 0.7, LAT-1: 0.5, CST-2: {flops: 1e9, memory: 8e9, energy: 50}}
  report: {}
"""
STRINGS = """
schema_version: 1
name: strings
task: speech_recognition
data:
  source: {kind: spoken_digits, speakers: 35, accents: [neutral], rates: [1.25], takes: 1, words: 2}
  sample_rate: 8000
  max_seconds: 1.0
  groups: [speaker]
  split: {validation: 0.1, test: 0.2, stratify: false}
stages:
  pretrain:
    model: {kind: speech_net, widths: [6], width: 24, cell: gru, mels: 16, masked_mels: 0, masked_frames: 0}
    objective: {kind: ctc}
    fit: {max_steps: 12, batch_size: 16, optimizer: {kind: adamw, lr: 0.01}, schedule: {kind: one_cycle}}
  audit:
    profile: foundation-1
    beam: 3
    samples: {latency_runs: 299, replay: 20}
    declare: {GEN-1: 0.2, LAT-1: 0.5, CST-2: {flops: 1e9, memory: 8e9, energy: 50}}
  report: {}
"""


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("spoken")
    (folder / "spoken.yaml").write_text(SPOKEN)
    return run(folder / "spoken.yaml", out=folder / "run")


def verdicts(made):
    return {
        (clause["clause"], row["criterion"]): row for clause in made.verdicts["verdicts"] for row in clause["criteria"]
    }


def test_spoken_digits_are_learnt_and_judged(spoken):
    found = verdicts(spoken)
    assert found["GEN-1", "accuracy"]["value"] > 0.8 and found["GEN-1", "accuracy"]["n"] == 64
    assert found["ROB-1", "mean"]["value"] > 0.4
    assert found["LAT-1", "real_time_factor"]["value"] > 0
    assert found["FAI-1", "accuracy_gap"]["n"] >= 25
    assert found["ROB-4", "checks"]["value"] == 1 and 30 <= found["ROB-3", "retention"]["n"] <= 40
    assert 0 < found["ROB-3", "retention"]["value"] < 1, found["ROB-3", "retention"]
    for name in ("CST-1", "SEC-1", "SEC-2"):
        assert all(row["verdict"] == "pass" for (clause, _), row in found.items() if clause == name), name
    assert not read_json(spoken.folder.stage("audit") / "facts.json")["failures"]
    assert all(finding.ok for finding in verify(spoken.folder.path))


def test_a_recogniser_is_judged_by_its_words(tmp_path):
    """Hardly trained: it writes next to nothing, and the audit says so."""
    (tmp_path / "strings.yaml").write_text(STRINGS)
    made = run(tmp_path / "strings.yaml", out=tmp_path / "run")
    found = verdicts(made)
    assert set(name for clause, name in found if clause == "GEN-1") == {"word_error_rate"}
    assert found["GEN-1", "word_error_rate"]["verdict"] == "fail" and found["GEN-1", "word_error_rate"]["n"] >= 30
    assert found["SEC-2", "replay"]["value"] == 1.0, found["SEC-2", "replay"]
    assert found["LAT-1", "real_time_factor"]["value"] > 0
    table = read_records(made.folder.stage("audit") / "samples" / "transcripts_test.parquet")
    assert set(" ".join(table["said"]).split()) <= set(DIGITS) and len(table["written"]) == 70
    assert not read_json(made.folder.stage("audit") / "facts.json")["failures"]
    assert all(finding.ok for finding in verify(made.folder.path)) and table["said"][0] in made.report.read_text()


def test_groups_travel_to_the_records_and_to_the_report(spoken):
    table = read_records(spoken.folder.stage("audit") / "samples" / "clean_test.parquet")
    assert set(table["speaker"]) == {"speaker-0", "speaker-1"} and set(table["accent"]) == {"neutral", "fronted"}
    page = spoken.report.read_text()
    assert "Accuracy by group" in page and "各群体准确率" in page and "speaker-1" in page
    assert page.count('width="192" height="96"') == 12 and "speech-shaped noise" in page
    card = (spoken.folder.report / "MODEL_CARD.md").read_text()
    assert "audio-classification" in card


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("task=image_classification", "task: must fit the data, which are speech (it has a sample_rate)"),
        (
            "stages.pretrain.model={kind: small_cnn}",
            "must fit the data (speech_net, speech_transformers, wavenet, tacotron2); got 'small_cnn'",
        ),
        ("stages.audit.attack={norm: l2, epsilon: 0.1}", "attack.norm: must be linf for recordings so far"),
        ("stages.pretrain.augment=[{kind: flip}]", "stages.pretrain.augment.0.kind: must fit speech; got 'flip'"),
        ("stages.pretrain.objective={kind: masked_lm}", "must fit speech; got 'masked_lm'"),
        ("stages.pretrain.objective={kind: ctc}", "must be ctc for speech_recognition and for it alone; got 'ctc'"),
        ("data.groups=[speaker, label]", "data.groups.1: must be none of index, label, prediction, confidence, loss"),
        ("data.only={accent: []}", "data.only.accent"),
        ("data.sample_rate=100", "must be a whole number at least 4000 and at most 48000; got 100"),
        ("data.source.rates=[3.0]", "data.source.rates.0"),
        ("stages.compress={deploy: {}}", "stages.compress: is for classifiers of images or text so far; got"),
        ("data.source={kind: audiofolder, root: nowhere}", "data.source.root: must be a folder"),
    ],
)
def test_faults_of_a_speech_recipe_are_named(tmp_path, change, says):
    (tmp_path / "spoken.yaml").write_text(SPOKEN)
    faults = check(tmp_path / "spoken.yaml", [change])
    assert any(says in f"{fault.path}: {fault.message}" for fault in faults), faults


def test_shipped_speech_recipes_are_without_fault(monkeypatch, tmp_path):
    monkeypatch.setenv("BASESTONE_DATA", str(tmp_path))
    (tmp_path / "fsdd").mkdir()
    for recipe in ("fsdd-digits", "fsdd-speaker", "fsdd-accents", "spoken-digits", "spoken-strings"):
        assert load_checked(recipe, ()).recipe.name == recipe


def test_without_groups_nothing_is_asked_of_them(tmp_path):
    from basestone.lifecycle.check import standard_in_force

    (tmp_path / "spoken.yaml").write_text(SPOKEN)
    for groups, applies in (("[]", False), ("[speaker]", True)):
        recipe = load_checked(tmp_path / "spoken.yaml", [f"data.groups={groups}"]).recipe
        clauses = {entry.clause.id: entry.applies for entry in standard_in_force(recipe, "audit").clauses}
        assert clauses["FAI-1"] is applies
