"""Was this sample among the training data? Two attacks that ask shadow models what would be usual for it.

A *shadow model* is trained as the attacked one was, on a random half of a pool, so that each sample of the pool is in
the training data of half of the K shadows and out of those of the others. Of every model only the logit of the true
class' probability is needed, φ = ln(p / (1 − p)).

**LiRA** (Carlini et al. 2022, arXiv:2112.03570): φ of the attacked model under two normal distributions, that of the
shadows which saw the sample and that of those which did not. *Online* is the log-likelihood ratio (their algorithm 1),
*offline* how far φ lies above the shadows that did not see it (equation 4). With fewer than 64 shadows one deviation
is shared by all samples, as in their section VI-C.

**RMIA** (Zarifzadeh et al. 2024, arXiv:2312.03262): p over its average over all shadows, half of which saw the sample.
Differs: they then count how many other samples z have a ratio that this one exceeds γ-fold. With the same z for every
sample that share is an increasing function of the ratio, so the ratio itself orders samples alike and without ties.

Each sample is asked about once, as it is; the papers' further queries of augmented copies would make both stronger.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
OWN_DEVIATION = 64  # shadows from which on each sample has a deviation of its own
SMALLEST = 1e-3  # deviation of φ


@dataclass(frozen=True, kw_only=True)
class Shadowed:
    """N samples and K shadows: ``target`` φ of the attacked model (N), ``shadows`` φ (N×K), ``saw`` (N×K bool)."""

    target: Floats
    shadows: Floats
    saw: NDArray[np.bool_]


def logit_of_truth(logits: NDArray[np.floating], labels: NDArray[np.int64]) -> Floats:
    """φ of each of N samples from N×K logits: that of the true class less the log-sum-exp of all others, float64."""
    scores = logits.astype(np.float64)
    rows = np.arange(len(scores))
    truth = scores[rows, labels]
    scores[rows, labels] = -np.inf
    highest = scores.max(1)
    return truth - highest - np.log(np.exp(scores - highest[:, None]).sum(1))


def lira_online(found: Shadowed) -> Floats:
    """Ln N(φ; in) − ln N(φ; out), for each of N samples."""
    return _log_normal(found, found.saw) - _log_normal(found, ~found.saw)


def lira_offline(found: Shadowed) -> Floats:
    """How many deviations φ lies above that of the shadows which did not see the sample."""
    mean, deviation = _moments(found.shadows, ~found.saw)
    return (found.target - mean) / deviation


def rmia(found: Shadowed) -> Floats:
    """Ln p less the logarithm of its average over all shadows."""
    own, others = _log_probability(found.target), _log_probability(found.shadows)
    highest = others.max(1)
    average = highest + np.log(np.exp(others - highest[:, None]).mean(1))
    return own - average


ATTACKS = {"lira_online": lira_online, "lira_offline": lira_offline, "rmia": rmia}


def scores(found: Shadowed) -> Mapping[str, Floats]:
    """Attack → N scores; the higher, the likelier a member."""
    return {name: attack(found) for name, attack in ATTACKS.items()}


def _log_probability(phi: Floats) -> Floats:
    """Ln p from φ, without cancellation near 1."""
    return -np.logaddexp(0.0, -phi)


def _log_normal(found: Shadowed, which: NDArray[np.bool_]) -> Floats:
    mean, deviation = _moments(found.shadows, which)
    return -0.5 * ((found.target - mean) / deviation) ** 2 - np.log(deviation)


def _moments(values: Floats, which: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Mean and deviation of ``values`` where ``which``, a sample (row) each; one deviation of all where K is small."""
    count = which.sum(1)
    mean = np.where(which, values, 0).sum(1) / count
    squares = np.where(which, (values - mean[:, None]) ** 2, 0).sum(1)
    if values.shape[1] < OWN_DEVIATION:
        squares, count = np.full_like(squares, squares.sum()), np.full_like(count, (count - 1).sum() + 1)
    return mean, np.maximum(np.sqrt(squares / np.maximum(count - 1, 1)), SMALLEST)
