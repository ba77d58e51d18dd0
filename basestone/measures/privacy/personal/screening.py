"""From what a detector flagged to what there is: its misses and its false alarms reckoned with, in bounds.

Of the texts a share q is flagged, p holds something, the detector finds a share ``s`` of what there is and flags a
share ``f`` of what holds nothing: q = p·s + (1 − p)·f, hence p = (q − f) / (s − f) (Rogan & Gladen 1978, American
Journal of Epidemiology 107). All three are estimated. For the upper bound of p the upper one of q, the lower one of s
and f = 0 stand in, for the lower bound the lower one of q, the upper one of f and s = 1; either errs in at most 5 %,
of which the detector's trial takes ``TRIAL`` and the texts the rest.

How often each kind occurs is not known, so ``s`` is the recall of the kind that is found worst: each kind's own bound
holds, and with it that of any mixture.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from basestone.core.evidence import CONFIDENCE, Interval, Records, RecordsMissing
from basestone.measures.interval import clopper_pearson_limits

TRIAL = 0.01
FAIR = 0.5  # recall, below which a detector shows nothing
NOTHING = "none"
METHOD = "clopper-pearson, corrected for the detector's recall and false alarms"


@dataclass(frozen=True, kw_only=True)
class Detector:
    """What its trial showed: lower bound of the worst kind's recall, upper bound of the share of false alarms."""

    recall: float
    false_alarms: float
    detail: Mapping[str, Any]

    def corrected(self, value: float) -> float:
        """The share that holds something, where ``value`` is the share that was flagged: more by what is missed.

        No false alarm is taken off it: in the trial every text resembles one, in a corpus few do.
        """
        return min(1.0, value / max(self.detail["recall"]["value"], 1e-9))

    def bounds(self, flagged: int, n: int, *, whole: bool = False, among: int = 1) -> Interval:
        """Of the share that holds something.

        ``whole``: all that there is was screened, so that only the detector can err. ``among``: how many lower bounds
        have to hold together.
        """
        error = 1 - CONFIDENCE - TRIAL
        lower = flagged / n if whole else float(clopper_pearson_limits(flagged, n, 1 - error / among)[0])
        upper = flagged / n if whole else float(clopper_pearson_limits(flagged, n, 1 - error)[1])
        return Interval(
            lower=max(0.0, (lower - self.false_alarms) / (1 - self.false_alarms)),
            upper=min(1.0, upper / self.recall) if self.recall > 0 else 1.0,
            method=METHOD,
            decidable=self.recall > FAIR,
        )


def detector_of(records: Records) -> Detector:
    """The detector as the table ``detector`` shows it."""
    table = records.table("detector")
    kind, found, false = table["kind"].astype(str), table["found"] == 1, table["false"]
    if not (clean := kind == NOTHING).any() or clean.all():
        raise RecordsMissing("'detector' must hold texts with planted items and texts without any")
    planted = sorted(set(kind[~clean].tolist()))
    by_kind = {name: _share(int(found[kind == name].sum()), int((kind == name).sum())) for name in planted}
    alarms = _share(int((false[clean] > 0).sum()), int(clean.sum()))
    hits = int(found[~clean].sum())
    detail = {
        "recall": _share(hits, int((~clean).sum())),
        "precision": _share(hits, hits + int(false.sum())),
        "false_alarms": alarms,
        "recall_by_kind": by_kind,
    }
    return Detector(recall=min(one["lower"] for one in by_kind.values()), false_alarms=alarms["upper"], detail=detail)


def kinds_found(table: Mapping[str, NDArray[Any]]) -> dict[str, int]:
    """How many of the screened texts hold each kind."""
    return dict(Counter(kind for kinds in table["kinds"].astype(str) for kind in kinds.split(",") if kind))


def _share(hits: int, n: int) -> dict[str, float]:
    """A share with the bounds that the trial's part of the error allows."""
    lower, upper = clopper_pearson_limits(hits, n, 1 - TRIAL)
    return {"value": hits / max(n, 1), "lower": float(lower), "upper": float(upper), "n": n}
