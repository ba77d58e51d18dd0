from __future__ import annotations

import numpy as np
import pytest

from basestone.core.agreement import krippendorff_alpha
from basestone.core.errors import UsageError

# Krippendorff 2011, section C: 12 units, observers A to D, nominal, α = 0.743
PAPER = {
    "A": [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    "B": [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    "C": [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    "D": [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
}


def units(table):
    length = len(next(iter(table.values())))
    return [{who: str(row[place]) for who, row in table.items() if row[place] is not None} for place in range(length)]


def test_the_papers_example():
    assert krippendorff_alpha(units(PAPER)) == pytest.approx(0.743, abs=5e-4)


def test_two_people_by_hand():
    """Ten units, two people, nine agreements (6 a, 3 b) and one a–b. n = 20, n_a = 13, n_b = 7, D_o = 2/20.

    D_e = (400 − 169 − 49) / (20 · 19) = 182/380; α = 1 − 0.1 · 380/182 = 0.7912.
    """
    cases = [{"x": "a", "y": "a"}] * 6 + [{"x": "b", "y": "b"}] * 3 + [{"x": "a", "y": "b"}]
    assert krippendorff_alpha(cases) == pytest.approx(1 - 0.1 * 380 / 182)


def test_perfect_agreement_is_one_and_chance_is_about_zero():
    rng = np.random.default_rng(0)
    assert krippendorff_alpha([{"x": str(k % 3), "y": str(k % 3)} for k in range(9)]) == 1
    guessed = [{"x": str(a), "y": str(b)} for a, b in rng.integers(0, 4, (4000, 2))]
    assert abs(krippendorff_alpha(guessed)) < 0.03


@pytest.mark.parametrize("cases", [[], [{"x": "a"}], [{"x": "a", "y": "a"}]])
def test_agreement_that_cannot_be_told_is_refused(cases):
    with pytest.raises(UsageError, match="at least one case that two people reviewed"):
        krippendorff_alpha(cases)
