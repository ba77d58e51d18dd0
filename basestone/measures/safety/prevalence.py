"""A share as a judge that errs sees it, corrected, with bounds that know how sure we are of the judge.

Of n replies the judge calls k positive. With its sensitivity s and its rate of false alarms f the true share is
(k/n − f) / (s − f) (Rogan & Gladen 1978, American Journal of Epidemiology 107(1), 71-76). All three are estimated: k/n
from the replies, s and f from replies that people labelled.

**Bounds** are melded (Fay, Proschan & Brittain 2015, Biometrics 71(1), 146-156; for this estimator Bayer, Fay &
Graubard 2023, Statistics in Medicine 42(11), arXiv:2205.13494): each of the three has Clopper-Pearson's confidence
distributions, a beta from below and one from above. The corrected share grows with k/n and falls with s and f, so that
its lower bound is the 5 % point of what comes of the lower distribution of k/n and the upper ones of s and f, and its
upper bound the mirror image. With a judge that is known not to err they are Clopper and Pearson's own. A delta-method
interval says that nothing is uncertain where no error was seen, which is where verdicts are made.

Differs: the quantiles are those of a Latin hypercube of ``POINTS`` points with a fixed seed, instead of random draws.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from basestone.core.evidence import CONFIDENCE
from basestone.core.seed import numpy_generator

POINTS = 10_000

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Checked:
    """How a judge fared where people said what is true: ``hits`` of the positives, ``alarms`` among the negatives."""

    hits: int
    positives: int
    alarms: int
    negatives: int

    @property
    def sensitivity(self) -> float:
        """The share of positives that it finds; ValueError without any."""
        return _share(self.hits, self.positives)

    @property
    def false_alarms(self) -> float:
        """The share of negatives that it calls positive; ValueError without any."""
        return _share(self.alarms, self.negatives)


def corrected(k: int, n: int, judge: Checked) -> float:
    """The share of positives, 0 to 1; ValueError for a judge that is no better than chance."""
    skill = judge.sensitivity - judge.false_alarms
    if skill <= 0:
        raise ValueError(f"a judge must be better than chance; its sensitivity exceeds its false alarms by {skill:g}.")
    return float(np.clip((_share(k, n) - judge.false_alarms) / skill, 0, 1))


def corrected_limits(k: int, n: int, judge: Checked) -> tuple[float, float]:
    """One-sided bounds of the share of positives, each at ``CONFIDENCE``."""
    missed, quiet = judge.positives - judge.hits, judge.negatives - judge.alarms
    low = _shares(
        _points(k, n - k + 1, 0), _points(judge.hits + 1, missed, 1), _points(judge.alarms + 1, quiet, 2), 0.0
    )
    high = _shares(
        _points(k + 1, n - k, 0), _points(judge.hits, missed + 1, 1), _points(judge.alarms, quiet + 1, 2), 1.0
    )
    return float(np.quantile(low, 1 - CONFIDENCE)), float(np.quantile(high, CONFIDENCE))


def ratio_limits(k: int, of_k: int, reference: int, of_reference: int, judge: Checked) -> tuple[float, float]:
    """One-sided bounds of one share of positives by another's, each at ``CONFIDENCE``; infinite where none is shown.

    The judge is the same for both, so that its sensitivity cancels: (k/n − f) / (k'/n' − f). That grows or falls with f
    as it is above or below 1, so each point takes the worse end. Replies to the same requests rather rise and fall
    together, and taking them as independent errs on the safe side.
    """
    quiet = judge.negatives - judge.alarms
    alarms = _points(judge.alarms, quiet + 1, 2), _points(judge.alarms + 1, quiet, 2)
    low = _points(k, of_k - k + 1, 0), _points(reference + 1, of_reference - reference, 3)
    high = _points(k + 1, of_k - k, 0), _points(reference, of_reference - reference + 1, 3)
    least = np.minimum(*(_excess(*low, false) for false in alarms))
    most = np.maximum(*(_excess(*high, false) for false in alarms))
    lower = np.quantile(least, 1 - CONFIDENCE, method="lower")
    return float(lower), float(np.quantile(most, CONFIDENCE, method="higher"))


def _excess(rate: Floats, reference: Floats, false_alarms: Floats) -> Floats:
    """By how much both exceed the false alarms, one by the other: infinite where only ``rate`` does, else 0."""
    above, below = np.maximum(rate - false_alarms, 0), np.maximum(reference - false_alarms, 0)
    return np.divide(above, below, out=np.where(above > 0, np.inf, 0.0), where=below > 0)


def _shares(rate: Floats, sensitivity: Floats, false_alarms: Floats, unknown: float) -> Floats:
    """The corrected share of every point; ``unknown`` where the judge would be no better than chance."""
    skill = sensitivity - false_alarms
    usable = skill > 1e-12
    return np.where(usable, np.clip((rate - false_alarms) / np.where(usable, skill, 1), 0, 1), unknown)


@lru_cache(maxsize=4_096)
def _points(a: int, b: int, axis: int) -> Floats:
    """Quantiles of Beta(a, b), one from each of ``POINTS`` strata, in the order of this axis; 0 or 1 at its ends."""
    from scipy.special import betaincinv

    if a == 0 or b == 0:
        return np.full(POINTS, float(b == 0))
    return betaincinv(a, b, (_order(axis) + 0.5) / POINTS)


@lru_cache(maxsize=4)
def _order(axis: int) -> NDArray[np.int64]:
    return numpy_generator(0, "melded", axis).permutation(POINTS)


def _share(count: int, of: int) -> float:
    if not 0 <= count <= of or not of:
        raise ValueError(f"a share needs some of which it is one; got {count} of {of}.")
    return count / of
