"""Charts of attacks, unseen groups and foreign images: both languages, and the numbers that they stand for."""

from __future__ import annotations

import numpy as np
import pytest

from basestone.reporting.robustness_charts import attacked_chart, outliers_chart, standing, unseen_chart

BOUNDS = {"lower": 0.8, "upper": 0.95}
GROUPS = {
    "north": {"n": 90, "retention": 0.99, "seen": {"accuracy": 0.9, **BOUNDS}, "unseen": {"accuracy": 0.89, **BOUNDS}},
    "south": {"n": 30, "retention": 0.5, "seen": {"accuracy": 0.9, **BOUNDS}, "unseen": {"accuracy": 0.45, **BOUNDS}},
}


def drawn(svg: str) -> str:
    assert svg.startswith("<svg") and "NaN" not in svg and "Infinity" not in svg
    return svg


def test_what_stands_is_what_no_attack_so_far_has_felled():
    felled = np.array(["", "single", "single", "random", "", ""], dtype=object)
    clean = np.array([1, 1, 1, 1, 1, 0])
    assert standing(felled, clean, ["single", "greedy", "random"]) == {
        "clean": 5,
        "single": 3,
        "greedy": 3,
        "random": 2,
    }


@pytest.mark.parametrize(("language", "words"), [("en", "any one word"), ("zh", "任一单词")])
def test_every_attack_is_named_with_what_it_leaves(language, words):
    svg = drawn(attacked_chart({"clean": 5, "single": 3, "greedy": 3, "random": 0}, 6, language))
    assert words in svg and "83.3% · 5" in svg and "50.0% · 3" in svg and "0.0% · 0" in svg


@pytest.mark.parametrize(("language", "words"), [("en", "trained without it"), ("zh", "训练不含该群体")])
def test_the_group_that_keeps_least_comes_first(language, words):
    svg = drawn(unseen_chart(GROUPS, language))
    assert words in svg and svg.index("south") < svg.index("north")


@pytest.mark.parametrize(("language", "words"), [("en", "another data set"), ("zh", "另一数据集")])
def test_every_kind_of_image_is_named(language, words):
    kind = np.array(["test"] * 30 + ["source"] * 20)
    svg = drawn(outliers_chart(kind, np.linspace(-3, 5, 50), "test", language))
    assert words in svg


def test_scores_that_are_all_alike_can_be_drawn():
    drawn(outliers_chart(np.array(["test", "noise"]), np.ones(2), "test", "en"))
