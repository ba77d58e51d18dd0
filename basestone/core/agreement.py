"""How far reviewers agree beyond chance: Krippendorff's α for nominal labels, any number of them, gaps allowed.

Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", sections B and C: α = 1 − D_o / D_e from the matrix of
coincidences, in which a unit with m values contributes each ordered pair of its values with weight 1 / (m − 1).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from basestone.core.errors import UsageError


def krippendorff_alpha(units: Iterable[Mapping[str, str]]) -> float:
    """α of units, each reviewer → label; units with fewer than two labels do not count. 1 is perfect, 0 is chance.

    Raises:
        UsageError: no unit has two labels, or only one label was ever given, so that chance cannot be told.
    """
    table = coincidences(units)
    if table.shape[1] < 3:
        raise UsageError(
            "Agreement needs at least one case that two people reviewed, and two different labels among all; "
            f"got {table.shape[1] - 1} label(s). Review more cases."
        )
    return float(alpha_of(table.sum(0)))


def coincidences(units: Iterable[Mapping[str, str]]) -> NDArray[np.float64]:
    """A row for each unit with two labels or more: its disagreement, then how often each label was given to it.

    α is a function of the sums of the columns (``alpha_of``), so that whole units can be drawn again. A unit of m
    labels disagrees by its ordered pairs of different labels over m − 1.
    """
    compared = [list(unit.values()) for unit in units if len(unit) > 1]
    labels = sorted({label for given in compared for label in given})
    counts = np.array([[given.count(label) for label in labels] for given in compared], np.float64)
    counts = counts.reshape(len(compared), len(labels))
    size = counts.sum(1)
    disagreement = (size**2 - (counts**2).sum(1)) / np.maximum(size - 1, 1)
    return np.column_stack([disagreement, counts])


def alpha_of(totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """α of …×(1 + labels) sums of ``coincidences``; not a number where only one label was given."""
    n, squares = totals[..., 1:].sum(-1), (totals[..., 1:] ** 2).sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return 1 - totals[..., 0] * (n - 1) / (n * n - squares)
