"""How much of the test set the model may have seen while it was trained."""

from __future__ import annotations

import numpy as np

from basestone.core.evidence import Measurement, Records, RecordsMissing
from basestone.measures.interval import exact

KINDS = ("none", "exact", "near")


def leakage_rate(records: Records) -> Measurement:
    """The share of test samples with an exact or near duplicate in the training or validation split, 0–1.

    A census: every test sample was compared, and the clause speaks of this test set and no other. So nothing is
    estimated and the interval is exact.
    """
    table = records.table("duplicates")
    kind = table["kind"].astype(str)
    strange = sorted(set(kind.tolist()) - set(KINDS))
    if strange or not len(kind):
        raise RecordsMissing(f"'duplicates' must hold a row per test sample of kind {KINDS}; found {strange or 'none'}")
    value = float(np.mean(kind != "none"))
    counts = {name: int((kind == name).sum()) for name in KINDS}
    return Measurement(
        measure="leakage_rate", value=value, unit="fraction", n=len(kind), interval=exact(value), detail=counts
    )
