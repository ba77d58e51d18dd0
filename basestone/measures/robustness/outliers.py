"""How well images that a model was not made for are told from its own; from the records alone.

AUROC is the probability that one of the model's own images scores above a foreign one, ties counting half: 0.5 is
guessing. Its bounds are Newcombe's (2006, Statistics in Medicine 25, 559–573, method 5): the variance of Hanley and
McNeil under the hypothesis that is tested, so that two kinds which never overlap have a bound below 1 too. Several
foreign kinds: the worst decides. Each kind's lower bound holds by itself (intersection-union, Berger 1982); the upper
one must hold for all at once (Bonferroni).
"""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.evidence import CONFIDENCE, Interval, Measurement, Records, RecordsMissing

OWN = "test"
SCORES = ("energy", "max_logit", "nearest", "mahalanobis")
NUDGE = 1e-9
FEWEST = 30  # images of a kind, below which nothing is shown


def outlier_auroc(records: Records) -> Measurement:
    """The least AUROC among the foreign kinds, by the score that the recipe names (column ``score``)."""
    table = records.table("outliers")
    kinds = [str(kind) for kind in dict.fromkeys(table["kind"].tolist()) if kind != OWN]
    if not kinds:
        raise RecordsMissing("foreign images are needed to be told apart, and there are none")
    own = table["kind"] == OWN
    found = {kind: auroc(table["score"][own], table["score"][table["kind"] == kind]) for kind in kinds}
    sizes = {kind: (int(own.sum()), int((table["kind"] == kind).sum())) for kind in kinds}
    strict = 1 - (1 - CONFIDENCE) / len(kinds)
    worst, n = min(kinds, key=lambda kind: found[kind]), min(min(pair) for pair in sizes.values())
    return Measurement(
        measure="outlier_auroc",
        value=found[worst],
        unit="fraction",
        n=n,
        interval=Interval(
            lower=min(auroc_bounds(found[kind], *sizes[kind])[0] for kind in kinds),
            upper=min(auroc_bounds(found[kind], *sizes[kind], confidence=strict)[1] for kind in kinds),
            method=f"newcombe 2006 (5), the worst of {len(kinds)}: each below, Bonferroni above",
            decidable=n >= FEWEST,
        ),
        detail={"worst": worst, "scores": _told(table, own, kinds)},
    )


def auroc(own: NDArray[Any], foreign: NDArray[Any]) -> float:
    """The share of pairs in which the own one scores higher, ties counting half (Mann–Whitney)."""
    ranked = np.sort(foreign)
    below, upto = (np.searchsorted(ranked, own, side=side) for side in ("left", "right"))
    return float((below + upto).mean() / 2 / len(foreign))


def auroc_bounds(value: float, own: int, foreign: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """One-sided bounds: where (value − θ)² = z² · var(θ), away from the value itself (at 0 and 1 both sides are 0)."""
    from scipy.optimize import root_scalar

    z = NormalDist().inv_cdf(confidence)

    def excess(theta: float) -> float:
        return abs(value - theta) - z * _variance(theta, own, foreign) ** 0.5

    lower = root_scalar(excess, bracket=(0.0, value - NUDGE)).root if value > NUDGE else 0.0
    upper = root_scalar(excess, bracket=(value + NUDGE, 1.0)).root if value < 1 - NUDGE else 1.0
    return lower, upper


def accepted_at_95(own: NDArray[Any], foreign: NDArray[Any]) -> float:
    """FPR@95TPR: the share of foreign images that score as high as 95 % of the own ones do."""
    return float((foreign >= np.quantile(own, 0.05, method="lower")).mean())


def _variance(theta: float, own: int, foreign: int) -> float:
    """Hanley & McNeil 1982 with the mean of both sizes in place of each."""
    more = (own + foreign) / 2 - 1
    return theta * (1 - theta) * (1 + more * ((1 - theta) / (2 - theta) + theta / (1 + theta))) / (own * foreign)


def _told(table: dict[str, NDArray[Any]], own: NDArray[np.bool_], kinds: list[str]) -> dict[str, Any]:
    """Score → foreign kind → AUROC and FPR@95TPR, of all scores that were recorded."""
    there = [name for name in SCORES if name in table]
    rows = {kind: table["kind"] == kind for kind in kinds}
    return {
        name: {
            kind: {
                "auroc": auroc(table[name][own], table[name][rows[kind]]),
                "fpr_at_95_tpr": accepted_at_95(table[name][own], table[name][rows[kind]]),
            }
            for kind in kinds
        }
        for name in there
    }
