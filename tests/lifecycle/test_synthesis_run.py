"""From texts to a voice that is judged by who hears it: the whole corridor on the embedded synthesiser."""

from __future__ import annotations

import base64
import io
import shutil
from typing import TYPE_CHECKING, cast

import pytest
import torch

from basestone.core.artifact import read_json
from basestone.core.errors import ArtifactError
from basestone.core.evidence import read_records
from basestone.data.speech.spoken_digits import DIGITS
from basestone.lifecycle.check import load_checked
from basestone.lifecycle.restore import restore
from basestone.lifecycle.run import corridor_for, run
from basestone.lifecycle.verify import verify
from basestone.lifecycle.voice import proven
from basestone.recipe.check import check

if TYPE_CHECKING:
    from basestone.models.own.tacotron import Tacotron

VOICE = """
schema_version: 1
name: voice
task: speech_synthesis
data:
  source: {kind: spoken_digits, speakers: 1, accents: [neutral], rates: [1.25], takes: 13}
  sample_rate: 8000
  max_seconds: 0.6
  groups: [rate]
  split: {validation: 0.1, test: 0.25}
stages:
  recognise:
    kind: pretrain
    model: {kind: speech_net, widths: [8, 16], width: 32, cell: none, mels: 24, masked_mels: 4, masked_frames: 6}
    fit: {epochs: 14, batch_size: 16, optimizer: {kind: adamw, lr: 0.01}, schedule: {kind: one_cycle}}
  pretrain:
    model: {kind: tacotron2, encoder: 16, decoder: 24, prenet: 16, attention: 16, attention_filters: 4, reduction: 4,
      postnet: 16, postnet_layers: 2, mels: 20, hop_s: 0.02, rounds: 3, fits: 4}
    objective: {kind: synthesis}
    fit: {max_steps: 25, batch_size: 16, optimizer: {kind: adamw, lr: 0.005}, schedule: {kind: one_cycle}}
  audit:
    profile: foundation-1
    spoken: {recogniser: recognise, utterances: 30, shown: 3}
    declare: {GEN-1: 0.8, LAT-1: 5.0, CST-2: {flops: 1e9, memory: 8e9, energy: 50}}
    samples: {latency_runs: 299, replay: 10}
  report: {}
"""


@pytest.fixture(scope="module")
def voice(tmp_path_factory):
    folder = tmp_path_factory.mktemp("voice")
    (folder / "voice.yaml").write_text(VOICE)
    return run(folder / "voice.yaml", out=folder / "run")


def test_a_voice_hardly_trained_is_not_understood_and_the_audit_says_so(voice):
    found = {(row["clause"], one["criterion"]): one for row in voice.verdicts["verdicts"] for one in row["criteria"]}
    judged = found["GEN-1", "recognised"]
    assert judged["verdict"] == "fail" and judged["n"] == 30 and judged["interval"]["method"] == "clopper-pearson"
    assert {name for clause, name in found if clause == "GEN-1"} == {"recognised"}
    assert found["SEC-2", "replay"]["value"] == 1.0 and found["LAT-1", "real_time_factor"]["value"] > 0
    facts = read_json(voice.folder.stage("audit") / "facts.json")
    assert not facts["failures"] and facts["recogniser"]["right"] >= 0.9 * facts["recogniser"]["n"]
    table = read_records(voice.folder.stage("audit") / "samples" / "synthesised.parquet")
    assert set(table["said"]) <= set(DIGITS) and set(table["heard"]) <= set(DIGITS)
    assert len(set(zip(table["said"], table["rate"], table["take"], strict=True))) == 30  # no utterance twice
    assert (table["taught_error"] > 0).all() and (table["free_error"] > 0).all()
    assert all(finding.ok for finding in verify(voice.folder.path))


def test_the_report_can_be_looked_at_and_heard(voice):
    import soundfile

    page = voice.report.read_text()
    assert page.count('<audio controls preload="none" src="data:audio/wav;base64,') == 6
    assert "media-src data:" in page and "What the model says" in page and "模型合成的语音" in page
    assert page.count('alt="') >= 9 and "attention" in page
    encoded = page.split("data:audio/wav;base64,")[1].split('"')[0]
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(encoded)))
    assert rate == 8000 and 0 < abs(samples).max() <= 1
    assert "text-to-speech" in (voice.folder.report / "MODEL_CARD.md").read_text()


VOCODED = """
extends: voice.yaml
schema_version: 1
name: voice
stages:
  vocoder:
    kind: pretrain
    model: {kind: wavenet, layers: 3, blocks: 1, width: 8, skip_width: 8, frames: true, mels: 20, window_s: 0.05,
      hop_s: 0.02}
    objective: {kind: audio_lm, crop: 800, level: 0.1}
    fit: {max_steps: 6, batch_size: 8, optimizer: {kind: adam, lr: 0.01}, schedule: {kind: one_cycle}}
  voice: {kind: voice, parent: pretrain, vocoder: vocoder}
  audit:
    spoken: {utterances: 6, shown: 1}
    samples: {replay: 4}
  report: {}
"""

VOCODERS, POSTNETS = "vocoder.net.head.3.bias", "postnet.convs.1.norm.bias"


@pytest.fixture(scope="module")
def vocoded(voice, tmp_path_factory):
    """Goes on from a copy of ``voice``, whose trainings are kept."""
    folder = tmp_path_factory.mktemp("vocoded")
    shutil.copytree(voice.folder.path, folder / "run")
    (folder / "voice.yaml").write_text(VOICE)
    (folder / "vocoded.yaml").write_text(VOCODED)
    return run(folder / "vocoded.yaml", out=folder / "run")


def test_a_vocoder_is_handed_over_with_proof_and_judged_as_one_model(vocoded):
    folder = vocoded.folder.stage("voice")
    assert read_json(folder / "proof.json") == {"texts": 8, "mel_max_abs_diff": 0.0, "sound_max_abs_diff": 0.0}
    assert set(vocoded.stages["voice"].parents) == {"prepare", "pretrain", "vocoder"}
    spent = [read_json(vocoded.folder.stage(stage) / "cost.json") for stage in ("pretrain", "vocoder", "voice")]
    assert spent[2]["flops_counted"] == spent[0]["flops_counted"] + spent[1]["flops_counted"]
    verdicts = vocoded.verdicts
    found = {(row["clause"], one["criterion"]): one for row in verdicts["verdicts"] for one in row["criteria"]}
    assert verdicts["subject"]["stage"] == "voice" and found["SEC-2", "replay"]["value"] == 1.0
    assert found["GEN-1", "recognised"]["n"] == 6 and found["LAT-1", "real_time_factor"]["value"] > 0
    assert all(finding.ok for finding in verify(vocoded.folder.path))
    page = vocoded.report.read_text()
    assert "声码器" in page and "wavenet" in page


def test_a_vocoder_that_was_saved_wrongly_is_found_out(vocoded):
    """Planted: a weight of the saved vocoder, then one of what finds the frames, is another."""
    from safetensors.torch import load_file, save_file

    file = vocoded.folder.stage("voice") / "model.safetensors"
    kept, prepared = load_file(file), vocoded.stages["prepare"]
    together = cast("Tacotron", restore(vocoded.folder, "voice")[0])
    with corridor_for(load_checked(vocoded.folder.path), vocoded.folder.path, None) as corridor:
        for name, says in ((VOCODERS, "by up to 0 and samples by up to 0.[0-9]"), (POSTNETS, "differ by up to (?!0 )")):
            save_file(kept | {name: kept[name] + torch.arange(len(kept[name])) % 7}, file)
            with pytest.raises(ArtifactError, match=says):
                proven(corridor, prepared, "pretrain", "voice", together)
        save_file(kept, file)
        assert proven(corridor, prepared, "pretrain", "voice", together)["texts"] == 8


@pytest.mark.slow
def test_a_voice_that_is_trained_reads_in_order_and_beats_the_mean(tmp_path):
    """Baselines: always saying each band's mean is an error of 1, attention that never moves a diagonality of 0."""
    (tmp_path / "voice.yaml").write_text(VOICE)
    changes = [
        "stages.pretrain.fit.max_steps=250",
        "stages.pretrain.model.decoder=64",
        "stages.pretrain.model.encoder=32",
    ]
    made = run(tmp_path / "voice.yaml", overrides=changes, out=tmp_path / "run")
    table = read_records(made.folder.stage("audit") / "samples" / "synthesised.parquet")
    assert table["taught_error"].mean() < 0.6 and table["free_error"].mean() < 0.8, table
    assert table["diagonality"].mean() > 0.6 and table["stopped"].mean() > 0.5, table


VOICED = "stages.voice={kind: voice, parent: pretrain, vocoder: nobody}"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("task=speech_classification", "task: must be speech_synthesis for the objective synthesis"),
        ("stages.pretrain.objective={kind: cross_entropy}", "must be synthesis for the model 'tacotron2'"),
        ("stages.recognise.objective={kind: synthesis}", "must be another one, as synthesis is for tacotron2"),
        ("stages.pretrain.augment=[{kind: speed}]", "must be empty for a model that speaks"),
        ("stages.audit.subject=recognise", "stages.audit.subject: must be a model that was trained for the task"),
        (
            "stages.audit.spoken.recogniser=recognize",
            "must name an earlier stage of kind pretrain, adapt, compress or voice",
        ),
        ("data.longer=shorten", "data.longer"),
        (VOICED, "stages.voice.vocoder: must name an earlier stage of kind pretrain; got 'nobody'"),
        (VOICED.replace("nobody", "recognise"), "stages.voice.vocoder: must be a model of sound (audio_lm)"),
        (VOICED.replace("pretrain", "recognise"), "stages.voice.parent: must be a model that speaks"),
        ("stages.recognise.objective={kind: audio_lm}", "stages.recognise.model.kind: must be wavenet"),
    ],
)
def test_faults_of_a_voice_are_named(tmp_path, change, says):
    (tmp_path / "voice.yaml").write_text(VOICE)
    faults = check(tmp_path / "voice.yaml", [change])
    assert any(says in f"{fault.path}: {fault.message}" for fault in faults), faults


def test_shipped_recipes_of_voices_are_without_fault(monkeypatch, tmp_path):
    monkeypatch.setenv("BASESTONE_DATA", str(tmp_path))
    (tmp_path / "fsdd").mkdir()
    for recipe in ("fsdd-tacotron", "fsdd-vocoder", "spoken-tacotron", "spoken-voice"):
        assert load_checked(recipe, ()).recipe.name == recipe
