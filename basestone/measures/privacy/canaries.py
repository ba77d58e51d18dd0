"""PRV-2: is a claimed ε true? What two accountants say, and what canaries say against it.

**Canaries** (Steinke, Nasr & Jagielski 2023, arXiv:2305.08846): before training a coin decides for each of m samples
whether it is in the training data, with a wrong label, or not at all. Afterwards the samples whose wrong label the
model likes best are guessed to have been in, those it likes least to have been out. If training was (ε, δ)-private, the
number of right guesses among r is stochastically at most binomial(r, e^ε / (1 + e^ε)), but for δ (their theorem 5.2):
an ε under which so many right guesses would be too lucky is refuted. One training is enough.

How many to guess has to be fixed beforehand: an eighth, a quarter, half and all of the canaries are guessed, each at a
quarter of the 5 %. The bound is only as good as the guessing: it can refute a claim, never prove one. From m canaries
no more than about ln(m / 4) can be shown.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.evidence import CONFIDENCE, Measurement, Records, RecordsMissing
from basestone.measures.interval import exact

SHARES = (0.125, 0.25, 0.5, 1.0)  # of the canaries that are guessed
FEWEST = 8
AGREEMENT = 0.05  # of two accountants, relative to the larger
LARGEST = 30.0  # ε that a bound is looked for up to


def dp_epsilon(records: Records) -> Measurement:
    """The larger of two accountants' ε; RecordsMissing where they disagree, or where the noise hides nothing."""
    claim = records.fact("dp_claim")
    found: dict[str, float] | None = claim["epsilon"]
    if found is None:
        raise RecordsMissing("so little noise hides nobody (ε is beyond 50). Set fit.private.epsilon")
    if claim["randomness"] != "secret":
        raise RecordsMissing(
            "the noise was drawn from the recipe's own seed, which anyone may read. Set fit.private.randomness: secret"
        )
    low, high = min(found.values()), max(found.values())
    if high - low > AGREEMENT * high:
        told = ", ".join(f"{name} {value:.4g}" for name, value in found.items())
        raise RecordsMissing(f"two accountants must agree within {AGREEMENT:.0%}, and they say: {told}")
    return Measurement(measure="dp_epsilon", value=high, unit="1", n=1, interval=exact(high), detail=claim)


def dp_delta(records: Records) -> Measurement:
    """δ times the number of training samples: with 1, a mechanism that publishes one sample whole would pass."""
    claim = records.fact("dp_claim")
    value = float(claim["delta"] * claim["num_samples"])
    return Measurement(measure="dp_delta", value=value, unit="1", n=1, interval=exact(value))


def dp_canaries(records: Records) -> Measurement:
    """The ε that the canaries show at 95 %, as a share of what is claimed: above 1 the claim is refuted."""
    claim, table = records.fact("dp_claim"), records.table("canaries")
    if claim["epsilon"] is None:
        raise RecordsMissing("nothing is claimed that canaries could refute")
    included, score = table["included"].astype(bool), table["score"]
    if len(score) < FEWEST or not np.isfinite(score).all():
        raise RecordsMissing(f"at least {FEWEST} canaries with finite scores are needed; there are {len(score)}")
    bound, guesses = shown_epsilon(score, included, claim["delta"])
    value = bound / max(claim["epsilon"].values())
    return Measurement(
        measure="dp_canaries",
        value=value,
        unit="1",
        n=len(score),
        interval=exact(value),
        detail={"epsilon_shown": bound, "epsilon_claimed": max(claim["epsilon"].values()), "guesses": guesses},
    )


def shown_epsilon(
    score: NDArray[np.float64], included: NDArray[np.bool_], delta: float, error: float = 1 - CONFIDENCE
) -> tuple[float, list[dict[str, Any]]]:
    """The largest ε that is refuted at ``error``, 0 where none is; and each number of guesses with those right."""
    m, order = len(score), np.argsort(-score, kind="stable")
    guesses: list[dict[str, Any]] = []
    for share in SHARES:
        each = max(1, round(share * m / 2))
        right = int(included[order[:each]].sum() + (~included[order[-each:]]).sum())
        bound = lower_epsilon(m, 2 * each, right, delta, error / len(SHARES))
        guesses.append({"guessed": 2 * each, "right": right, "epsilon": bound})
    return max(guess["epsilon"] for guess in guesses), guesses


def lower_epsilon(m: int, r: int, right: int, delta: float, error: float) -> float:
    """The largest ε at which ``right`` of ``r`` guesses about ``m`` canaries are at most as likely as ``error``."""
    if chance(m, r, right, 0.0, delta) > error:
        return 0.0
    low, high = 0.0, LARGEST
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if chance(m, r, right, middle, delta) <= error else (low, middle)
    return low


def chance(m: int, r: int, right: int, epsilon: float, delta: float) -> float:
    """The most that (ε, δ) allows for the probability of ``right`` guesses or more among ``r`` (theorem 5.2).

    P(B ≥ v) + 2mδ · max over i of P(v − i ≤ B < v) / i, with B binomial(r, e^ε / (1 + e^ε)).
    """
    from scipy.stats import binom

    success = 1 / (1 + math.exp(-epsilon))
    short = np.arange(1, right + 1)
    below = binom.cdf(right - 1, r, success) - binom.cdf(right - 1 - short, r, success)
    slack = float((below / short).max()) if right else 0.0
    return min(1.0, float(binom.sf(right - 1, r, success)) + 2 * m * delta * slack)
