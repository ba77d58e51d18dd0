"""Encoders of the transformers library in the corridor: trained on raw waveforms, then adapted to another accent."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from basestone.core.artifact import Manifest, read_json
from basestone.core.batch import Batch
from basestone.data.dataset import open_split
from basestone.lifecycle.environment import cache_folder
from basestone.lifecycle.restore import restore
from basestone.lifecycle.run import run
from basestone.models.catalogue import INITS
from basestone.models.own.speech_encoder import SpeechEncoder
from basestone.models.own.text_model import pooled
from basestone.recipe.check import check

ENCODER = """
schema_version: 1
name: encoder
task: speech_classification
data:
  source: {kind: spoken_digits, speakers: 2, accents: [neutral], rates: [1.0], takes: 10}
  sample_rate: 8000
  max_seconds: 0.7
  groups: [speaker]
  split: {validation: null, test: 0.4}
stages:
  pretrain:
    model:
      kind: speech_transformers
      pretrained: false
      config:
        model_type: wav2vec2
        feat_extract_norm: layer
        do_stable_layer_norm: true
        conv_bias: true
        conv_dim: [32, 32, 32]
        conv_kernel: [20, 8, 4]
        conv_stride: [10, 5, 2]
        hidden_size: 48
        num_hidden_layers: 2
        num_attention_heads: 4
        intermediate_size: 96
        num_conv_pos_embeddings: 8
        num_conv_pos_embedding_groups: 4
        hidden_dropout: 0.0
        attention_dropout: 0.0
        activation_dropout: 0.0
    fit: {epochs: 20, batch_size: 16, optimizer: {kind: adamw, lr: 0.003}, schedule: {kind: one_cycle}, clip_norm: 1.0}
"""

ACCENT = """
  accent:
    kind: adapt
    data:
      source: {kind: spoken_digits, speakers: 2, accents: [continental], rates: [1.0], takes: 6}
      sample_rate: 8000
      max_seconds: 0.7
      groups: [speaker]
      split: {validation: null, test: 0.5}
    methods: [{kind: lora, rank: 4}]
    fit: {max_steps: 30, batch_size: 20, optimizer: {kind: adamw, lr: 0.003}, schedule: {kind: one_cycle}}
"""


def states(model: nn.Module, batch: Batch) -> np.ndarray:
    """N×D: what the encoder's head would read of each recording."""
    assert isinstance(model, SpeechEncoder)
    with torch.inference_mode():
        hidden, mask = model.body(batch.inputs)
        return pooled(hidden, mask > 0, "mean").numpy()


def score(model: nn.Module, batch: Batch) -> float:
    with torch.inference_mode():
        return (model(batch.inputs).argmax(1) == batch.targets).double().mean().item()


@pytest.mark.slow
def test_it_learns_from_raw_waveforms_and_is_adapted_to_another_accent(tmp_path):
    """Baselines: a logistic regression on the untrained encoder's states; the parent on an accent that it never heard.

    Measured: 0.83 over 0.53 in 140 steps, then 0.87 over 0.75 in 30 steps of LoRA.
    """
    (tmp_path / "encoder.yaml").write_text(ENCODER + ACCENT)
    made = run(tmp_path / "encoder.yaml", out=tmp_path / "run", until="adapt")
    splits = [open_split(made.folder.stage("prepare"), cache_folder(), name) for name in ("train", "test")]
    train, test = (split.batch(np.arange(len(split))) for split in splits)
    model, _ = restore(made.folder, "pretrain")
    right = score(model, test)
    INITS.build(INITS.options("default")(kind="default"), model, 0)
    simple = LogisticRegression(max_iter=1_000).fit(states(model.eval(), train), train.targets)
    baseline = simple.score(states(model, test), test.targets)
    assert right > baseline + 0.1, (right, baseline)
    compared = read_json(made.folder.stage("accent") / "comparison.json")
    before, after = compared["before"]["accuracy"], compared["trials"][0]["test_accuracy"]
    assert after > before, (after, before)
    facts = Manifest.read(made.folder.stage("accent")).facts
    assert facts["frozen_unchanged"] and facts["trained_moved"] and facts["merge_distance"] < 1e-5


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("task=speech_recognition", "must be ctc for speech_recognition and for it alone; got 'cross_entropy'"),
        ("stages.pretrain.model.configs={}", "stages.pretrain.model.configs"),
        ("stages.pretrain.model.drop_rate=1.0", "stages.pretrain.model.drop_rate"),
        (
            "stages.pretrain.model={kind: transformers, path: here}",
            "must fit the data (speech_net, speech_transformers",
        ),
    ],
)
def test_faults_of_an_encoder_are_named(tmp_path, change, says):
    (tmp_path / "encoder.yaml").write_text(ENCODER)
    assert not check(tmp_path / "encoder.yaml", [])
    faults = check(tmp_path / "encoder.yaml", [change])
    assert any(says in f"{fault.path}: {fault.message}" for fault in faults), faults
