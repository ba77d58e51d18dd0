"""How often rules answer as the model does, on samples that they were not fitted to."""

from __future__ import annotations

import numpy as np

from basestone.core.evidence import Measurement, Records, RecordsMissing
from basestone.measures.interval import clopper_pearson


def rule_fidelity(records: Records) -> Measurement:
    """The share of held-out samples on which rules and model give the same answer.

    ``detail``: the share that always giving the model's most frequent answer would reach.
    """
    table = records.table("rules")
    held_out = table["held_out"] == 1
    answers, ruled = table["answer"][held_out], table["rule_answer"][held_out]
    if not len(answers):
        raise RecordsMissing("'rules' must hold held-out samples, and holds none")
    same, n = int((answers == ruled).sum()), len(answers)
    return Measurement(
        measure="rule_fidelity",
        value=same / n,
        unit="fraction",
        n=n,
        interval=clopper_pearson(same, n),
        detail={"most_frequent": float(np.bincount(answers).max() / n), "fitted": int((~held_out).sum())},
    )
