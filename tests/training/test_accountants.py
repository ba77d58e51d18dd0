"""ε: two accountants over a grid, the analytic Gaussian mechanism, and the noise that a budget needs."""

from __future__ import annotations

import math

import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from basestone.core.errors import UsageError
from basestone.training.accountants import agree, noise_for, spent_epsilon

pytest.importorskip("opacus")
pytest.importorskip("dp_accounting")


@pytest.mark.parametrize(
    ("noise", "rate", "steps", "delta"),
    [(0.7, 0.01, 500, 1e-5), (1.0, 0.04, 750, 1e-4), (2.0, 0.1, 300, 1e-5), (4.0, 0.25, 100, 1e-3)],
)
def test_two_accountants_agree_within_five_percent(noise, rate, steps, delta):
    found = spent_epsilon(noise, rate, steps, delta)
    assert agree(found) and min(found.values()) > 0.1


def test_one_whole_step_is_the_gaussian_mechanism():
    """Balle & Wang 2018 (arXiv:1805.06530), theorem 8, with sensitivity 1: δ = Φ(1/2σ − εσ) − e^ε Φ(−1/2σ − εσ)."""
    sigma, delta = 1.5, 1e-4

    def gap(epsilon):
        return (
            norm.cdf(0.5 / sigma - epsilon * sigma)
            - math.exp(epsilon) * norm.cdf(-0.5 / sigma - epsilon * sigma)
            - delta
        )

    truth = brentq(gap, 0.01, 20)
    for value in spent_epsilon(sigma, 1.0, 1, delta).values():
        assert value == pytest.approx(truth, rel=0.02) and value >= truth * 0.999  # bounds from above


def test_the_noise_for_a_budget_spends_it_and_no_more():
    noise = noise_for(2.0, 0.05, 200, 1e-4)
    spent = max(spent_epsilon(noise, 0.05, 200, 1e-4).values())
    assert 1.9 < spent <= 2.0
    assert max(spent_epsilon(noise * 0.97, 0.05, 200, 1e-4).values()) > 2.0


def test_no_noise_is_no_bound_and_a_budget_can_be_out_of_reach():
    assert spent_epsilon(0.0, 0.1, 10, 1e-5) is None and spent_epsilon(1e-3, 0.1, 300, 1e-5) is None
    assert not agree({"a": 1.0, "b": 1.06}) and agree({"a": 1.0, "b": 1.04})
    with pytest.raises(UsageError, match=r"must be reachable; 0\.001 is not within 9000 steps"):
        noise_for(0.001, 1.0, 9_000, 1e-9)
