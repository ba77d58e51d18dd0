"""How far reviewers agree beyond chance: Krippendorff's α for nominal labels, any number of them, gaps allowed.

Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", sections B and C: α = 1 − D_o / D_e from the matrix of
coincidences, in which a unit with m values contributes each ordered pair of its values with weight 1 / (m − 1).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import permutations

from basestone.core.errors import UsageError


def krippendorff_alpha(units: Iterable[Mapping[str, str]]) -> float:
    """α of units, each reviewer → label; units with fewer than two labels do not count. 1 is perfect, 0 is chance.

    Raises:
        UsageError: no unit has two labels, or only one label was ever given, so that chance cannot be told.
    """
    weights: dict[tuple[str, str], float] = defaultdict(float)
    for unit in units:
        labels = list(unit.values())
        for pair in permutations(labels, 2):
            weights[pair] += 1 / (len(labels) - 1)
    totals: dict[str, float] = defaultdict(float)
    for (label, _), weight in weights.items():
        totals[label] += weight
    n = sum(totals.values())
    if n < 2 or len(totals) < 2:
        raise UsageError(
            "Agreement needs at least one case that two people reviewed, and two different labels among all; "
            f"got {len(totals)} label(s). Review more cases."
        )
    observed = sum(weight for (one, other), weight in weights.items() if one != other) / n
    expected = (n * n - sum(total * total for total in totals.values())) / (n * (n - 1))
    return 1 - observed / expected
