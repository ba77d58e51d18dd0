"""The text recipes on slices of the real data, every stage of them."""

from __future__ import annotations

import pytest

from basestone.lifecycle.run import run
from basestone.lifecycle.verify import verify

COMMON = ("stages.audit.samples.latency_runs=299", "stages.audit.samples.corruptions=20")
SLICES = {
    "gpt-shakespeare": (
        "stages.pretrain.model.layers=2",
        "stages.pretrain.model.width=64",
        "stages.pretrain.fit.epochs=null",
        "stages.pretrain.fit.max_steps=60",
        "stages.lstm.model.width=64",
        "stages.lstm.fit.epochs=null",
        "stages.lstm.fit.max_steps=20",
        "data.limit={train: 1000, test: 100}",
    ),
    "lstm-agnews": ("stages.pretrain.fit.epochs=1", "data.limit={train: 1000, validation: 100, test: 200}"),
    "bert-mlm-agnews": (
        "stages.pretrain.model.layers=1",
        "stages.pretrain.model.width=64",
        "stages.pretrain.fit.epochs=1",
        "stages.adapt.fit.epochs=1",
        "stages.adapt.seeds=[0, 1]",
        "stages.adapt.rates=[]",
        "data.limit={train: 600, validation: 100, test: 200}",
    ),
    "agnews-small": (
        "stages.pretrain.model.layers=2",
        "stages.pretrain.model.width=64",
        "stages.pretrain.fit.epochs=1",
        "stages.adapt.fit.epochs=1",
        "stages.compress.prune={kind: layers, to_latency: 0.8, samples: 16}",
        "stages.compress.measured.backend=flops",
        "stages.compress.fit.epochs=1",
        "stages.compress.quantize.samples=40",
        "stages.compress.deploy={backends: [eager, openvino], retain: 0.5, samples: 200, rounds: 1}",
        "data.limit={train: 600, validation: 100, test: 200}",
    ),
}


@pytest.mark.real
@pytest.mark.parametrize("recipe", SLICES)
def test_every_stage_runs_on_real_text(recipe, tmp_path):
    made = run(recipe, overrides=(*SLICES[recipe], *COMMON), out=tmp_path / recipe)
    rows = {row["clause"]: row for row in made.verdicts["verdicts"]}
    assert rows["SEC-1"]["verdict"] == rows["CST-1"]["verdict"] == rows["LAT-1"]["verdict"] == "pass"
    assert [row["clause"] for row in rows.values() if row["verdict"] == "error"] in ([], ["ROB-1"])
    assert all(finding.ok for finding in verify(tmp_path / recipe))
