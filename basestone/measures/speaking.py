"""How well a model speaks: what a recogniser of real recordings makes of it, and how near it comes to them.

The recogniser is a model of the same run that was trained on real recordings alone. It is a judge, and is itself
judged: one that errs on more than a tenth of real test recordings shows nothing about a voice.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from basestone.core.evidence import Measurement, Records, RecordsMissing
from basestone.measures.interval import clopper_pearson

LEAST = 0.9  # of real test recordings, that a recogniser must get right

Floats = NDArray[np.float64]


def recognised(records: Records) -> Measurement:
    """The share of synthesised utterances in which the recogniser hears what was to be said."""
    table, judge = records.table("synthesised"), records.fact("recogniser")
    if judge["right"] < LEAST * judge["n"]:
        raise RecordsMissing(
            f"the recogniser '{judge['stage']}' hears only {judge['right']} of {judge['n']} real test recordings "
            f"rightly, and {LEAST:.0%} is the least that a judge must; train it for longer"
        )
    right = table["said"] == table["heard"]
    count, n = int(right.sum()), len(right)
    means = {name: float(table[name].mean()) for name in ("taught_error", "free_error", "diagonality", "stopped")}
    return Measurement(
        measure="recognised",
        value=count / n,
        unit="fraction",
        n=n,
        interval=clopper_pearson(count, n),
        detail={"right": count, "recogniser": judge, **means},
    )


def diagonality(attention: Floats) -> float:
    """How much the place attended goes along with the step: −1 … 1, 1 for a straight line through the text.

    Pearson's correlation of step and character in the distribution that G×S attention is, each step weighing the same;
    0 where attention never moves.
    """
    share = attention / attention.sum()
    steps, places = np.arange(attention.shape[0])[:, None], np.arange(attention.shape[1])[None, :]
    at, to = (steps - (share * steps).sum()), (places - (share * places).sum())
    spread = np.sqrt((share * at**2).sum() * (share * to**2).sum())
    return float((share * at * to).sum() / spread) if spread > 1e-12 else 0.0


def warped_error(said: Floats, real: Floats) -> float:
    """The mean squared difference of two F×M spectrograms along the best way to stretch one onto the other.

    Dynamic time warping (Sakoe & Chiba 1978): steps of one frame in either or both, every pair on the path weighs one.
    """
    gaps = ((said[:, None] - real[None]) ** 2).mean(2)
    cost, length = np.full((len(said) + 1, len(real) + 1), np.inf), np.zeros((len(said) + 1, len(real) + 1))
    cost[0, 0] = 0.0
    for row in range(1, len(said) + 1):
        for column in range(1, len(real) + 1):
            before = min(((row - 1, column - 1), (row - 1, column), (row, column - 1)), key=lambda at: cost[at])
            cost[row, column] = cost[before] + gaps[row - 1, column - 1]
            length[row, column] = length[before] + 1
    return float(cost[-1, -1] / length[-1, -1])
