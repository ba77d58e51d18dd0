"""Features in the report: who is in which table, what is drawn, and that the signature covers it."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from basestone.core.artifact import Manifest, digest_files, write_json
from basestone.core.evidence import write_records
from basestone.reporting.evidence import REPORT_FILES, describe_evidence, evidence_files
from basestone.reporting.extraction import extractions, picture_chart
from basestone.reporting.html import render
from basestone.reporting.view import read_view

CLASSES = ["zero", "one", "<b>two</b>"]
FACTS = {
    "parent": "pretrain",
    "layer": "head",
    "side": "input",
    "pool": "mean",
    "dim": 1_234,
    "cosine": 0.9991,
    "rows": {"train": 1294, "test": 360},
    "reused": [],
    "class_names": CLASSES,
    "picture": {"kind": "pca", "split": "test", "explained": [0.31, 0.12]},
}


def share(value, lower, upper):
    return {"value": value, "n": 360, "interval": {"lower": lower, "upper": upper, "method": "clopper-pearson"}}


def entry(name, options, chosen_by="validation", converged=True, **scores):
    return {"name": name, "kind": name, "options": options, "chosen_by": chosen_by, "converged": converged, **scores}


DOWNSTREAM = {
    "baseline": share(0.1, 0.08, 0.13),
    "estimators": [
        entry("knn", {"neighbours": 5}, accuracy=share(0.953, 0.93, 0.97)),
        entry("mlp", {"width": 128}, "given", converged=False, accuracy=share(0.9, 0.87, 0.92)),
        entry("kmeans", {"clusters": 10}, "given", purity=share(0.75, 0.71, 0.79), nmi=0.7012, ari=0.6498),
    ],
}


def places(labels):
    draws = np.random.default_rng(0)
    x, y = draws.normal(size=(2, len(labels))) + np.asarray(labels) * 5
    return {"index": np.arange(len(labels)), "label": np.asarray(labels), "x": x, "y": y}


@pytest.fixture
def extracted(run):
    folder = run.stage("extract")
    write_json(folder / "downstream.json", DOWNSTREAM)
    write_records(folder / "picture.parquet", places([0, 1, 2] * 20))
    (folder / "test.safetensors").write_bytes(b"features")
    files = digest_files(folder, ["downstream.json", "picture.parquet", "test.safetensors"])
    parents = {"pretrain": Manifest.read(run.stage("pretrain")).digest}
    told = {"stage": "extract", "kind": "extract", "inputs": "0" * 64, "wall_s": 1.0, "version": "0.1.0"}
    Manifest(**told, parents=parents, files=files, facts=FACTS).write(folder)
    return run


def test_scores_have_their_bounds_and_clusterings_a_table_of_their_own(extracted):
    (found,) = extractions(read_view(extracted, "audit", extractions=["extract"]))
    rows = [(row.name["en"], row.score, row.bounds, row.options, row.chosen_by["en"]) for row in found.estimators]
    assert rows == [
        ("knn", "0.953", "0.930 … 0.970", "neighbours 5", "validation"),
        ("mlp", "0.900", "0.870 … 0.920", "width 128", "—"),
        ("most frequent class", "0.100", "0.080 … 0.130", "—", "—"),
    ]
    assert [row.note["en"] for row in found.estimators] == ["", "iterations did not end", ""]
    ((row, nmi, ari),) = found.clusterings
    assert (row.name["en"], row.score, nmi, ari) == ("kmeans", "0.750", "0.701", "0.650")
    facts = {fact.label["en"]: fact.value for fact in found.facts}
    assert facts["Layer"] == {"en": "what 'head' reads", "zh": "“head” 的输入"}
    assert facts["Dimensions, pooling"]["en"] == "1,234, mean" and facts["Samples (n)"]["zh"] == "训练 1,294 · 测试 360"
    assert facts["Least cosine to PyTorch's"]["en"] == "0.999"


@pytest.mark.parametrize(("language", "axis"), [("en", "Component 1 (31%)"), ("zh", "主成分 1 (31%)")])
def test_every_sample_is_a_mark_and_every_class_is_named(language, axis):
    svg = picture_chart(places([0, 1, 2] * 20), CLASSES, FACTS["picture"], "extract", language)
    colours = re.findall(r'fill="var\(--series-(\d)', svg)
    assert len(colours) == 60 and set(colours) == {"1", "2", "3"}
    assert axis in svg and ">zero<" in svg and "<b>" not in svg


def test_many_classes_differ_by_shape_and_samples_without_one_are_drawn_all_the_same():
    names = [f"class {place}" for place in range(30)]
    svg = picture_chart(places(list(range(30)) * 2), names, {"kind": "umap", "split": "test"}, "extract", "en")
    shapes = {re.sub(r"[-\d.]+", "", path) for path in re.findall(r' d="([^"]+)"', svg)}
    assert ">class 23<" in svg and ">class 24<" not in svg and len(shapes) >= 4
    assert "Component" not in svg
    bare = picture_chart(places([0] * 9), [], FACTS["picture"], "extract", "en")
    assert len(re.findall(r"var\(--series-1", bare)) == 9


def test_the_page_shows_it_and_does_without(extracted):
    view = read_view(extracted, "audit", extractions=["extract"])
    page = render(view)
    assert '<section id="features"' in page and 'href="#features"' in page and "主成分 1 (31%)" in page
    assert "<b>two</b>" not in page
    assert '<section id="features"' not in render(replace(view, extractions={}))


def test_what_is_shown_is_attested(extracted):
    for name in REPORT_FILES:
        write_json(extracted.report / name, {})
    files = evidence_files(extracted, "audit", ["extract"])
    wanted = {"manifest.json", "downstream.json", "picture.parquet", "test.safetensors"}
    assert {f"stages/extract/{name}" for name in wanted} <= set(files) - set(evidence_files(extracted, "audit"))
    assert len(describe_evidence(extracted, "audit", ["extract"])["evidence"]) == len(files)
