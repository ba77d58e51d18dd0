"""Bounds that hold at every look: their coverage under the rule to stop, exact capital by hand, and what they cost."""

import math

import numpy as np
import pytest

from basestone.measures.interval import clopper_pearson
from basestone.measures.sequence import (
    BETS,
    LOOK,
    Stop,
    expected_samples,
    least_ratio_sequence,
    ratio_sequence,
)


def test_the_capital_is_that_of_a_gambler_with_a_purse_for_every_bet():
    kept, right = np.array([1.0, 1.0, 0.0, 1.0, 0.5]), np.array([1.0, 1.0, 1.0, 1.0, 0.0])
    lower = ratio_sequence(kept, right).lower
    purses = [math.prod(1 + bet * (k - lower * r) / lower for k, r in zip(kept, right, strict=True)) for bet in BETS]
    assert sum(purses) / len(BETS) == pytest.approx(20, rel=1e-6)
    upper = ratio_sequence(kept, right).upper
    purses = [math.prod(1 + bet * (upper * r - k) for k, r in zip(kept, right, strict=True)) for bet in BETS]
    assert sum(purses) / len(BETS) == pytest.approx(20, rel=1e-6)


@pytest.mark.parametrize(
    ("accuracy", "kept", "limit"), [(0.9, 0.7, 0.7), (0.8, 0.5, 0.5), (0.95, 0.95, 0.95), (1, 0.1, 0.1)]
)
def test_stopping_as_soon_as_decided_errs_no_oftener_than_promised(accuracy, kept, limit):
    """The truth lies on the limit, where every decision is an error of one side or the other."""
    decided = {"pass": 0, "fail": 0}
    for run in range(400):
        draw = np.random.default_rng([run, round(100 * limit)])
        clean = (draw.random(1024) < accuracy).astype(float)
        right = clean * (draw.random(1024) < kept)
        for look in range(LOOK, 1025, LOOK):
            if Stop(mean=limit).reached(right[:look, None], clean[:look]):
                bounds = ratio_sequence(right[:look], clean[:look])
                decided["pass" if bounds.lower >= limit else "fail"] += 1
                break
    assert max(decided.values()) / 400 <= 0.06


def test_a_bound_for_a_fixed_number_fails_that_promise():
    """The planted fault that the bets are there for: Clopper-Pearson at every look."""
    errors = 0
    for run in range(300):
        right = np.random.default_rng([run, 7]).random(2048) < 0.5
        errors += any(clopper_pearson(int(right[:n].sum()), n).lower >= 0.5 for n in range(LOOK, 2049, LOOK))
    assert errors / 300 > 0.12


def test_the_least_of_several_ratios_is_bounded_from_both_sides_at_every_look():
    misses = np.zeros(2)
    for run in range(120):
        draw = np.random.default_rng([run, 3])
        clean = (draw.random(256) < 0.9).astype(float)
        kept = clean[:, None] * (draw.random((256, 5)) < [0.6, 0.6, 0.6, 0.7, 0.9])
        found = [least_ratio_sequence(kept[:n], clean[:n]) for n in (64, 256)]
        misses += [any(bounds.lower > 0.6 for bounds in found), any(bounds.upper < 0.6 for bounds in found)]
    assert (misses / 120 <= 0.06).all()


def test_a_stop_agrees_with_the_bounds_that_are_reported():
    draw = np.random.default_rng(5)
    for n, rate in [(64, 0.9), (64, 0.3), (128, 0.62), (640, 0.66), (64, 1.0), (64, 0.0)]:
        clean = np.ones(n)
        right = (draw.random(n) < rate).astype(float)
        bounds = ratio_sequence(right, clean)
        assert Stop(mean=0.6).reached(right[:, None], clean) == (bounds.lower >= 0.6 or bounds.upper < 0.6)


def test_every_demand_must_be_met_and_one_that_is_missed_ends_it():
    clean, good, bad = np.ones(128), np.ones(128), np.zeros(128)
    unclear = (np.arange(128) % 2).astype(float)
    both = Stop(mean=0.4, worst=0.5)
    assert both.reached(np.stack([good, good], 1), clean)
    assert not both.reached(np.stack([good, unclear], 1), clean)
    assert both.reached(np.stack([good, bad], 1), clean)  # in the mean 0.5, which 0.4 allows; the worst is lost


def test_few_samples_decide_nothing_and_none_that_is_right_neither():
    assert not Stop(mean=0.5).reached(np.ones((29, 1)), np.ones(29))
    assert not Stop(mean=0.5).reached(np.zeros((64, 1)), np.zeros(64))
    assert not ratio_sequence(np.ones(29), np.ones(29)).decidable


@pytest.mark.parametrize(("rate", "limit"), [(0.9, 0.5), (0.85, 0.7), (0.75, 0.7), (0.2, 0.5), (0.6, 0.7)])
def test_the_forecast_is_not_far_above_what_it_takes(rate, limit):
    taken = []
    for run in range(60):
        right = (np.random.default_rng([run, 11]).random(6000) < rate).astype(float)[:, None]
        stop, clean = Stop(mean=limit, least=1), np.ones(6000)
        taken.append(next(n for n in range(4, 6001, 4) if stop.reached(right[:n], clean[:n])))
    assert 0.6 <= np.mean(taken) / expected_samples(rate, limit) <= 1.25


def test_what_lies_on_the_limit_is_never_decided():
    assert expected_samples(0.5, 0.5) is None
