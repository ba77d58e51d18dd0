"""What canaries show: the theorem by enumeration, honest mechanisms that are not refuted, and lies that are."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from basestone.core.evidence import NotMeasured
from basestone.measures import measure
from basestone.measures.privacy.canaries import chance, lower_epsilon, shown_epsilon

CLAIM = {
    "noise": 1.0,
    "rate": 0.05,
    "steps": 100,
    "delta": 1e-5,
    "clip": 1.0,
    "num_samples": 1_000,
    "randomness": "secret",
    "epsilon": {"opacus": 2.0, "dp_accounting": 1.98},
}


def table(included, score):
    return {
        "index": np.arange(len(score)),
        "label": np.zeros(len(score), int),
        "included": np.asarray(included, int),
        "score": np.asarray(score, float),
    }


def test_without_delta_it_is_the_tail_of_a_binomial_by_enumeration():
    """Four guesses at ε = ln 3: each right with 3/4; three or more right: 4 · (3/4)³ · 1/4 + (3/4)⁴ = 189/256."""
    assert chance(4, 4, 3, math.log(3), 0.0) == pytest.approx(189 / 256)
    told = sum(
        np.prod([0.75 if right else 0.25 for right in four]) for four in product((0, 1), repeat=4) if sum(four) >= 3
    )
    assert chance(4, 4, 3, math.log(3), 0.0) == pytest.approx(told)


def test_delta_adds_what_the_theorem_says():
    """m = r = v = 2, ε = 0: P(B ≥ 2) = 1/4; max(P(B = 1), P(B < 2) / 2) = max(1/2, 3/8); 1/4 + 2 · 2 · δ / 2."""
    assert chance(2, 2, 2, 0.0, 0.01) == pytest.approx(0.25 + 2 * 2 * 0.01 * 0.5)


def test_all_right_shows_what_the_paper_says_it_can():
    """q^r = error: r = 100 at 5 % gives q = 0.97049 and ε = ln(q / (1 − q)) = 3.49."""
    q = 0.05 ** (1 / 100)
    assert lower_epsilon(100, 100, 100, 0.0, 0.05) == pytest.approx(math.log(q / (1 - q)), abs=1e-6)
    assert lower_epsilon(100, 100, 50, 0.0, 0.05) == 0.0  # a coin does as well


def test_an_honest_mechanism_is_seldom_refuted():
    """Randomized response at ε = 1 is the worst case of its ε: at most 5 % of the bounds may lie above."""
    generator, refuted = np.random.default_rng(0), 0
    for _ in range(300):
        included = generator.integers(0, 2, 100).astype(bool)
        truthful = generator.random(100) < math.e / (1 + math.e)
        told = np.where(truthful, included, ~included)
        score = told + generator.random(100) / 2
        refuted += shown_epsilon(score, included, 0.0)[0] > 1.0
    assert refuted / 300 <= 0.05


def test_canaries_that_all_give_themselves_away_refute_the_claim(make_records):
    included = np.arange(200) % 2
    records = make_records(facts={"dp_claim": CLAIM}, canaries=table(included, included * 9.0))
    found = measure("dp_canaries", records)
    assert found.value > 1.5 and found.interval.lower == found.interval.upper == found.value
    assert found.detail["epsilon_shown"] == pytest.approx(3.8, abs=0.1)
    assert [one["right"] for one in found.detail["guesses"]] == [24, 50, 100, 200]


def test_canaries_that_tell_nothing_refute_nothing(make_records):
    generator = np.random.default_rng(0)
    records = make_records(
        facts={"dp_claim": CLAIM}, canaries=table(generator.integers(0, 2, 200), generator.normal(size=200))
    )
    assert measure("dp_canaries", records).value == 0


def test_the_larger_accountant_counts_and_delta_is_per_sample(make_records):
    records = make_records(facts={"dp_claim": CLAIM})
    assert measure("dp_epsilon", records).value == 2.0
    assert measure("dp_delta", records).value == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"epsilon": {"opacus": 2.0, "dp_accounting": 1.8}}, "must agree within 5%, and they say: opacus 2"),
        ({"epsilon": None}, "so little noise hides nobody"),
        ({"randomness": "seeded"}, "which anyone may read"),
    ],
)
def test_a_claim_that_hides_nobody_is_none(make_records, changed, reason):
    found = measure("dp_epsilon", make_records(facts={"dp_claim": CLAIM | changed}))
    assert isinstance(found, NotMeasured) and reason in found.reason


def test_too_few_canaries_are_not_measured(make_records):
    found = measure("dp_canaries", make_records(facts={"dp_claim": CLAIM}, canaries=table([0, 1], [1, 2])))
    assert isinstance(found, NotMeasured) and "at least 8 canaries" in found.reason
