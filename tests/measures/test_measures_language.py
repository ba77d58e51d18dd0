"""Bits per byte: by hand from planted probabilities, document by document, and replay of blocks."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from basestone.core.batch import Batch
from basestone.measures import bits, measure
from basestone.measures.language import baseline_nats, collect_blocks, collect_language, compare_blocks
from basestone.measures.subject import Subject

VOCAB = 8


class Uniform(nn.Module):
    """Gives token 1 the probability ``p`` after anything, and shares the rest equally."""

    def __init__(self, p: float) -> None:
        super().__init__()
        rest = (1 - p) / (VOCAB - 1)
        self.logits = torch.log(torch.tensor([p if token == 1 else rest for token in range(VOCAB)]))

    def forward(self, ids):
        return self.logits.expand(*ids.shape, VOCAB)


TARGETS = torch.tensor([[1, 2, 1, 3], [1, 1, 5, -100]])
DOCUMENTS = np.array([[0, 0, 1, 1], [1, 1, 2, -1]])


def blocks(positions):
    at = torch.from_numpy(positions)
    return Batch(inputs=TARGETS[at].clamp(min=0), targets=TARGETS[at], index=at)


def collected(p=0.5, batch_size=1, **changes):
    return collect_language(
        Subject(model=Uniform(p)),
        blocks,
        np.arange(2),
        lambda at: DOCUMENTS[at],
        3,
        batch_size=batch_size,
        **changes,
    )


@pytest.mark.parametrize("batch_size", [1, 2])
def test_nats_are_added_up_by_document(batch_size):
    table, rest = collected(batch_size=batch_size), -math.log(0.5 / 7)
    half = math.log(2)
    assert table["nats"].tolist() == pytest.approx([half + rest, half + rest + 2 * half, rest])
    assert table["tokens"].tolist() == [2, 4, 1]


def many(make_records, nats, size, baseline):
    count = len(nats)
    return make_records(
        language_test={
            "index": np.arange(count),
            "tokens": np.full(count, 10),
            "bytes": size,
            "nats": nats,
            "baseline_nats": baseline,
        }
    )


def test_bits_per_byte_is_a_ratio_of_sums(make_records):
    draws = np.random.default_rng(0)
    size = draws.integers(20, 200, 400)
    nats = size * draws.normal(1.5, 0.2, 400)
    records = many(make_records, nats, size, nats + 0.1 * size)
    found, saved = measure("bits_per_byte", records), measure("bits_under_baseline", records)
    assert found.value == pytest.approx(nats.sum() / math.log(2) / size.sum())
    assert saved.value == pytest.approx(0.1 / math.log(2))
    error = np.std((nats - found.value * math.log(2) * size) / math.log(2), ddof=1) / size.mean() / 400**0.5
    assert found.interval.upper - found.value == pytest.approx(1.645 * error, rel=0.12)  # the delta method
    assert found.n == 400 and found.detail["perplexity"] == pytest.approx(math.exp(nats.sum() / 4000))


def test_few_documents_decide_nothing(make_records):
    size = np.full(20, 50)
    assert not measure("bits_per_byte", many(make_records, size * 1.0, size, size * 2.0)).interval.decidable


def test_the_baseline_reads_on_from_document_to_document():
    train = b"abab abab cdcd " * 40
    whole = baseline_nats(train, [b"abab cdcd"])
    parts = baseline_nats(train, [b"abab", b" cdcd"])
    assert parts.sum() == pytest.approx(whole.sum())
    assert len(parts) == 2 and parts[0] < 4


def test_a_replay_tells_another_model():
    at = np.array([0, 1])
    first, same, other = (collect_blocks(Subject(model=Uniform(p)), blocks, at, batch_size=2) for p in (0.5, 0.5, 0.1))
    agrees, differs = compare_blocks(first, same, 4), compare_blocks(first, other, 4)
    assert agrees["max_abs_diff"].tolist() == [0, 0] and agrees["same_prediction"].tolist() == [1, 1]
    by_hand = abs(2 * math.log(0.5 / 0.1) + 2 * math.log((0.5 / 7) / (0.9 / 7))) / 4
    assert differs["max_abs_diff"][0] == pytest.approx(by_hand, rel=1e-5)
    assert differs["same_prediction"].tolist() == [0, 0]


def test_a_model_that_knows_its_training_text_has_a_gap(make_records):
    draws = np.random.default_rng(0)

    def text(bits, count):
        tokens = draws.integers(50, 150, count)
        return {
            "index": np.arange(count),
            "tokens": tokens,
            "nats": tokens * bits * math.log(2) * draws.normal(1, 0.05, count),
        }

    known = measure("bits_gap", make_records(language_train=text(1.5, 200), language_test=text(2.0, 300)))
    assert known.value == pytest.approx(0.25, abs=0.01) and known.n == 200
    assert known.interval.lower > 0.22 and known.interval.upper < 0.28
    alike = measure("bits_gap", make_records(language_train=text(2.0, 200), language_test=text(2.0, 300)))
    assert alike.interval.lower < 0 < alike.interval.upper
    few = measure("bits_gap", make_records(language_train=text(1.5, 20), language_test=text(2.0, 300)))
    assert not few.interval.decidable


def test_the_bounds_of_a_gap_cover_the_truth():
    draws, inside, rounds = np.random.default_rng(1), np.zeros(2), 200
    for _ in range(rounds):
        tables = {}
        for name, cost in (("language_train", 1.8), ("language_test", 2.0)):
            tokens = draws.integers(20, 200, 120)
            nats = tokens * math.log(2) * draws.gamma(40, cost / 40, 120)
            tables[name] = {"index": np.arange(120), "tokens": tokens, "nats": nats}
        found = bits.bits_gap(Tables(tables)).interval
        inside += (found.lower <= 0.1, found.upper >= 0.1)
    assert (inside / rounds >= 0.91).all(), inside / rounds  # 95 % less three standard errors of 200 rounds


class Tables:
    def __init__(self, tables):
        self.tables = tables

    def table(self, name):
        return self.tables[name]
