"""Makers of the things that the standard judges."""

from dataclasses import dataclass
from datetime import date

from basestone.core.evidence import Interval, Measurement, NotMeasured
from basestone.standard import resolve

TODAY = date(2026, 11, 24)
CST_2 = {"flops": 1e9, "memory": 1e9, "energy": 10}
DECLARED = {"GEN-1": 0.9, "CST-2": CST_2}


@dataclass(frozen=True, kw_only=True)
class RecipeWaiver:
    """Stands for the recipe's own model, which this room does not import."""

    clause: str = "ROB-1"
    owner: str = "A. Reviewer"
    reason: str = "the camera sees no weather"
    expires: str = "2027-01-01"


def made(measure, value, lower=None, upper=None, n=360, unit="fraction", **kw):
    lower, upper = (value if bound is None else bound for bound in (lower, upper))
    method = "exact" if lower == upper else "test"
    bounds = Interval(lower=lower, upper=upper, method=method, **kw)
    return Measurement(measure=measure, value=value, unit=unit, n=n, interval=bounds)


def good_measurements() -> dict[str, Measurement | NotMeasured]:
    """A model that passes every clause of foundation-1 under DECLARED."""
    found = [
        made("accuracy", 0.96, 0.94, 0.98),
        made("accuracy_over_baseline", 0.86, 0.84, 0.88),
        made("accuracy_gap", 0.02, 0.0, 0.05),
        made("calibration_error", 0.02, 0.01, 0.04),
        made("leakage_rate", 0.0),
        made("corruption_retention_mean", 0.8, 0.77, 0.83),
        made("corruption_retention_worst", 0.5, 0.45, 0.55),
        made("selective_risk_ratio", 0.1, 0.0, 0.4, n=12, unit="1"),
        made("unseen_group_retention", 0.95, 0.9, 1.0),
        made("reviewers", 2.0, n=120, unit="1"),
        made("review_agreement", 0.9, 0.8, 1.0, n=60, unit="1"),
        made("adversarial_retention", 0.8, 0.7, 0.9),
        made("outlier_auroc", 0.97, 0.95, 0.99),
        made("attack_validity", 1.0, n=64),
        made("latency_p99", 0.01, 0.009, 0.02, n=1000, unit="s"),
        made("training_flops_error", 0.01, n=1),
        made("training_record_complete", 1.0, n=1),
        made("inference_flops", 1e6, n=1, unit="FLOP"),
        made("inference_memory", 1e8, n=1, unit="B"),
        made("inference_energy", 0.1, n=1, unit="J"),
        made("membership_tpr", 0.01, 0.005, 0.03, n=400),
        made("relevance_gain", 0.5, 0.45, 0.55, n=100, unit="1"),
        made("randomisation_similarity", 0.02, -0.01, 0.05, n=100, unit="1"),
        made("shapley_residual", 0.0, n=30),
        made("shapley_error", 0.0, n=30, unit="1"),
        made("interventional_effect", 0.4, 0.35, 0.45, n=100, unit="1"),
        made("rule_fidelity", 0.7, 0.66, 0.74),
        made("safe_files", 1.0, n=5),
        made("signed_files", 1.0, n=5),
        made("replay_agreement", 1.0, n=256),
    ]
    return {one.measure: one for one in found}


def in_force(profile="foundation-1", declare=None, waivers=(), task="image_classification", today=TODAY, **kw):
    return resolve(profile, DECLARED if declare is None else declare, list(waivers), task, today, **kw)
