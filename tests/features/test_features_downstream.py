"""Estimators on features: who is chosen, what is judged, and on what. Everything is checked by other means."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from basestone.features.downstream import Table, choose, judge, majority
from basestone.features.estimators import ESTIMATORS
from basestone.measures.interval import clopper_pearson


def blobs(n, seed, spread=0.3, classes=3, noise=4):
    draws = np.random.default_rng(seed)
    labels = draws.integers(classes, size=n)
    centres = np.eye(classes, classes + noise) * 3
    return Table(
        features=(centres[labels] + draws.normal(0, spread, (n, classes + noise))).astype(np.float32), labels=labels
    )


def tables(**options):
    return {name: blobs(n, seed, **options) for seed, (name, n) in enumerate({"train": 150, "validation": 60, "test": 90}.items())}  # fmt: skip  # noqa: E501


def family(kind, **options):
    return ESTIMATORS.build(ESTIMATORS.options(kind)(kind=kind, **options), 0, 3)


@pytest.mark.parametrize("kind", [kind for kind in ESTIMATORS if kind != "kmeans"])
def test_every_estimator_tells_blobs_apart_and_noise_not(kind):
    options = {"trees": 20} if kind == "random_forest" else {"rounds": 10} if kind == "gradient_boosting" else {}
    found = judge(family(kind, **options), tables(), clopper_pearson)
    assert found.found["accuracy"]["value"] > 0.95 and found.found["accuracy"]["n"] == 90
    mixed = tables()
    mixed["train"] = Table(features=mixed["train"].features, labels=np.random.default_rng(9).permutation(mixed["train"].labels))  # fmt: skip  # noqa: E501
    assert judge(family(kind, **options), mixed, clopper_pearson).found["accuracy"]["value"] < 0.7


def test_the_bounds_are_those_of_the_door_and_the_baseline_is_the_commonest_training_class():
    given = tables(spread=1.5)
    made = judge(family("knn", neighbours=[5]), given, clopper_pearson)
    right = int((made.predictions == given["test"].labels).sum())
    interval = made.found["accuracy"]["interval"]
    assert interval["lower"] == clopper_pearson(right, 90).lower and interval["method"] == "clopper-pearson"
    commonest = np.bincount(given["train"].labels).argmax()
    assert majority(given, clopper_pearson)["value"] == pytest.approx((given["test"].labels == commonest).mean())


def test_validation_data_choose_and_the_test_split_is_not_looked_at():
    given = tables(spread=1.2)
    lone = Table(features=given["train"].features[:1], labels=given["train"].labels[:1])
    # One neighbour reproduces the training split, so that it must win where that is the validation split; 150 of 150
    # always name the commonest class.
    asked = family("knn", neighbours=[150, 1], metric="euclidean")
    options, tried, how = choose(asked, {"train": given["train"], "validation": given["train"], "test": lone})
    assert options == {"neighbours": 1} and how == "validation"
    assert tried[1]["accuracy"] == 1.0 and tried[0]["accuracy"] == np.bincount(given["train"].labels).max() / 150


def test_without_validation_data_folds_of_the_training_split_choose():
    given = {name: table for name, table in tables(spread=1.2).items() if name != "validation"}
    options, tried, how = choose(family("knn", neighbours=[1, 120]), given)
    assert options == {"neighbours": 1} and how == "5-fold cross-validation"  # 120 of 120: the commonest of each fold
    assert all(0 < one["accuracy"] < 1 for one in tried)
    assert choose(family("knn", neighbours=[7]), given) == ({"neighbours": 7}, [], "given")


def test_a_linear_estimator_is_its_coefficients_on_raw_features():
    given = tables(spread=1.0)
    for kind in ("logistic", "ridge"):
        made = judge(family(kind), given, clopper_pearson)
        scores = given["test"].features @ made.tensors["weight"].T + made.tensors["bias"]
        assert np.array_equal(scores.argmax(1), made.predictions)
    two = {name: Table(features=table.features, labels=table.labels % 2) for name, table in given.items()}
    made = judge(family("logistic"), two, clopper_pearson)
    scores = two["test"].features @ made.tensors["weight"].T + made.tensors["bias"]
    assert np.array_equal((scores[:, 0] > 0).astype(int), made.predictions)
    assert not judge(family("knn"), given, clopper_pearson).tensors
    assert not judge(family("svm", kernel="linear"), given, clopper_pearson).tensors


def test_scales_of_features_do_not_matter_to_the_probe():
    given = tables(spread=1.0)
    scales = np.array([1, 100, 1e-3, 1, 1, 1e4, 1], np.float32)
    scaled = {name: Table(features=table.features * scales, labels=table.labels) for name, table in given.items()}
    plain, other = (judge(family("logistic"), some, clopper_pearson).predictions for some in (given, scaled))
    assert (plain == other).mean() > 0.98
    by_hand = given["train"].features
    mean, std = by_hand.mean(0), by_hand.std(0)
    reference = LogisticRegression(C=1.0, max_iter=1000).fit((by_hand - mean) / std, given["train"].labels)
    ours = judge(family("logistic", strengths=[1.0]), given, clopper_pearson).predictions
    assert np.array_equal(ours, reference.predict((given["test"].features - mean) / std))


def test_iterations_that_did_not_end_are_told():
    found = judge(family("mlp", epochs=2), tables(), clopper_pearson).found
    assert found["converged"] is False
    assert judge(family("ridge"), tables(), clopper_pearson).found["converged"] is True


def test_clusters_are_scored_without_a_label_in_their_making():
    given = tables(spread=0.2)
    found = judge(family("kmeans"), given, clopper_pearson)
    assert found.found["nmi"] == found.found["ari"] == found.found["purity"]["value"] == 1.0
    renamed = given | {"train": Table(features=given["train"].features, labels=(given["train"].labels + 1) % 3)}
    other = judge(family("kmeans"), renamed, clopper_pearson)
    assert np.array_equal(other.predictions, found.predictions)  # the same clusters …
    assert other.found["purity"]["value"] == 0.0  # … that the training split now calls by other names
    assert other.found["ari"] == 1.0


def test_purity_by_hand():
    # One dimension, two clusters; training classes: left 0 0 1, right 1 1. Test: left 0 1, right 1 → 2 of 3.
    train = Table(features=np.array([[0.0], [0.1], [0.2], [9.0], [9.1]], np.float32), labels=np.array([0, 0, 1, 1, 1]))
    test = Table(features=np.array([[0.0], [0.1], [9.0]], np.float32), labels=np.array([0, 1, 1]))
    found = judge(family("kmeans", clusters=2), {"train": train, "test": test}, clopper_pearson).found
    assert found["purity"]["value"] == pytest.approx(2 / 3) and found["purity"]["n"] == 3
