"""Exposure: ranks by hand from a model whose likelihoods are known, a planted memory, and chance."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from basestone.core.evidence import NotMeasured, RecordsMissing
from basestone.measures import measure
from basestone.measures.privacy.exposure import RIVALS, collect_exposure
from basestone.measures.subject import Subject

VOCABULARY, PAD = 12, 11


class Bigram(torch.nn.Module):
    """The logits of the next token are a row of a table: what a text costs can be added up by hand."""

    def __init__(self, table):
        super().__init__()
        self.table = table

    def forward(self, ids):
        return self.table[ids]


def table_record(rank):
    rank = np.asarray(rank)
    return {"index": np.arange(len(rank)), "rank": rank, "rivals": np.full(len(rank), RIVALS)}


def test_ranks_and_nats_by_hand():
    """After 0 the model expects 1 (p = 1/2), after 1 it expects 2; the rest is alike. Texts of different length."""
    table = torch.zeros(VOCABULARY, VOCABULARY)
    table[0, 1], table[1, 2] = np.log(11), np.log(11)  # 11 / (11 + 11)
    texts = [[0, 1, 3], [0, 1, 2], [0, 4, 3], [0, 1], [0, 5, 6, 7]]
    found = collect_exposure(Subject(model=Bigram(table)), lambda number: texts, 1, PAD, longest=None)
    half, other, any_other = np.log(2), np.log(22), np.log(12)
    nats = [half + other, 2 * half, other + any_other, half, other + 2 * any_other]
    assert found["nats"][0] == pytest.approx(nats[0]) and found["least_rival"][0] == pytest.approx(half)
    assert found["rank"].tolist() == [1 + sum(cost < nats[0] for cost in nats[1:])] == [3]


def test_a_planted_memory_is_found_and_an_ignorant_model_is_left_alone(make_records):
    """Sixty canaries of nine digits. One model knows the digits of half of them; to the other all digits are alike."""
    rng = np.random.default_rng(0)
    texts = [np.c_[np.full(RIVALS + 1, 10), rng.integers(10, size=(RIVALS + 1, 9))] for _ in range(60)]
    tables = rng.normal(size=(60, VOCABULARY, VOCABULARY))

    class Knows(torch.nn.Module):
        number = 0

        def forward(self, ids):
            table = torch.tensor(tables[self.number])
            if self.number < 30:
                path = texts[self.number][0]
                table[path[:-1], path[1:]] += 5
            return table[ids]

    model = Knows()

    def spell(number):
        model.number = number
        return texts[number].tolist()

    found = collect_exposure(Subject(model=model), spell, 60, PAD, longest=10)
    told = measure("canary_exposure", make_records(exposure=found))
    assert told.detail["exposed"] >= 28 and told.interval.lower > 0.05
    blank = collect_exposure(Subject(model=Bigram(torch.rand(VOCABULARY, VOCABULARY))), spell, 60, PAD, longest=10)
    told = measure("canary_exposure", make_records(exposure=blank))
    assert (
        told.detail["exposed"] <= 4 and told.detail["median_bits"]["lower"] <= 1 <= told.detail["median_bits"]["upper"]
    )


@pytest.mark.parametrize(("n", "passes"), [(58, False), (59, True)])
def test_from_59_canaries_on_none_exposed_shows_one_in_twenty(make_records, n, passes):
    found = measure("canary_exposure", make_records(exposure=table_record([150] * n)))
    assert (found.interval.upper <= 0.05) is passes and found.value == 0


def test_bits_by_hand(make_records):
    """Rank 1 of 300 is log2 300 = 8.23 bits, rank 3 6.64 and the last that counts, rank 150 one."""
    found = measure("canary_exposure", make_records(exposure=table_record([1, 3, 4, 150, 300])))
    assert found.value == 2 / 5 and found.detail["likelier_than_every_rival"] == 1
    assert found.detail["largest_bits"] == pytest.approx(8.2288, abs=1e-4)
    assert found.detail["mean_bits"] == pytest.approx((8.2288 + 6.6439 + 6.2288 + 1 + 0) / 5, abs=1e-4)


def test_impossible_ranks_are_not_measured(make_records):
    found = measure("canary_exposure", make_records(exposure=table_record([0, 3])))
    assert isinstance(found, NotMeasured) and found.reason == "every canary must have a rank among its rivals"


def test_what_cannot_rank_canaries_says_why():
    subject, long = Subject(model=Bigram(torch.zeros(VOCABULARY, VOCABULARY))), [[1, 2, 3, 4, 5]] * 2
    with pytest.raises(RecordsMissing, match=r"must see the 4 tokens of a canary at once, and it sees 3\. Raise data"):
        collect_exposure(subject, lambda number: long, 1, PAD, longest=3)
    with pytest.raises(RecordsMissing, match="takes different codes for one"):
        collect_exposure(subject, lambda number: long, 1, PAD, longest=None)
