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
        finite = np.all(np.isfinite(logits), axis=1)
        usable = np.where(finite[:, None], logits, 0)
        probabilities = softmax(usable)
        size = np.sum(1 - probabilities <= self.quantile, axis=1)
        energies = energy(usable)
        foreign = self.p_values(energies) <= self.epsilon
        checks = (("not_finite", ~finite), ("several_classes", size > 1), ("no_class", size == 0), ("foreign", foreign))
        reasons = tuple(tuple(name for name, hit in checks if hit[row]) for row in range(len(logits)))
        return Judged(
            prediction=usable.argmax(1),
            probabilities=probabilities.astype(np.float32),
            energy=energies,
            reasons=reasons,
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
        finite = np.all(np.isfinite(logits), axis=1)
        usable = np.where(finite[:, None], logits, 0)
        return Judged(
            prediction=usable.argmax(1),
            probabilities=softmax(usable).astype(np.float32),
            energy=energy(usable),
            reasons=tuple(() if fine else ("not_finite",) for fine in finite.tolist()),
        )

    def to_json(self) -> dict[str, Any]:
        """Says that nothing was calibrated."""
        return {"kind": "none"}


def calibrate(table: Mapping[str, NDArray[Any]], *, alpha: float = ALPHA, epsilon: float = EPSILON) -> Guard:
    """The guard from the columns of an audit's ``clean_test``: ``label`` and ``logit_0`` … ``logit_K−1``.

    Raises:
        UsageError: fewer samples than α or ε need, 1/α − 1 and 1/ε − 1: every sample would go to people.
    """
    names = sorted((name for name in table if name.startswith("logit_")), key=lambda name: int(name[6:]))
    logits = np.column_stack([table[name] for name in names])
    n, least = len(logits), math.ceil(1 / min(alpha, epsilon) - 1 - 1e-9)
    if n < least:
        raise UsageError(
            f"Calibration at {min(alpha, epsilon):g} needs at least {least} recorded test samples; the audit has {n}. "
            "Allow more doubt (--alpha, --epsilon), or audit with more samples."
        )
    true = softmax(logits)[np.arange(n), table["label"].astype(np.int64)]
    return Guard(
        alpha=alpha,
        epsilon=epsilon,
        quantile=conformal_quantile(1 - true, alpha),
        energies=np.sort(energy(logits)),
        n=n,
    )


def conformal_quantile(scores: Sequence[float] | NDArray[np.float64], alpha: float) -> float:
    """The ⌈(n+1)(1−α)⌉-th smallest score; infinite where there are too few."""
    ordered = np.sort(np.asarray(scores, np.float64))
    rank = math.ceil((len(ordered) + 1) * (1 - alpha) - 1e-9)
    return float(ordered[rank - 1]) if rank <= len(ordered) else math.inf


def softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """N×K probabilities in float64."""
    shifted = logits.astype(np.float64) - logits.max(1, keepdims=True)
    powers = np.exp(shifted)
    return powers / powers.sum(1, keepdims=True)


def energy(logits: NDArray[Any]) -> NDArray[np.float64]:
    """−log Σ exp logit, N; high where the model knows little of the sample."""
    wide = logits.astype(np.float64)
    top = wide.max(1)
    return -(top + np.log(np.exp(wide - top[:, None]).sum(1)))
