"""Detectors side by side: by hand, against the plain bootstrap, and bounds that hold how often they say."""

from __future__ import annotations

import numpy as np
import pytest
from test_average_precision import Rows, random_rows, table

from basestone.measures.average_precision import matched, mean_average_precision
from basestone.measures.bootstrap import resampled_weights
from basestone.measures.detected import only_of
from basestone.measures.detector_methods import compare_detectors, precision


def found(images: int, right: list[bool], score: float = 0.5) -> list:
    """One object an image; the answer lies on it where ``right`` says so, else far off."""
    rows: Rows = []
    for image in range(images):
        rows.append((image, "object", 0, 1.0, [10, 10, 50, 50]))
        box = [10, 10, 50, 50] if right[image % len(right)] else [100, 100, 140, 140]
        rows.append((image, "answer", 0, score - image * 1e-4, box))
    return matched(table(rows))


def test_by_hand():
    # of 4 objects the first 2 answers find 2: precision 1 up to a recall of 1/2, that is 51 of 101 recalls
    half, all_ = found(4, [True, True, False, False]), found(4, [True])
    assert precision(half) == pytest.approx(51 / 101) and precision(all_) == 1.0
    told = compare_detectors({"a": [half, all_], "b": [all_, all_]})
    assert told["a"]["accuracy"] == pytest.approx((51 / 101 + 1) / 2)
    assert (told["a"]["least"], told["a"]["greatest"]) == (pytest.approx(51 / 101), 1.0)
    assert told["b"]["difference"]["value"] == pytest.approx(50 / 101 / 2)
    assert told["a"]["difference"] | {"method": ""} == {"value": 0, "lower": 0, "upper": 0, "method": ""}
    assert "2 seeds" in told["b"]["difference"]["method"] and "4 clusters" in told["b"]["difference"]["method"]


def test_differences_are_of_the_same_images_in_every_draw():
    first, second = (matched(table(random_rows(seed))) for seed in (0, 0))
    worse = matched(table([row for row in random_rows(0) if row[1] != "answer" or row[3] < 0.8]))
    told = compare_detectors({"a": [first], "b": [second], "c": [worse]})
    assert told["b"]["difference"]["lower"] == told["b"]["difference"]["upper"] == 0
    weights = np.concatenate(list(resampled_weights(len(first[0].objects), seed=0)))
    draws = mean_average_precision(worse, weights) - mean_average_precision(first, weights)
    gap = told["c"]["difference"]
    assert gap["value"] == pytest.approx(precision(worse) - precision(first))
    plain = np.quantile(draws, 0.95) - np.quantile(draws, 0.05)
    assert gap["lower"] < gap["value"] < gap["upper"] and gap["upper"] - gap["lower"] == pytest.approx(plain, rel=0.2)


def test_draws_without_an_object_are_left_out():
    rows: Rows = [(0, "object", 0, 1.0, [0, 0, 9, 9]), (0, "answer", 0, 0.9, [0, 0, 9, 9])]
    rows += [(image, "answer", 0, 0.1, [0, 0, 9, 9]) for image in range(1, 6)]
    one, none = matched(table(rows)), matched(table([row for row in rows if row[1] == "object" or row[0]]))
    gap = compare_detectors({"a": [none], "b": [one]})["b"]["difference"]
    assert gap["value"] == pytest.approx(1 - 0) and np.isfinite([gap["lower"], gap["upper"]]).all()
    assert "cluster bootstrap, 6 clusters" in gap["method"] and "2000 draws" not in gap["method"]


def test_no_difference_is_seldom_called_one():
    draws, called = np.random.default_rng(3), 0
    for _ in range(25):
        skill = draws.random(60)
        a, b = (found(60, (draws.random(60) < skill).tolist()) for _ in range(2))
        called += compare_detectors({"a": [a], "b": [b]})["b"]["difference"]["lower"] > 0
    assert called <= 5  # at most 5 % are expected: 1 ± 1


def test_answers_of_classes_that_are_not_asked_for_go():
    rows: Rows = [
        (0, "object", 0, 1.0, [0, 0, 9, 9]),
        (0, "answer", 2, 0.9, [0, 0, 9, 9]),
        (0, "answer", 0, 0.8, [0, 0, 9, 9]),
        (1, "ignored", 1, 1.0, [0, 0, 9, 9]),
        (1, "answer", 1, 0.7, [0, 0, 9, 9]),
    ]
    told = only_of(table(rows), ("ring", "circle", "digit"), ("digit", "circle"))
    kept = list(zip(told["index"].tolist(), told["kind"].tolist(), told["class"].tolist(), strict=True))
    assert kept == [
        (0, "object", 0), (0, "answer", 0), (1, "ignored", 1), (1, "answer", 1), (0, "empty", -1), (1, "empty", -1),
    ]  # fmt: skip
    assert told["score"].tolist() == pytest.approx([1, 0.9, 1, 0.7, 0, 0])
