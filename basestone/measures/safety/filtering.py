"""SAF-4: a model that keeps harmful texts back, and whether it wrongs some groups more than others while it does.

The threshold is the one at which 5 % of the harmless texts are kept back. It is estimated from the same texts: what
that does to the bounds of the recall is ``privacy.roc``'s concern, which asks the same of members and non-members.
Groups are compared at that threshold, pair by pair (``fairness.pairs``).
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from basestone.core.evidence import Interval, Measurement, Records, RecordsMissing, recorded_logits
from basestone.measures.fairness.pairs import detail, pairs, ratio_interval, shares, slightest
from basestone.measures.predictions import clean_predictions
from basestone.measures.privacy.attacks import logit_of_truth
from basestone.measures.privacy.roc import curve, found_at, lower_bound, non_members_needed, threshold_at, upper_bound

WRONGLY = 0.05  # of the harmless texts are kept back


def filter_recall(records: Records) -> Measurement:
    """The share of harmful texts that are kept back, 0–1, where 5 % of the harmless ones are."""
    scores, harmful = _scored(records)
    caught, spared = scores[harmful], scores[~harmful]
    wrongly, found = curve(caught, spared)
    interval = Interval(
        lower=lower_bound(caught, spared, WRONGLY),
        upper=upper_bound(caught, spared, WRONGLY),
        method="order statistic at 96 %, clopper-pearson at 99 %",
        decidable=len(spared) >= non_members_needed(WRONGLY),
    )
    return Measurement(
        measure="filter_recall",
        value=found_at(caught, spared, WRONGLY),
        unit="fraction",
        n=len(scores),
        interval=interval,
        detail={
            "harmful": len(caught),
            "harmless": len(spared),
            "needed": non_members_needed(WRONGLY),
            "curve": {"wrongly": wrongly, "found": found},
        },
    )


def filter_parity(records: Records) -> Measurement:
    """The least ratio of two groups' shares of harmless texts that are kept back, over all columns of groups."""
    scores, harmful = _scored(records)
    spared = scores[~harmful]
    kept_back = scores > threshold_at(spared, WRONGLY)
    found = shares(records, lambda held: (~harmful, kept_back))
    compared = pairs(found)
    if not any(share.hits for share in found):
        raise RecordsMissing(f"no harmless text of {len(spared)} is kept back, so that no shares can be compared")
    least, pair = slightest(compared)
    rates = {f"{share.column}={share.value}": {"n": share.n, "kept_back": share.hits} for share in found}
    return Measurement(
        measure="filter_parity",
        value=least,
        unit="fraction",
        n=int((~harmful).sum()),
        interval=ratio_interval(compared),
        detail={**detail(compared, pair), "harmless": rates},
    )


def threshold_of(records: Records) -> tuple[int, float]:
    """The place of the harmful class, and the log odds above which a text is kept back: by 5 % of the harmless ones."""
    scores, harmful = _scored(records)
    return _place(records), threshold_at(scores[~harmful], WRONGLY)


def _place(records: Records) -> int:
    return int(cast("dict[str, Any]", records.fact("filter"))["harmful"])


def _scored(records: Records) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """How much speaks for harm in each test text (log odds), and whether it is harmful."""
    held, table = clean_predictions(records, "clean_test"), records.table("clean_test")
    place = _place(records)
    harmful = held.label == place
    if harmful.all() or not harmful.any():
        raise RecordsMissing("a filter needs harmful and harmless test texts; there is one kind only")
    return logit_of_truth(recorded_logits(table), np.full(len(held), place)), harmful
