"""Features from a recipe: the store, its cache, estimators, other runtimes, and what is said when it cannot be."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from sklearn.neighbors import KNeighborsClassifier

import basestone as bst
from basestone.core.artifact import read_json
from basestone.core.errors import ArtifactError, UsageError
from basestone.core.evidence import read_records
from basestone.features.plan import by_length
from basestone.lifecycle import featurise
from basestone.lifecycle.extract import Bench
from basestone.lifecycle.plan import plan
from basestone.lifecycle.restore import restore
from basestone.lifecycle.run import Run, run
from basestone.models.head import head_of
from basestone.recipe.check import check

DIGITS = ("stages.pretrain.fit.epochs=3", "stages.pretrain.fit.ema_decay=null")
WORDS = {"rain": "cloud storm wind snow frost", "food": "bread soup rice salt tea"}
TEXT = """
schema_version: 1
name: words
task: text_classification
data:
  source: {{kind: jsonl, files: {{train: {file}}}{label}}}
  tokenizer: {{kind: wordpiece, vocab_size: 300}}
  max_length: 40
  split: {{validation: 0.1, test: 0.25}}
stages:
  pretrain:
    model: {{kind: bert, layers: 1, width: 32, heads: 2, drop_rate: 0.1}}
    objective: {{kind: masked_lm}}
    fit: {{max_steps: 20, batch_size: 32, optimizer: {{kind: adamw, lr: 0.005}}, schedule: {{kind: one_cycle}}}}
  extract:
    batch_tokens: 400
    downstream: [{{kind: logistic}}, {{kind: kmeans}}]
"""


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return run("digits-features", overrides=DIGITS, out=tmp_path_factory.mktemp("digits") / "run", until="extract")


def written(folder, label=", label: label"):
    draws = np.random.default_rng(0)
    lines = []
    for number in range(240):
        kind = list(WORDS)[number % 2]
        words = draws.choice(WORDS[kind].split(), draws.integers(2, 30)).tolist()
        lines.append(json.dumps({"text": f"{' '.join(words)} {number}", "label": kind}))
    (folder / "words.jsonl").write_text("\n".join(lines))
    (folder / "words.yaml").write_text(TEXT.format(file=folder / "words.jsonl", label=label))
    return folder / "words.yaml"


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    folder = tmp_path_factory.mktemp("words")
    return run(written(folder), out=folder / "run")


def features(made, split, stage="extract"):
    return load_file(made.folder.stage(stage) / f"{split}.safetensors")["features"]


def test_features_are_what_the_head_reads_of_each_sample_in_its_order(digits):
    model, _ = restore(digits.folder, "pretrain")
    from basestone.data.dataset import open_split
    from basestone.lifecycle.environment import cache_folder

    split = open_split(digits.folder.stage("prepare"), cache_folder(), "test")
    seen: list[Any] = []
    model.get_submodule(head_of(model)).register_forward_hook(lambda _m, given, _o: seen.append(given[0]))
    with torch.no_grad():
        model(split.batch(np.arange(len(split))).inputs)
    np.testing.assert_allclose(features(digits, "test"), seen[0].numpy(), atol=1e-5)
    rows = read_records(digits.folder.stage("extract") / "test.parquet")
    assert rows["name"].tolist() == list(split.row_names) and np.array_equal(rows["label"], split.targets)
    facts = digits.stages["extract"].facts
    assert facts["rows"] == digits.stages["prepare"].facts["counts"] and facts["dim"] == 64


def test_estimators_are_fitted_to_the_training_split_alone_and_judged_on_the_test_split(digits):
    found = read_json(digits.folder.stage("extract") / "downstream.json")
    entries = {one["name"]: one for one in found["estimators"]}
    assert list(entries) == ["knn", "logistic", "kmeans"]
    rows = {split: read_records(digits.folder.stage("extract") / f"{split}.parquet") for split in ("train", "test")}
    reference = KNeighborsClassifier(entries["knn"]["options"]["neighbours"], metric="cosine")
    reference.fit(features(digits, "train"), rows["train"]["label"])
    right = (reference.predict(features(digits, "test")) == rows["test"]["label"]).mean()
    assert entries["knn"]["accuracy"]["value"] == pytest.approx(right)
    assert entries["knn"]["accuracy"]["interval"]["lower"] > found["baseline"]["interval"]["upper"]
    assert 0.2 < entries["kmeans"]["nmi"] <= 1
    predictions = read_records(digits.folder.stage("extract") / "predictions.parquet")
    assert (predictions["knn"] == predictions["label"]).mean() == pytest.approx(right)
    probe = load_file(digits.folder.stage("extract") / "coefficients.safetensors")
    scores = features(digits, "test") @ probe["logistic.weight"].T + probe["logistic.bias"]
    assert np.array_equal(scores.argmax(1), predictions["logistic"])


def test_an_equal_extraction_costs_no_pass_over_the_data_even_from_another_run(digits, tmp_path, monkeypatch):
    def never(*arguments, **options):
        raise AssertionError("the model ran again")

    monkeypatch.setattr(featurise, "_read", never)
    again = run("digits-features", overrides=DIGITS, out=digits.folder.path, until="extract")
    assert again.stages["extract"].digest == digits.stages["extract"].digest
    changed = (*DIGITS, "stages.extract.downstream=[{kind: ridge}]", "stages.extract.picture=none")
    other = run("digits-features", overrides=changed, out=tmp_path / "other", until="extract")
    assert other.stages["extract"].facts["reused"] == ["train", "validation", "test"]
    assert np.array_equal(features(other, "test"), features(digits, "test"))
    assert not (other.folder.stage("extract") / "picture.parquet").exists()


def test_a_store_that_was_changed_in_the_cache_is_made_again(digits, tmp_path):
    from basestone.lifecycle.environment import cache_folder

    few = (*DIGITS, "stages.extract.layer=features.0", "stages.extract.downstream=[]", "stages.extract.picture=none")
    first = run("digits-features", overrides=few, out=tmp_path / "first", until="extract")
    wanted = features(first, "test").copy()
    digest = first.stages["extract"].files["test.safetensors"]
    (held,) = (
        path.parent for path in cache_folder().glob("features-*/cache.json") if read_json(path)["sha256"] == digest
    )
    data = bytearray((held / "features.safetensors").read_bytes())
    data[-1] ^= 1
    (held / "features.safetensors").write_bytes(data)
    second = run("digits-features", overrides=few, out=tmp_path / "second", until="extract")
    assert second.stages["extract"].facts["reused"] == ["train", "validation"]
    assert np.array_equal(features(second, "test"), wanted)


def test_another_arithmetic_is_another_store_and_nearly_the_same(digits, tmp_path):
    made = run(
        "digits-features", overrides=(*DIGITS, "stages.extract.precision=bf16"), out=tmp_path / "run", until="extract"
    )
    found, before = features(made, "test"), features(digits, "test")
    assert made.stages["extract"].facts["reused"] == []
    assert 0 < np.abs(found - before).max() < 0.1 * np.abs(before).max()


def test_the_last_map_averaged_is_what_this_networks_head_reads(digits, tmp_path):
    made = run(
        "digits-features", overrides=(*DIGITS, "stages.extract.layer=features.1"), out=tmp_path / "run", until="extract"
    )
    assert made.stages["extract"].facts["reused"] == [] and made.stages["extract"].facts["side"] == "output"
    np.testing.assert_allclose(features(made, "test"), features(digits, "test"), atol=1e-5)


def test_a_layer_that_is_not_there_is_told(tmp_path):
    with pytest.raises(
        UsageError, match=r"There is no layer 'featurs\.0' in this model\. Did you mean 'features\.0'\?"
    ):
        run(
            "digits-features",
            overrides=(*DIGITS, "stages.extract.layer=featurs.0"),
            out=tmp_path / "r",
            until="extract",
        )


def test_text_does_not_depend_on_the_order_or_size_of_batches(words, monkeypatch, tmp_path):
    """Three plans of the same documents, one of them random and one of single documents: equal to 1e-5."""
    recipe = words.folder.path.parent / "words.yaml"
    lengths: list[int] = []
    real = by_length

    def shuffled(sizes, budget, multiple):
        lengths.extend(sizes.tolist())
        order = np.random.default_rng(1).permutation(len(sizes))
        return [order[start : start + 7] for start in range(0, len(order), 7)]

    base = features(words, "train")
    for name, batches in {
        "shuffled": shuffled,
        "one by one": lambda sizes, budget, multiple: real(sizes, 1, 1),
    }.items():
        monkeypatch.setattr("basestone.features.plan.by_length", batches)
        monkeypatch.setattr(Bench, "key", lambda self, split, name=name: f"features-{name}-{split}")
        other = run(recipe, out=tmp_path / name, until="extract")
        weights = [made.stages["pretrain"].files["model.safetensors"] for made in (other, words)]
        assert weights[0] == weights[1] and other.stages["extract"].facts["reused"] == []
        np.testing.assert_allclose(features(other, "train"), base, atol=1e-5)
    assert len(set(lengths)) > 10  # so that padding really differs


def test_words_are_told_apart_by_what_a_masked_model_makes_of_them(words):
    found = read_json(words.folder.stage("extract") / "downstream.json")
    logistic, kmeans = found["estimators"]
    assert logistic["accuracy"]["interval"]["lower"] > found["baseline"]["interval"]["upper"]
    assert kmeans["options"] == {"clusters": 2}
    assert words.stages["extract"].facts["pool"] == "mean"


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_openvino_gives_the_same_features_and_says_how_near(words, tmp_path, precision):
    pytest.importorskip("openvino")
    from basestone.compression.runtime import unavailable

    if unavailable("openvino", precision):
        pytest.skip(f"no {precision} here")
    change = ("stages.extract.runtime=openvino", f"stages.extract.precision={precision}")
    made = run(words.folder.path.parent / "words.yaml", overrides=change, out=tmp_path / "run")
    near, exact = features(made, "test"), features(words, "test")
    cosine = (near * exact).sum(1) / np.linalg.norm(near, axis=1) / np.linalg.norm(exact, axis=1)
    assert cosine.min() > 0.99 and made.stages["extract"].facts["cosine"] > 0.99
    if precision == "fp32":
        np.testing.assert_allclose(near, exact, atol=1e-5)


def test_a_runtime_that_gives_something_else_fails_the_stage(words, tmp_path, monkeypatch):
    pytest.importorskip("openvino")
    from basestone.compression import runtime

    real = runtime.openvino_predictor
    spoilt = lambda *given, **named: lambda *inputs: real(*given, **named)(*inputs)[:, ::-1].copy()  # noqa: E731
    monkeypatch.setattr(runtime, "openvino_predictor", spoilt)
    with pytest.raises(ArtifactError, match="Features by openvino in fp32 must point where PyTorch's do"):
        run(
            words.folder.path.parent / "words.yaml",
            overrides=["stages.extract.runtime=openvino", "stages.extract.pool=first"],
            out=tmp_path / "run",
        )


def test_documents_without_labels_have_features_and_no_estimators(tmp_path):
    recipe = written(tmp_path, label="")
    with pytest.raises(UsageError, match=r"stages\.extract\.downstream needs labels, and these data have none"):
        run(recipe, out=tmp_path / "refused")
    made = run(recipe, overrides=["stages.extract.downstream=[]"], out=tmp_path / "run")
    assert features(made, "train").shape[1] == 32
    assert (made.folder.stage("extract") / "picture.parquet").exists()


def test_a_plan_passes_over_an_extraction(tmp_path):
    forecast = plan("digits-features", out=tmp_path / "planned")
    assert list(forecast["training"]) == ["pretrain"] and list(forecast["audits"]) == ["audit"]


def test_from_python_features_are_an_array_and_absent_without_an_extraction(digits):
    made = bst.extract("digits-features", overrides=DIGITS, out=digits.folder.path)
    assert np.array_equal(made.features("test"), features(digits, "test"))
    with pytest.raises(ArtifactError, match="Features need an extraction, and this walk came by none"):
        Run(made.folder, {}).features("test")


class TestFaults:
    SAID: ClassVar = [
        ("stages.extract.splits=[test]", "stages.extract.splits: must hold 'train' for the estimators of 'downstream'"),
        ("stages.extract.pool=flat", "stages.extract.pool: cannot be flat for text, whose documents differ in length"),
        ("stages.extract.parent=extract", "must name an earlier stage of kind pretrain, adapt, compress or voice; got"),
        ("stages.extract.downstream=[{kind: kmean}]", "unknown kind 'kmean'. Did you mean 'kmeans'?"),
        ("stages.extract.downstream=[{kind: knn, neighbours: []}]", "neighbours: "),
        ("stages.extract.batch_tokens=0", "must be a whole number greater than 0"),
    ]

    @pytest.mark.parametrize(("change", "says"), SAID)
    def test_are_named(self, tmp_path, change, says):
        faults = check(written(tmp_path), [change])
        assert any(says in f"{fault.path}: {fault.message}" for fault in faults), faults

    def test_an_extraction_needs_a_model(self, tmp_path):
        recipe = written(tmp_path)
        stages = recipe.read_text().partition("  pretrain:")
        recipe.write_text(stages[0] + "  extract: {}\n")
        assert any("an extract needs a stage of kind pretrain before it" in fault.message for fault in check(recipe))
