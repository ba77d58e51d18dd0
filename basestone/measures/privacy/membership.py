"""PRV-1: how many training samples can be told from held-out ones, at a false positive rate that an accuser would need.

Averages hide the few samples that a model gives away, so what counts is the true positive rate at 1 % false positives
(Carlini et al. 2022, arXiv:2112.03570, section III). Of several attacks the strongest counts: none may exceed the limit
(each upper bound stands for itself, intersection-union), and one suffices to fail (lower bounds that hold for all).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.evidence import CONFIDENCE, Interval, Measurement, Records, RecordsMissing
from basestone.measures.privacy.attacks import ATTACKS, Shadowed, scores
from basestone.measures.privacy.roc import curve, found_at, lower_bound, non_members_needed, upper_bound

RATE, RARE = 0.01, 0.001  # false positive rates: the one that is judged, and the one that is told where it can be
FEWEST_SHADOWS = 16  # with fewer a weak attack may look like a private model


def membership_tpr(records: Records) -> Measurement:
    """The true positive rate at 1 % false positives of the strongest attack."""
    found, member = shadowed(records)
    members, others = int(member.sum()), int((~member).sum())
    if others < (needed := non_members_needed(RATE)):
        raise RecordsMissing(
            f"a false positive rate of {RATE:g} needs at least {needed} held-out samples that were not trained on, and "
            f"there are {others}. Give the test split more samples, or raise audit.privacy.samples"
        )
    each = {name: score for name, score in scores(found).items()}
    split = {name: (score[member], score[~member]) for name, score in each.items()}
    shadows = found.shadows.shape[1]
    values = {name: found_at(*parts, RATE) for name, parts in split.items()}
    strongest = max(values, key=lambda name: values[name])
    interval = Interval(
        lower=max(lower_bound(*parts, RATE, (1 - CONFIDENCE) / len(ATTACKS)) for parts in split.values()),
        upper=max(upper_bound(*parts, RATE) for parts in split.values()),
        method="order statistic of non-members, clopper-pearson of members",
        decidable=shadows >= FEWEST_SHADOWS,
    )
    return Measurement(
        measure="membership_tpr",
        value=values[strongest],
        unit="fraction",
        n=others,
        interval=interval,
        detail={
            "strongest": strongest,
            "members": members,
            "non_members": others,
            "shadows": shadows,
            "attacks": {name: _told(*parts) for name, parts in split.items()},
        },
    )


def shadowed(records: Records) -> tuple[Shadowed, NDArray[np.bool_]]:
    """The recorded confidences, and which samples are members; RecordsMissing where one is not a number."""
    table = records.table("membership")
    count = sum(name.startswith("shadow_") for name in table)
    phi = np.column_stack([table["target"], *(table[f"shadow_{k}"] for k in range(count))]).astype(np.float64)
    saw = np.column_stack([table[f"saw_{k}"] for k in range(count)]).astype(bool)
    if not np.isfinite(phi).all():
        raise RecordsMissing("a model's confidence must be finite; in 'membership' some are not")
    if not (saw.any(1) & ~saw.all(1)).all():
        raise RecordsMissing("each sample must be in the training data of some shadow models and out of others'")
    return Shadowed(target=phi[:, 0], shadows=phi[:, 1:], saw=saw), table["member"].astype(bool)


def _told(members: NDArray[np.float64], others: NDArray[np.float64]) -> dict[str, Any]:
    """One attack in full: at 1 %, at 0.1 % where the sample is large enough to say so, and its curve."""
    false, true = curve(members, others)
    rare = None
    if len(others) >= non_members_needed(RARE):
        rare = {"value": found_at(members, others, RARE), "upper": upper_bound(members, others, RARE)}
    return {
        "value": found_at(members, others, RATE),
        "lower": lower_bound(members, others, RATE),
        "upper": upper_bound(members, others, RATE),
        "at_0.001": rare,
        "curve": {"false": false, "true": true},
    }
