"""Methods over seeds: by hand where nothing varies, and bounds that hold how often they say."""

import numpy as np
import pytest

from basestone.measures.methods import compare_methods


def test_by_hand():
    found = compare_methods({"a": [[1, 1, 0, 0], [1, 0, 0, 0]], "b": [[1, 1, 1, 0], [1, 1, 1, 1]]})
    assert found["a"]["accuracy"] == 0.375 and (found["a"]["least"], found["a"]["greatest"]) == (0.25, 0.5)
    assert found["b"]["difference"]["value"] == pytest.approx(0.875 - 0.375)
    assert found["a"]["difference"]["lower"] == found["a"]["difference"]["upper"] == 0
    assert "2 seeds" in found["b"]["difference"]["method"] and "4 clusters" in found["b"]["difference"]["method"]


def test_one_seed_is_the_paired_bootstrap():
    draws = np.random.default_rng(0)
    a = (draws.random(800) < 0.8).astype(int)
    b = np.where(draws.random(800) < 0.1, 1 - a, a)
    found = compare_methods({"a": [a.tolist()], "b": [b.tolist()]})["b"]["difference"]
    error = np.std(b - a) / 800**0.5
    assert found["upper"] - found["value"] == pytest.approx(1.645 * error, rel=0.12)
    assert found["value"] - found["lower"] == pytest.approx(1.645 * error, rel=0.12)


def test_luck_of_a_seed_widens_the_bounds():
    draws = np.random.default_rng(1)
    same = (draws.random((4, 500)) < 0.8).astype(int)
    lucky = same.copy()
    lucky[0] = (draws.random(500) < 0.95).astype(int)
    steady = same.copy()
    steady[:, :20] = 1
    wide, narrow = (
        compare_methods({"a": same.tolist(), "b": other.tolist()})["b"]["difference"] for other in (lucky, steady)
    )
    assert wide["lower"] <= 0 < narrow["lower"]


def test_no_difference_is_seldom_called_one():
    draws, wrong = np.random.default_rng(2), 0
    for _ in range(200):
        skill, seed_a, seed_b = draws.random(150), draws.normal(0, 0.02, 3), draws.normal(0, 0.02, 3)
        a, b = (
            (draws.random((3, 150)) < np.clip(skill + seed[:, None], 0, 1)).astype(int) for seed in (seed_a, seed_b)
        )
        wrong += compare_methods({"a": a.tolist(), "b": b.tolist()})["b"]["difference"]["lower"] > 0
    assert wrong <= 20  # at most 5 % are expected: 10 ± 6
