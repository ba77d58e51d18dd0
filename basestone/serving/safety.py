"""When a model's answer is left to people: calibrated on the samples that the audit recorded, with a guarantee.

Two tests, each with a finite-sample guarantee over the draw of the calibration samples and of the new one, as long as
these are exchangeable (any model, any distribution):

*Selective* (split conformal: Vovk, Gammerman & Shafer 2005; the score 1 − p of Sadinle, Lei & Wasserman 2019, JASA
114). The set {y : 1 − p_y ≤ q}, q the ⌈(n+1)(1−α)⌉-th smallest score of the calibration samples, misses the true class
with probability at most α. Only a set of exactly one class is answered, so that **an answer that is given and wrong has
probability at most α**, counted over all requests. It is not a bound on the errors among the answered alone, nor one
for each class or group.

*Out of distribution* (energy, Liu et al. 2020, arXiv:2010.03759: −log Σ exp logit; conformal p-value as in Bates et al.
2023, Annals of Statistics 51). A sample is doubtful where its p-value is at most ε, which happens to a sample like the
calibration samples with probability at most ε. What share of foreign samples is caught is not guaranteed; the drill and
clause ROB-5 measure it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.errors import UsageError
from basestone.core.evidence import recorded_logits

ALPHA = 0.01  # at most one answer in a hundred is given without a person and wrong
EPSILON = 0.01  # at most one sample in a hundred like those of the audit is taken for foreign


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What became of N samples: ``reasons`` is empty where the answer is given, else says why people must."""

    prediction: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    energy: NDArray[np.float64]
    reasons: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Guard:
    """Thresholds and what they were taken from. ``energies`` are those of the calibration samples, ascending."""

    alpha: float
    epsilon: float
    quantile: float
    energies: NDArray[np.float64]
    n: int

    def judge(self, logits: NDArray[np.float32]) -> Judged:
        """N×K logits to predictions, and to the reasons why some are not given."""
        usable, finite = _usable(logits)
        probabilities, energies = scored(usable)
        size = np.count_nonzero(1 - probabilities <= self.quantile, axis=1)
        foreign = self.p_values(energies) <= self.epsilon
        rows = zip(finite.tolist(), size.tolist(), foreign.tolist(), strict=True)
        return Judged(
            prediction=usable.argmax(1),
            probabilities=probabilities.astype(np.float32),
            energy=energies,
            reasons=tuple(_reasons(*row) for row in rows),
        )

    def p_values(self, energies: NDArray[np.float64]) -> NDArray[np.float64]:
        """(1 + how many calibration samples are at least as foreign) / (n + 1)."""
        above = self.n - np.searchsorted(self.energies, energies, side="left")
        return (1 + above) / (self.n + 1)

    def to_json(self) -> dict[str, Any]:
        """The thresholds as the log and the service's description hold them."""
        least = max(1, math.floor(self.epsilon * (self.n + 1)))
        return {
            "kind": "split_conformal",
            "alpha": self.alpha,
            "epsilon": self.epsilon,
            "quantile": self.quantile,
            "energy_limit": float(self.energies[-least]),
            "n": self.n,
        }


@dataclass(frozen=True, kw_only=True)
class Unguarded:
    """Stands in where no audit recorded calibration samples: only an output that is no number goes to people."""

    def judge(self, logits: NDArray[np.float32]) -> Judged:
        """Every finite output is given as an answer."""
        usable, finite = _usable(logits)
        probabilities, energies = scored(usable)
        return Judged(
            prediction=usable.argmax(1),
            probabilities=probabilities.astype(np.float32),
            energy=energies,
            reasons=tuple(_reasons(fine, 1, foreign=False) for fine in finite.tolist()),
        )

    def to_json(self) -> dict[str, Any]:
        """Says that nothing was calibrated."""
        return {"kind": "none"}


def _usable(logits: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The logits, with zeros where a row holds what is no number; and which rows are fine."""
    finite = np.all(np.isfinite(logits), axis=1)
    return np.where(finite[:, None], logits, np.float32(0)), finite


def _reasons(finite: bool, size: int, foreign: bool) -> tuple[str, ...]:
    """Why a sample is left to people; ``size``: of its set of classes."""
    checks = (("not_finite", not finite), ("several_classes", size > 1), ("no_class", size == 0), ("foreign", foreign))
    return tuple(name for name, hit in checks if hit)


def calibrate(table: Mapping[str, NDArray[Any]], *, alpha: float = ALPHA, epsilon: float = EPSILON) -> Guard:
    """The guard from the columns of an audit's ``clean_test``: ``label`` and ``logit_0`` … ``logit_K−1``.

    Raises:
        UsageError: fewer samples than α or ε need, 1/α − 1 and 1/ε − 1: every sample would go to people.
    """
    logits = recorded_logits(table)
    n, least = len(logits), math.ceil(1 / min(alpha, epsilon) - 1 - 1e-9)
    if n < least:
        raise UsageError(
            f"Calibration at {min(alpha, epsilon):g} needs at least {least} recorded test samples; the audit has {n}. "
            "Allow more doubt (--alpha, --epsilon), or audit with more samples."
        )
    probabilities, energies = scored(logits)
    true = probabilities[np.arange(n), table["label"].astype(np.int64)]
    return Guard(
        alpha=alpha,
        epsilon=epsilon,
        quantile=conformal_quantile(1 - true, alpha),
        energies=np.sort(energies),
        n=n,
    )


def conformal_quantile(scores: Sequence[float] | NDArray[np.float64], alpha: float) -> float:
    """The ⌈(n+1)(1−α)⌉-th smallest score; infinite where there are too few."""
    ordered = np.sort(np.asarray(scores, np.float64))
    rank = math.ceil((len(ordered) + 1) * (1 - alpha) - 1e-9)
    return float(ordered[rank - 1]) if rank <= len(ordered) else math.inf


def scored(logits: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of N×K logits: N×K probabilities, and −log Σ exp logit, high where the model knows little of a sample."""
    wide = logits.astype(np.float64)
    top = wide.max(1, keepdims=True)
    powers = np.exp(wide - top)
    sums = powers.sum(1, keepdims=True)
    return powers / sums, -(top + np.log(sums))[:, 0]
