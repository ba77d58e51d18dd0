"""How far trainings with other seeds come apart: the value by hand, the bounds by simulation."""

import numpy as np
import pytest

from basestone.core.evidence import NotMeasured
from basestone.measures import measure
from basestone.measures.seeds import seed_range


class Table:
    def __init__(self, *columns):
        self.columns = columns

    def table(self, name):
        assert name == "seeds"
        named = {f"full-{seed}": column for seed, column in enumerate(self.columns)}
        return {"index": np.arange(len(self.columns[0])), **named}


def right(of, k, shift=0):
    return np.roll(np.arange(of) < k, shift).astype(int)


def test_the_range_is_between_the_best_and_the_worst():
    found = seed_range(Table(right(100, 90), right(100, 95), right(100, 80)))
    assert found.value == pytest.approx(0.15) and found.n == 100
    assert found.detail["accuracy"] == {"full-0": 0.9, "full-1": 0.95, "full-2": 0.8}
    assert 0 < found.interval.lower < 0.15 < found.interval.upper


def test_the_same_answers_have_no_range_and_other_answers_do():
    same = right(1600, 1500)
    assert seed_range(Table(same, same, same)).interval.upper < 0.01
    moved = [right(1600, 1500, shift) for shift in (0, 80, 160)]
    found = seed_range(Table(*moved))
    assert found.value == 0.0 and found.interval.upper > 0.005, "equal scores on other samples are less sure"


def test_two_trainings_are_no_range(make_records):
    table = {"index": np.arange(40), "full-0": right(40, 30), "full-1": right(40, 31)}
    found = measure("seed_range", make_records(seeds=table))
    assert isinstance(found, NotMeasured) and "3 trainings or more; there are 2" in found.reason


@pytest.mark.parametrize("truth", [(0.9, 0.9, 0.9), (0.9, 0.88, 0.85), (0.98, 0.98, 0.96)])
def test_the_bounds_cover_the_true_range(truth):
    draws, rounds = np.random.default_rng(0), 300
    inside = np.zeros(2)
    for _ in range(rounds):
        shared, own = draws.random(500), draws.random((len(truth), 500))
        alike = draws.random(500) < 0.7  # samples on which all of them see the same difficulty, uniform either way
        columns = [np.where(alike, shared, mine) < share for mine, share in zip(own, truth, strict=True)]
        found = seed_range(Table(*columns)).interval
        inside += (found.lower <= max(truth) - min(truth), found.upper >= max(truth) - min(truth))
    assert (inside / rounds >= 0.93).all(), inside / rounds
