"""Can the doubtful cases be told from the others? What is left of the errors when the least confident are handed on.

*Selective risk* at a coverage is the share of errors among the samples that are kept, the most confident ones (El-Yaniv
& Wiener 2010, JMLR 11). By itself it also falls with the accuracy, so it is judged by the full risk. With E errors in
all of which e are kept at coverage c the ratio is (e/E)/c, and e of E is a proportion: its Clopper–Pearson bounds,
divided by c, are those of the ratio. Hence the independent units are the errors, and few errors decide nothing.

AUGRC is the area under the generalised risk-coverage curve (Traub et al. 2024, arXiv:2407.01032): the mean, over all
coverages, of the share of all samples that are kept and wrong. 0 is best; chance is half the error rate.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from basestone.core.evidence import Interval, Measurement, Records
from basestone.measures.interval import clopper_pearson_limits
from basestone.measures.predictions import clean_predictions

COVERAGE = 0.8


def selective_risk_ratio(records: Records) -> Measurement:
    """Risk among the most confident 80 % by the risk among all, 0 and more; 1: confidence says nothing of errors.

    Kept is what lies at or above one confidence, the highest that keeps 80 %: samples of equal confidence cannot be
    told apart, so that more may be kept. ``n`` counts the errors.
    """
    held = clean_predictions(records, "clean_test")
    wrong = ~held.correct
    bar = np.sort(held.confidence)[::-1][math.ceil(COVERAGE * len(held)) - 1]
    kept = held.confidence >= bar
    errors, left, coverage = int(wrong.sum()), int((wrong & kept).sum()), float(kept.mean())
    lower, upper = clopper_pearson_limits(left, errors)
    return Measurement(
        measure="selective_risk_ratio",
        value=left / errors / coverage if errors else 0.0,
        unit="1",
        n=errors,
        interval=Interval(
            lower=float(lower) / coverage,
            upper=float(upper) / coverage,
            method="clopper-pearson of the errors that are kept, by the coverage",
        ),
        detail={
            "samples": len(held),
            "risk": errors / len(held),
            "selective_risk": left / int(kept.sum()),
            "coverage": coverage,
            "confidence": float(bar),
            "augrc": augrc(held.confidence, wrong),
        },
    )


def augrc(confidence: NDArray[np.float64], wrong: NDArray[np.bool_]) -> float:
    """Area under the generalised risk-coverage curve, 0–0.5: (1 − AUROC) · a · (1 − a) + (1 − a)² / 2.

    ``a`` is the accuracy and AUROC that of the confidence for telling right from wrong, equal confidences as half
    (Traub et al. 2024, equation 6).
    """
    risk = float(wrong.mean())
    if not 0 < risk < 1:
        return risk / 2
    return (1 - _auroc(confidence[~wrong], confidence[wrong])) * risk * (1 - risk) + risk**2 / 2


def _auroc(right: NDArray[np.float64], wrong: NDArray[np.float64]) -> float:
    """The chance that a right answer is the more confident one of a right and a wrong one."""
    ordered = np.sort(wrong)
    below, upto = (np.searchsorted(ordered, right, side=side) for side in ("left", "right"))
    return float((below + upto).mean() / 2 / len(wrong))
