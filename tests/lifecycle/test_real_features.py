"""Features of real news: a masked language model that never saw a label, and what simple estimators make of it."""

from __future__ import annotations

import pytest

from basestone.core.artifact import read_json
from basestone.lifecycle.run import run
from basestone.lifecycle.verify import verify

RECIPE = """
extends: bert-mlm-agnews
schema_version: 1
name: agnews-features
stages:
  pretrain:
    model: {layers: 2, width: 96}
    fit: {epochs: 3}
  adapt: {methods: [{kind: probe}], seeds: [], rates: [], fit: {epochs: 1}}
  extract:
    parent: pretrain
    runtime: openvino
    downstream: [{kind: knn}, {kind: logistic}, {kind: ridge}, {kind: kmeans}]
  audit: {samples: {latency_runs: 299, corruptions: 20}}
  report: {}
"""


@pytest.mark.real
def test_news_are_told_apart_by_a_probe_on_what_masked_words_taught(tmp_path):
    pytest.importorskip("openvino")
    (tmp_path / "features.yaml").write_text(RECIPE)
    made = run(
        tmp_path / "features.yaml",
        overrides=["data.limit={train: 2000, validation: 300, test: 500}"],
        out=tmp_path / "run",
    )
    found = read_json(made.folder.stage("extract") / "downstream.json")
    entries = {one["name"]: one for one in found["estimators"]}
    assert found["baseline"]["interval"]["upper"] < 0.35
    assert entries["logistic"]["accuracy"]["interval"]["lower"] > found["baseline"]["interval"]["upper"]
    assert entries["knn"]["accuracy"]["interval"]["lower"] > found["baseline"]["interval"]["upper"]
    assert made.stages["extract"].facts["cosine"] > 0.999
    assert made.features("test").shape == (500, 96)
    assert all(finding.ok for finding in verify(made.folder.path))
    print({name: one.get("accuracy", one.get("purity"))["value"] for name, one in entries.items()})
