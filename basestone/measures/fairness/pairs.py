"""Proportions of several groups, compared pair by pair.

The largest of many estimated gaps is biased upwards, so it is not bounded by itself: the claim "no gap exceeds the
limit" holds when each pair's own upper bound does (intersection-union, Berger 1982, no correction), and "some gap
exceeds it" needs lower bounds that hold for all pairs at once (Bonferroni). A ratio is the same with its sides changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.evidence import CONFIDENCE, Interval, Records, RecordsMissing
from basestone.measures.interval import Limits, moved_ratio_limits, newcombe_limits
from basestone.measures.predictions import Predictions, clean_predictions

FEWEST = 30  # samples of a group, below which a gap cannot be shown to be small
_OWN = ("index", "label", "prediction", "confidence", "loss")


@dataclass(frozen=True, kw_only=True)
class Share:
    """``hits`` of ``n`` samples of one value of a group column; ``of`` says of which class, where that is asked."""

    column: str
    value: str
    hits: int
    n: int
    of: str | None = None

    @property
    def rate(self) -> float:
        """0–1; not a number where there is no sample."""
        return self.hits / self.n if self.n else float("nan")

    def told(self) -> dict[str, Any]:
        """The row that goes into a measurement's detail."""
        named = {} if self.of is None else {"class": self.of}
        return {"group": f"{self.column}={self.value}", **named, "n": self.n, "needed": FEWEST}


def group_columns(records: Records) -> dict[str, NDArray[np.str_]]:
    """The group columns of ``clean_test``, as texts, in their order."""
    columns = records.table("clean_test")
    return {
        name: values.astype(str)
        for name, values in columns.items()
        if name not in _OWN and not name.startswith("logit_")
    }


def shares(
    records: Records, chosen: Callable[[Predictions], tuple[NDArray[np.bool_], NDArray[np.bool_]]]
) -> list[Share]:
    """One share for every value of every group column. ``chosen``: predictions to (which count, which of them hit)."""
    counted, hit = chosen(clean_predictions(records, "clean_test"))
    found: list[Share] = []
    for name, values in group_columns(records).items():
        for value in np.unique(values).tolist():
            mine = (values == value) & counted
            found.append(Share(column=name, value=value, hits=int((mine & hit).sum()), n=int(mine.sum())))
    return found


def pairs(of: Sequence[Share]) -> list[tuple[Share, Share]]:
    """Every ordered pair within one column and class. RecordsMissing: there is no second group to compare with."""
    together: dict[tuple[str, str | None], list[Share]] = {}
    for share in of:
        together.setdefault((share.column, share.of), []).append(share)
    found = [pair for group in together.values() for pair in permutations(group, 2)]
    if not found:
        raise RecordsMissing("a gap needs a group column with two values or more in the test split; there is none")
    return found


def widest(of: Sequence[tuple[Share, Share]]) -> tuple[float, tuple[Share, Share]]:
    """The largest difference of rates and its pair, of those that both have samples."""
    known = [pair for pair in of if pair[0].n and pair[1].n]
    if not known:
        raise RecordsMissing("a gap needs two groups with samples of one class; there are none")
    gaps = [better.rate - worse.rate for better, worse in known]
    place = int(np.argmax(gaps))
    return gaps[place], known[place]


def slightest(of: Sequence[tuple[Share, Share]]) -> tuple[float, tuple[Share, Share]]:
    """The least ratio of rates and its pair; nothing is a ratio to a group without hits."""
    ratios = [one.rate / other.rate if one.n and other.hits else np.inf for one, other in of]
    place = int(np.argmin(ratios))
    return float(ratios[place]), of[place]


def gap_interval(of: Sequence[tuple[Share, Share]]) -> Interval:
    """Of the largest gap: each pair above at 95 %, all pairs below at once. Undecidable where a group is too small."""
    _, above = _difference(of, CONFIDENCE)
    below, _ = _difference(of, _all_at_once(len(of)))
    return Interval(
        lower=max(0.0, float(below.max())),
        upper=float(above.max()),
        method=f"newcombe over {len(of)} ordered pairs: each above, Bonferroni below",
        decidable=not too_small(of),
    )


def ratio_interval(of: Sequence[tuple[Share, Share]]) -> Interval:
    """Of the least ratio: each pair below at 95 %, all pairs above at once; at most 1, as one of two is the lesser."""
    below, _ = moved_ratio_limits(*_counts(of), confidence=CONFIDENCE)
    _, above = moved_ratio_limits(*_counts(of), confidence=_all_at_once(len(of)))
    return Interval(
        lower=float(min(1.0, below.min())),
        upper=float(min(1.0, above.min())),
        method=f"square-and-add ratio over {len(of)} ordered pairs: each below, Bonferroni above",
        decidable=not too_small(of),
    )


def too_small(of: Sequence[tuple[Share, Share]]) -> list[dict[str, Any]]:
    """The groups with too few samples to be shown to be served alike: named, and never left out."""
    small = {id(share): share for pair in of for share in pair if share.n < FEWEST}
    return [share.told() for share in small.values()]


def detail(of: Sequence[tuple[Share, Share]], pair: tuple[Share, Share]) -> Mapping[str, Any]:
    """What a measurement tells besides its number: the deciding pair, and the groups that are too small."""
    first, second = pair
    named = [] if first.of is None else [first.of]
    return {"widest": [first.column, first.value, second.value, *named], "too_small": too_small(of)}


def _all_at_once(number: int) -> float:
    return 1 - (1 - CONFIDENCE) / number


def _counts(of: Sequence[tuple[Share, Share]]) -> tuple[NDArray[np.int64], ...]:
    return tuple(np.array([[one.hits, one.n, other.hits, other.n] for one, other in of], np.int64).T)


def _difference(of: Sequence[tuple[Share, Share]], confidence: float) -> Limits:
    """Newcombe's limits; of a group without samples nothing is known, so the gap may be anything."""
    k1, n1, k2, n2 = _counts(of)
    known = (n1 > 0) & (n2 > 0)
    below, above = np.full(len(of), -1.0), np.ones(len(of))
    if known.any():
        found = newcombe_limits(k1[known], n1[known], k2[known], n2[known], confidence=confidence)
        below[known], above[known] = found
    return below, above
