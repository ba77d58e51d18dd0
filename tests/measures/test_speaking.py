"""What a recogniser makes of synthesised speech, and how attention and spectrograms are compared."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import binom

from basestone.core.artifact import write_json
from basestone.core.evidence import NotMeasured, Records, write_records
from basestone.measures import measure
from basestone.measures.speaking import diagonality, warped_error


def records(tmp_path, right=88, n=100, judge=(98, 100)):
    (tmp_path / "samples").mkdir()
    heard = ["two"] * n
    said = ["two"] * right + ["three"] * (n - right)
    columns = dict.fromkeys(("taught_error", "free_error", "diagonality", "stopped"), np.full(n, 0.5))
    table = {"index": np.arange(n), "said": said, "heard": heard} | columns
    write_records(tmp_path / "samples" / "synthesised.parquet", table)
    write_json(tmp_path / "facts.json", {"recogniser": {"stage": "recognise", "right": judge[0], "n": judge[1]}})
    return Records(tmp_path)


def test_recognised_has_the_exact_bounds_of_a_proportion(tmp_path):
    """Law: at the lower bound, 88 and more of 100 come up with a probability of 5 %."""
    found = measure("recognised", records(tmp_path))
    assert (found.value, found.n, found.detail["right"]) == (0.88, 100, 88)
    assert binom.sf(87, 100, found.interval.lower) == pytest.approx(0.05, abs=1e-6)
    assert binom.cdf(88, 100, found.interval.upper) == pytest.approx(0.05, abs=1e-6)
    assert found.detail["recogniser"]["right"] == 98 and found.detail["stopped"] == 0.5


def test_a_judge_that_does_not_hear_shows_nothing(tmp_path):
    found = measure("recognised", records(tmp_path, right=100, judge=(89, 100)))
    assert isinstance(found, NotMeasured)
    assert "the recogniser 'recognise' hears only 89 of 100 real test recordings rightly, and 90%" in found.reason


def test_without_a_judge_nothing_is_measured(tmp_path):
    found = records(tmp_path)
    write_json(tmp_path / "facts.json", {"failures": {"recogniser": "UsageError: name it in audit.spoken.recogniser"}})
    found = measure("recognised", Records(tmp_path))
    assert isinstance(found, NotMeasured) and "audit.spoken.recogniser" in found.reason


def test_diagonality_by_hand():
    assert diagonality(np.eye(5)) == pytest.approx(1.0)
    assert diagonality(np.eye(5)[::-1]) == pytest.approx(-1.0)
    assert diagonality(np.full((6, 4), 0.25)) == pytest.approx(0.0, abs=1e-12)
    assert diagonality(np.repeat([[1.0, 0.0]], 4, 0)) == 0.0
    # three steps at characters 0, 0, 1: covariance 1/3, variances 2/3 and 2/9
    assert diagonality(np.array([[1.0, 0], [1, 0], [0, 1]])) == pytest.approx((1 / 3) / np.sqrt(2 / 3 * 2 / 9))


def test_warping_finds_the_best_of_all_paths():
    """Reference: every path there is, of two short spectrograms; and law: stretching costs nothing."""
    draw = np.random.default_rng(0)
    a, b = draw.normal(size=(4, 3)), draw.normal(size=(3, 3))

    def paths(row, column):
        if (row, column) == (0, 0):
            return [[(0, 0)]]
        before = [(row - 1, column - 1), (row - 1, column), (row, column - 1)]
        return [[*path, (row, column)] for at in before if min(at) >= 0 for path in paths(*at)]

    costs = {sum(((a[i] - b[j]) ** 2).mean() for i, j in path): len(path) for path in paths(3, 2)}
    assert warped_error(a, b) == pytest.approx(min(costs) / costs[min(costs)])
    assert warped_error(a, np.repeat(a, 3, 0)) == 0.0
    assert all(x >= 0 for x, _ in pairwise([warped_error(a, b), warped_error(b, a)]))
