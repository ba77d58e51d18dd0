"""A model beside others on the same samples, and the baseline that needs no deep network."""

import math

import numpy as np
import pytest

from basestone.measures import measure
from basestone.measures.baselines import tfidf_logistic
from basestone.measures.beside import beside_rows
from basestone.measures.interval import clopper_pearson


def test_accuracies_stand_with_exact_bounds_and_paired_differences(make_records):
    own, other = np.repeat([1, 1, 0, 0], [70, 10, 5, 15]), np.repeat([1, 0, 1, 0], [70, 10, 5, 15])
    first, second = beside_rows(make_records(beside={"index": np.arange(100), "own": own, "twin": other}))
    assert (first["name"], first["unit"], first["value"], first["n"]) == ("own", "accuracy", 0.8, 100)
    assert "difference" not in first
    assert (first["lower"], first["upper"]) == (clopper_pearson(80, 100).lower, clopper_pearson(80, 100).upper)
    assert second["value"] == 0.75
    gap = second["difference"]
    assert gap["value"] == pytest.approx(-0.05) and gap["lower"] < -0.05 < gap["upper"]
    assert gap["upper"] - gap["lower"] < second["upper"] - second["lower"], "pairing removes what both share"


def test_each_model_has_its_own_gap_between_groups(make_records):
    group = np.repeat(["a", "b"], 50)
    own, even = np.r_[np.ones(50), np.repeat([1, 0], 25)].astype(int), np.tile([1, 1, 1, 0, 1], 20)
    clean = {"index": np.arange(100), "label": np.zeros(100, int), "prediction": 1 - own, "group": group}
    clean |= {"confidence": np.full(100, 0.9), "loss": np.ones(100)}
    table = {"index": np.arange(100), "own": own, "even": even}
    first, second = beside_rows(make_records(clean_test=clean, beside=table))
    assert first["gap"]["value"] == 0.5 and 0 < first["gap"]["lower"] < 0.5 < first["gap"]["upper"]
    whole = gap_of(make_records(clean_test=clean))  # as the clause has it; each class is looked at as well
    assert first["gap"]["value"] == whole["value"] and first["gap"]["upper"] == pytest.approx(whole["upper"])
    assert first["gap"]["lower"] < whole["lower"]
    assert second["gap"]["value"] == 0.0 and second["gap"]["lower"] == 0.0


def test_a_gap_within_one_class_counts_though_both_groups_are_right_as_often(make_records):
    """Of group a all of class 0 and half of class 1 are right, of b the other way round: 75 % of either."""
    group, label = np.repeat(["a", "b"], 80), np.tile(np.repeat([0, 1], 40), 2)
    half = np.repeat([1, 0], 20)
    own = np.r_[np.ones(40), half, half, np.ones(40)].astype(int)
    clean = {"index": np.arange(160), "label": label, "prediction": np.where(own, label, 1 - label), "group": group}
    clean |= {"confidence": np.full(160, 0.9), "loss": np.ones(160)}
    (row,) = beside_rows(make_records(clean_test=clean, beside={"index": np.arange(160), "own": own}))
    assert row["gap"]["value"] == 0.5 and gap_of(make_records(clean_test=clean))["value"] == 0.0


def gap_of(records):
    found = measure("group_accuracy_gap", records)
    return {"value": found.value, "lower": found.interval.lower, "upper": found.interval.upper}


def test_nats_become_bits_a_byte_and_less_is_better(make_records):
    size = np.full(50, 100)
    nats = np.linspace(90, 110, 50) * math.log(2)  # 100 bits a document of 100 bytes
    table = {"index": np.arange(50), "bytes": size, "own": nats, "half": nats / 2, "same": nats}
    own, half, same = beside_rows(make_records(beside=table))
    assert own["value"] == pytest.approx(1.0) and own["unit"] == "bit/byte"
    assert half["value"] == pytest.approx(0.5) and half["difference"]["upper"] < 0
    assert same["difference"] == pytest.approx({"value": 0.0, "lower": 0.0, "upper": 0.0})


@pytest.mark.parametrize("words", [(["rain", "wind", "snow"], ["soup", "bread", "rice"]), ("雨风雪", "饭面茶")])
def test_the_baseline_learns_words_and_letters_and_nothing_from_noise(words):
    draws = np.random.default_rng(0)
    space = "" if isinstance(words[0], str) else " "
    labels = np.arange(240) % 2
    texts = [space.join(draws.choice(list(words[label]), 4)) for label in labels]
    found = tfidf_logistic(texts[:160], labels[:160], texts[160:], seed=0)
    assert (found == labels[160:]).mean() == 1.0
    noise = draws.permutation(labels)
    found = tfidf_logistic(texts[:160], noise[:160], texts[160:], seed=0)
    assert (found == noise[160:]).mean() < 0.75
