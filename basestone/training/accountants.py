"""What a private training spends: ε from two accountants that know nothing of each other.

Opacus' (Gopi, Lee & Wutschitz 2021, arXiv:2106.02848: convolved privacy random variables) and Google's dp-accounting
(Koskela et al. 2020, arXiv:1906.03049, Doroshenko et al. 2022, arXiv:2207.04380: privacy loss distributions). Both
bound the same quantity from above, for neighbours that differ by one sample added or removed, under Poisson sampling.
The larger is claimed; they must agree within 5 %, or neither is believed.
"""

from __future__ import annotations

import math
import warnings
from importlib.util import find_spec

from basestone.core.errors import MissingExtra, UsageError

AGREEMENT = 0.05
LARGEST_NOISE = 1_000.0
LARGEST_EPSILON = 50.0
PRECISION = 1e-3  # of σ, relative


def require_accountants() -> None:
    """MissingExtra unless both are installed."""
    for module, package in (("opacus", "opacus"), ("dp_accounting", "dp-accounting")):
        if find_spec(module) is None:
            raise MissingExtra(package, "privacy")


def spent_epsilon(noise: float, rate: float, steps: int, delta: float) -> dict[str, float] | None:
    """Accountant → ε of ``steps`` steps, each taking a sample with probability ``rate``.

    None where noise is missing or so small that ε is beyond 50: a claim of nothing, and grids that fill any memory.
    """
    if noise == 0 or _roughly(noise, rate, steps, delta) > LARGEST_EPSILON:
        return None
    return {
        "opacus": _opacus(noise, rate, steps, delta),
        "dp_accounting": _dp_accounting(noise, rate, steps, delta),
    }


def noise_for(epsilon: float, rate: float, steps: int, delta: float) -> float:
    """The least σ (to 0.1 %) with which neither accountant finds more than ``epsilon``.

    Raises:
        UsageError: not even a thousandfold noise would do.
    """
    if _opacus(LARGEST_NOISE, rate, steps, delta) > epsilon:
        raise UsageError(
            f"fit.private.epsilon must be reachable; {epsilon:g} is not within {steps} steps that each take "
            f"{rate:.2g} of the samples. Raise it, or train for fewer steps or with a smaller batch."
        )
    high, low = _bracket(epsilon, rate, steps, delta)
    while high / low > 1 + PRECISION:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if _opacus(middle, rate, steps, delta) <= epsilon else (middle, high)
    while _dp_accounting(high, rate, steps, delta) > epsilon:
        high *= 1 + PRECISION
    return high


def agree(found: dict[str, float]) -> bool:
    """Whether the accountants differ by at most 5 % of the larger."""
    values = sorted(found.values())
    return values[-1] - values[0] <= AGREEMENT * values[-1]


def _bracket(epsilon: float, rate: float, steps: int, delta: float) -> tuple[float, float]:
    """σ that suffices and, half as large, one that does not."""
    high = 1.0
    while high < LARGEST_NOISE and _roughly(high, rate, steps, delta) > epsilon:  # which is too careful, hence enough
        high *= 2
    while _roughly(high / 2, rate, steps, delta) < LARGEST_EPSILON and _opacus(high / 2, rate, steps, delta) <= epsilon:
        high /= 2
    return high, high / 2


def _roughly(noise: float, rate: float, steps: int, delta: float) -> float:
    """A quick, loose bound by Rényi divergences (Mironov 2017, arXiv:1702.07476)."""
    try:
        from opacus.accountants import RDPAccountant
    except ImportError as error:
        raise MissingExtra("opacus", "privacy") from error
    accountant = RDPAccountant()
    accountant.history = [(noise, rate, steps)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an order at the end of its list is still an upper bound
        return float(accountant.get_epsilon(delta))


def _opacus(noise: float, rate: float, steps: int, delta: float) -> float:
    try:
        from opacus.accountants import PRVAccountant
    except ImportError as error:
        raise MissingExtra("opacus", "privacy") from error
    accountant = PRVAccountant()
    accountant.history = [(noise, rate, steps)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a coarser grid than asked for is still an upper bound
        return float(accountant.get_epsilon(delta))


def _dp_accounting(noise: float, rate: float, steps: int, delta: float) -> float:
    try:
        from dp_accounting import dp_event
        from dp_accounting.pld import PLDAccountant
    except ImportError as error:
        raise MissingExtra("dp-accounting", "privacy") from error
    step = dp_event.PoissonSampledDpEvent(rate, dp_event.GaussianDpEvent(noise))
    accountant = PLDAccountant()
    accountant.compose(dp_event.SelfComposedDpEvent(step, steps))
    return float(accountant.get_epsilon(delta))
