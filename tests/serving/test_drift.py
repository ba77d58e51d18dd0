"""The bet that live samples are unlike those of the audit: fair by hand and by simulation, won where it should be."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom, kstest

from basestone.serving.drift import NUM_BETS, Capital, Counted, Monitor, Ordered, Trace, bets, drawn

LABELS = tuple("abcdefghij")


def test_ranks_by_hand() -> None:
    """Among 1, 2, 3 and itself: of 2.5 one is above, so p = (1 + ½·1)/4; then 2.5 counts, and of 2.5 one equal more."""
    ranks = Ordered([3.0, 1.0, 2.0])
    assert ranks.rank(2.5, 0.5) == (1 + 0.5) / 4
    assert ranks.rank(2.5, 0.5) == (1 + 0.5 * 2) / 5
    assert Ordered([]).rank(7.0, 0.25) == 0.25
    counted = Counted([0, 0, 1], 3)
    assert counted.rank(1, 1.0) == 2 / 4  # two of four are 1, none is above
    assert counted.rank(0, 0.0) == 2 / 5


def test_ranks_of_whole_numbers_are_those_of_numbers() -> None:
    rng = np.random.default_rng(0)
    scores, lucks = rng.integers(0, 4, 200), rng.random(200)
    one, other = Ordered(map(float, scores[:50])), Counted(scores[:50].tolist(), 4)
    for score, luck in zip(scores[50:], lucks[50:], strict=True):
        assert one.rank(float(score), luck) == pytest.approx(other.rank(float(score), luck))


def test_ranks_of_exchangeable_scores_are_uniform_and_independent() -> None:
    rng = np.random.default_rng(1)
    ranks = Ordered(rng.integers(0, 9, 40).astype(float))  # with many ties
    found = np.array([ranks.rank(float(rng.integers(0, 9)), rng.random()) for _ in range(3000)])
    assert kstest(found, "uniform").pvalue > 0.01
    assert abs(np.corrcoef(found[:-1], found[1:])[0, 1]) < 0.05


def test_no_bet_has_an_edge_on_uniform_ranks() -> None:
    """The mean over midpoints is exact for straight lines and for steps at tenths."""
    middle = (np.arange(1000) + 0.5) / 1000
    found = np.array([bets(p) for p in middle])
    assert found.shape == (1000, NUM_BETS) and found.min() >= 0
    np.testing.assert_allclose(found.mean(0), 1, rtol=1e-12)
    assert (bets(0.0)[0], bets(1.0).shape) == (1.0, (NUM_BETS,))


def test_the_mean_capital_stays_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A martingale, also where a fresh Jumper begins: 3,000 games of 20 uniform ranks, five Jumpers in each."""
    monkeypatch.setattr("basestone.serving.drift.EVERY", 4)
    rng, ends = np.random.default_rng(2), list[float]()
    assert Capital().value == 1
    for _ in range(3000):
        capital = Capital()
        for p in rng.random(20):
            capital.bet(p)
        ends.append(capital.value)
    assert np.mean(ends) == pytest.approx(1, abs=4 * np.std(ends) / math.sqrt(len(ends)))


def monitor(rng: np.random.Generator, calibration: int = 200) -> Monitor:
    return Monitor(rng.normal(size=calibration), rng.integers(0, 10, calibration).tolist(), LABELS)


def live(rng: np.random.Generator, energy: float, label: str, at: str = "2026-11-26") -> tuple[dict, str, str]:
    seen = {"digest": rng.bytes(32).hex(), "energy": energy, "prediction": label}
    return seen, rng.bytes(8).hex(), at


def test_false_alarms_are_as_rare_as_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    """100 services of 250 samples that are like the audit's: no more alarms than a δ of 0.2 allows (99.9 %)."""
    monkeypatch.setattr("basestone.serving.drift.DELTA", 0.2)
    rng, alarms = np.random.default_rng(3), 0
    for _ in range(100):
        one = monitor(rng)
        for energy, place in zip(rng.normal(size=250), rng.integers(0, 10, 250), strict=True):
            one.see(*live(rng, energy, LABELS[place]))
        alarms += one.alarm is not None
    assert 0 < alarms <= binom.ppf(0.999, 100, 0.2)


@pytest.mark.parametrize(
    ("shift", "scale", "labels", "score", "most"),
    [
        (1.0, 1.0, LABELS, "energy", 250),  # all samples a little more foreign
        (-1.0, 1.0, LABELS, "energy", 250),  # or less
        (0.0, 3.0, LABELS, "energy", 400),  # both
        (0.0, 1.0, "abc", "answers", 200),  # classes that no longer come
    ],
)
def test_a_change_is_found_and_named_after_a_long_quiet(shift, scale, labels, score, most) -> None:
    rng = np.random.default_rng(4)
    one = monitor(rng, 500)
    for energy, place in zip(rng.normal(size=1200), rng.integers(0, 10, 1200), strict=True):
        one.see(*live(rng, energy, LABELS[place]))
    assert one.alarm is None
    for _ in range(most):
        one.see(*live(rng, shift + scale * rng.normal(), str(rng.choice(list(labels)))))
    assert one.alarm is not None and one.alarm.score == score
    assert 1200 < one.alarm.samples <= 1200 + most


def test_a_sample_that_is_sent_again_is_no_news() -> None:
    rng = np.random.default_rng(5)
    one = monitor(rng)
    sample = live(rng, 9.0, "a")
    for _ in range(500):
        one.see(*sample)
    assert one.alarm is None and (one.samples, one.repeats) == (1, 499)


def test_whoever_has_the_log_comes_to_the_same_result() -> None:
    rng = np.random.default_rng(6)
    samples = [live(rng, e, "a") for e in rng.normal(size=50)]
    told = []
    for _ in range(2):
        one = Monitor(np.arange(20.0) / 10 - 1, [0] * 20, LABELS)
        for sample in samples:
            one.see(*sample)
        told.append(one.to_json())
    assert told[0] == told[1] and told[0]["samples"] == 50
    assert drawn("x") == drawn("x") != drawn("y") and 0 <= drawn("x") < 1


def test_a_trace_stays_short_and_keeps_its_ends() -> None:
    trace = Trace()
    for samples in range(1, 5001):
        trace.add(samples, 10.0)
    assert len(trace.points) <= 201 and trace.points[0] == (0, 0.0) and trace.points[-1][1] == 1.0
    assert all(point[0] % trace.points[1][0] == 0 for point in trace.points)
