"""Thresholds of each group's own, so that every group's deserving are favoured alike: equal opportunity.

Hardt, Price & Srebro 2016 (arXiv:1610.02413, section 3.2), for two classes: the model stays as it is, and each group's
threshold is moved until the same share of its samples of the favourable class gets the favourable decision as of all.
It needs to be told whose sample it decides on, which may be forbidden where it is most wanted.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from basestone.measures.fairness.pairs import FEWEST

Texts = NDArray[np.str_]


def equal_opportunity(margins: NDArray[np.float64], deserving: NDArray[np.bool_], groups: Texts) -> dict[str, float]:
    """Group → the margin above which it is favoured. A group with too few deserving samples keeps 0.

    ``margins``: how much speaks for the favourable decision in each sample (log odds), which is given above 0;
    ``deserving``: whether it is right to give it. None of the samples may be one that is then judged.
    """
    share = float((margins[deserving] > 0).mean()) if deserving.any() else 1.0
    found: dict[str, float] = {}
    for group in np.unique(groups).tolist():
        own = margins[deserving & (groups == group)]
        found[group] = float(np.quantile(own, 1 - share)) if len(own) >= FEWEST else 0.0
    return found


def decided(margins: NDArray[np.float64], groups: Texts, thresholds: dict[str, float]) -> NDArray[np.bool_]:
    """Which samples are favoured; a group that has no threshold is judged by 0."""
    limits = np.array([thresholds.get(group, 0.0) for group in groups.tolist()])
    return margins > limits
