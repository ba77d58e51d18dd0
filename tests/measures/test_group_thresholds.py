"""Thresholds of each group's own: by hand, and what they do to two groups of which one is scored too low."""

from __future__ import annotations

import numpy as np

from basestone.measures.fairness.thresholds import decided, equal_opportunity


def test_every_group_gets_the_threshold_that_as_many_of_its_deserving_exceed_as_of_all():
    """40 deserving of group a score 1 … 40, of b −39 … 0: half of all are favoured, so each group's median is it."""
    margins = np.r_[np.arange(1.0, 41), np.arange(-39.0, 1), [99.0] * 5]
    deserving = np.r_[np.ones(80, bool), np.zeros(5, bool)]  # those who score 99 deserve nothing, and count nowhere
    groups = np.array(["a"] * 40 + ["b"] * 40 + ["b"] * 5)
    found = equal_opportunity(margins, deserving, groups)
    assert found == {"a": 20.5, "b": -19.5}
    given = decided(margins, groups, found)
    assert given[:40].sum() == given[40:80].sum() == 20


def test_a_group_with_few_or_without_samples_keeps_the_models_own_threshold():
    margins, groups = np.r_[np.arange(1.0, 31), np.arange(-28.0, 1)], np.array(["a"] * 30 + ["b"] * 29)
    found = equal_opportunity(margins, np.ones(59, bool), groups)
    assert found["b"] == 0.0 and found["a"] > 1
    assert decided(np.array([0.1, -0.1]), np.array(["b", "never seen"]), found).tolist() == [True, False]
    assert equal_opportunity(margins, np.zeros(59, bool), groups) == {"a": 0.0, "b": 0.0}


def test_they_carry_over_to_samples_that_they_were_not_taken_from():
    """Normal scores, group b lower by 1: its deserving are favoured as often as those of a, on 20,000 new samples."""
    draws = np.random.default_rng(2)

    def sample(count):
        groups, deserving = draws.choice(["a", "b"], count), draws.random(count) < 0.5
        return draws.normal(2.0 * deserving - 1 - (groups == "b"), 1), deserving, groups

    limits = equal_opportunity(*sample(20_000))
    margins, deserving, groups = sample(20_000)
    shares = {
        own: [given[deserving & (groups == group)].mean() for group in "ab"]
        for own, given in (("model", margins > 0), ("groups", decided(margins, groups, limits)))
    }
    assert abs(np.diff(shares["model"])) > 0.3 and abs(np.diff(shares["groups"])) < 0.03, shares
