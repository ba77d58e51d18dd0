"""How far the same training comes apart when only its seed changes.

All trainings answered the same test samples, so that every pair of them is compared sample by sample.
"""

from __future__ import annotations

from itertools import permutations

from basestone.core.evidence import CONFIDENCE, Interval, Measurement, Records
from basestone.measures.interval import paired_difference

LEAST = 3  # trainings


def seed_range(records: Records) -> Measurement:
    """The greatest accuracy of the trainings minus the least, 0–1.

    The true range is the difference of one pair, whichever that is: the largest upper bound over all pairs covers it
    without correction, the largest lower bound after Bonferroni's.
    """
    table = dict(records.table("seeds"))
    table.pop("index")
    columns = {name: values.astype(bool) for name, values in table.items()}
    if len(columns) < LEAST:
        raise ValueError(f"a range needs {LEAST} trainings or more; there are {len(columns)}.")
    pairs = list(permutations(columns.values(), 2))
    strict = 1 - (1 - CONFIDENCE) / len(pairs)
    upper = max(paired_difference(a, b).upper for a, b in pairs)
    lower = max(paired_difference(a, b, strict).lower for a, b in pairs)
    scores = {name: float(values.mean()) for name, values in columns.items()}
    return Measurement(
        measure="seed_range",
        value=max(scores.values()) - min(scores.values()),
        unit="fraction",
        n=len(next(iter(columns.values()))),
        interval=Interval(
            lower=max(0.0, lower), upper=upper, method=f"newcombe paired score over {len(pairs) // 2} pairs"
        ),
        detail={"accuracy": scores},
    )
