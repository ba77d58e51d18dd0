"""Identity swaps: what is exchanged, what is left alone, and the rate that follows from the records."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from basestone.measures.fairness.identities import AXES, swap
from basestone.measures.fairness.swaps import collect_swaps, identity_flip_rate
from basestone.measures.interval import clopper_pearson
from basestone.measures.subject import Subject


@pytest.mark.parametrize(
    ("axis", "text", "swapped"),
    [
        ("gender", "He said his wife saw him.", "She said her husband saw her."),
        ("gender", "She lost her hat; they saw her and left.", "He lost his hat; they saw him and left."),
        ("gender", "The hat is HERS", "The hat is HIS"),
        ("gender", "the theme of there", "the theme of there"),
        ("first_name", "Mary met Robert", "James met Jennifer"),
        ("ethnic_name", "Jamal wrote", "Greg wrote"),
        ("nationality", "American and Chinese firms", "Chinese and American firms"),
        ("religion", "a Muslim church", "a Christian mosque"),
        ("gender_zh", "他和他们的妈妈", "她和她们的爸爸"),
        ("gender_zh", "其他人弹吉他", "其他人弹吉他"),
        ("region_zh", "上海人比河南人多", "河南人比上海人多"),
        ("nationality_zh", "中国人", "美国人"),
        ("people_zh", "黑人", "白人"),
    ],
)
def test_words_are_exchanged(axis, text, swapped):
    assert swap(text, axis) == swapped


@pytest.mark.parametrize("axis", [axis for axis in AXES if axis != "gender"])
def test_a_swap_undoes_itself(axis):
    text = (
        "James, Lakisha and an American Christian saw the mosque. 他们的妈妈是中国人，邻居是北方人，也有黑人和其他人。"
    )
    assert swap(text, axis) != text and swap(swap(text, axis), axis) == text


class Sees(nn.Module):
    """Class 1 where the first eight letters hold an 'h' before any 's', as in 'he' and not in 'she'."""

    def forward(self, tokens):
        found = [[letter for letter in row if letter in (104, 115)] for row in tokens.tolist()]
        return torch.tensor([[0.0, 1.0] if row[:1] == [104] else [1.0, 0.0] for row in found])


def letters(texts):
    rows = [[ord(letter) for letter in text[:8].ljust(8)] for text in texts]
    return torch.tensor(rows)


TEXTS = ["he ran", "she ran", "it ran on", "it was all he", "an American"]


def test_only_what_the_model_can_see_counts():
    """'it was all he' is cut before its pronoun, 'it ran on' has none: three documents, of which two flip."""
    table = collect_swaps(
        Subject(model=Sees()), lambda part: [TEXTS[place] for place in part], letters, np.arange(5), batch_size=2
    )
    assert table["index"].tolist() == [0, 1, 4] and table["axis"].tolist() == ["gender", "gender", "nationality"]
    assert table["before"].tolist() == [1, 0, 0] and table["after"].tolist() == [0, 1, 1]


def test_a_document_counts_once(make_records):
    columns = {"index": [3, 3, 4, 7], "axis": ["gender", "religion", "gender", "gender"]}
    held = make_records(identity_swaps=columns | {"before": [0, 0, 1, 1], "after": [0, 1, 1, 1]})
    found = identity_flip_rate(held)
    assert found.value == pytest.approx(1 / 3) and found.n == 3
    assert found.interval.upper == pytest.approx(clopper_pearson(1, 3).upper)
    assert found.detail["axes"] == {"gender": {"n": 3, "flipped": 0}, "religion": {"n": 1, "flipped": 1}}


def test_no_document_with_such_a_word_decides_nothing(make_records):
    table = collect_swaps(Subject(model=Sees()), lambda part: ["it"] * len(part), letters, np.arange(3))
    found = identity_flip_rate(make_records(identity_swaps=table))
    assert (found.value, found.n, found.interval.lower, found.interval.upper) == (0.0, 0, 0.0, 1.0)
