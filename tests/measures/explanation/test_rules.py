"""Rules: what a tree says in words is what it does, and concepts are counted by hand."""

import numpy as np
import pytest

from basestone.measures.explanation.rules import (
    Condition,
    block_means,
    fit_rules,
    frequent_words,
    word_presence,
)


def test_block_means_by_hand():
    pixels = np.zeros((1, 1, 4, 4), np.uint8)
    pixels[0, 0, :2, 2:] = 255
    pixels[0, 0, 3, 0] = 102
    means, names = block_means(pixels, 2)
    assert means.tolist() == [[0.0, 1.0, pytest.approx(0.1), 0.0]]
    assert names == ["block 1,1", "block 1,2", "block 2,1", "block 2,2"]
    assert block_means(pixels, 9)[0].shape == (1, 16)


def test_words_by_hand():
    texts = ["The rain, the wind.", "Rain again", "snow"]
    assert frequent_words(texts, 2) == ["rain", "again"]
    assert word_presence(texts, ["rain", "the"]).tolist() == [[1, 1], [1, 0], [0, 0]]
    assert frequent_words(["雨天雨", "晴天"], 1) == ["天"]


def test_the_rule_behind_the_answers_is_found_and_written_as_logic():
    generator = np.random.default_rng(0)
    concepts = generator.integers(0, 2, (400, 5)).astype(float)
    answers = (concepts[:, 1] * (1 - concepts[:, 3])).astype(np.int64)
    found = fit_rules("tree", concepts, answers, [f"'w{place}'" for place in range(5)], ["food", "rain"])
    assert (found.answers(concepts) == answers).all()
    assert len(found.by_leaf) == 3 and found.depth == 2
    path = found.paths(np.array([[0, 1, 0, 0, 0.0]]))[0]
    assert path in (
        "IF 'w1' is there AND 'w3' is not there THEN rain",
        "IF 'w3' is not there AND 'w1' is there THEN rain",
    )
    assert "samples, 100% of them so)" in found.logic and len(found.logic.splitlines()) == 3


def test_every_path_holds_for_its_sample():
    generator = np.random.default_rng(1)
    concepts = generator.random((500, 3))
    answers = (concepts @ [2.0, -1.0, 0.5] > 0.7).astype(np.int64)
    found = fit_rules("tree", concepts, answers, ["x", "y", "z"], ["no", "yes"])
    place = {"x": 0, "y": 1, "z": 2}
    for leaf, row, answer in zip(found._tree.apply(concepts), concepts, found.answers(concepts), strict=True):
        rule = found.by_leaf[int(leaf)]
        assert rule.answer == ["no", "yes"][answer]
        assert all(one.least < row[place[one.name]] <= one.most for one in rule.conditions)
    assert found.depth <= 5
    assert len(fit_rules("rules", concepts, answers, ["x", "y", "z"], ["no", "yes"]).by_leaf) <= 10


def test_conditions_as_a_person_writes_them():
    assert str(Condition(name="block 1,2", least=0.25)) == "block 1,2 > 0.25"
    assert str(Condition(name="block 1,2", most=0.25)) == "block 1,2 ≤ 0.25"
    assert str(Condition(name="block 1,2", least=0.1, most=0.25)) == "0.1 < block 1,2 ≤ 0.25"
    assert str(Condition(name="'rain'", least=0.5)) == "'rain' is there"
    assert str(Condition(name="'rain'", most=0.5)) == "'rain' is not there"
