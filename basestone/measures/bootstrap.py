"""Bounds of statistics of clustered data: whole clusters are drawn again, because only they are independent.

A cluster is whatever was sampled: a source image with its 75 corruptions, a document with its tokens. Every statistic
here is a function of the clusters' *totals* (a ratio is one total over another), so one draw is one vector of weights
and all draws are one matrix product. Source: Davison & Hinkley, Bootstrap Methods (1997), 3.8 and 5.3 (percentile).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from basestone.core.evidence import CONFIDENCE, Interval
from basestone.core.seed import numpy_generator

DRAWS = 2_000
MIN_CLUSTERS = 30
_CHUNK = 250  # draws whose weights are held at once: 20 MB at 10 000 clusters

Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def cluster_bootstrap(
    statistic: Statistic, values: ArrayLike, clusters: ArrayLike, *, seed: int = 0, draws: int = DRAWS
) -> tuple[float, Interval]:
    """The statistic of clustered rows and its percentile bounds.

    ``values``: rows × columns. ``clusters``: rows; equal entries belong together. ``statistic`` maps totals (…×columns)
    to numbers (…). Below 30 clusters, or when the draws do not vary, the interval is not decidable.
    """
    totals = cluster_totals(values, clusters)
    sample = statistic(resampled_totals(totals, seed=seed, draws=draws))
    return float(statistic(totals.sum(axis=0))), percentile_interval(sample, len(totals), seed=seed)


def ratio_draws(
    numerators: NDArray[np.float64],
    denominator: NDArray[np.float64],
    *,
    add: Literal[0, 1],
    seed: int,
    draws: int = DRAWS,
) -> NDArray[np.float64]:
    """Draws × T: the ratios of T numerators (N×T, in 0–1) to one denominator (N, in 0–1), resampled by cluster.

    One cluster is added to the sample, with denominator 1 and every numerator ``add``: 0 for a lower bound, 1 for an
    upper one. Near 1 a sample seldom holds the failures that the truth does, and the plain bootstrap cannot draw what
    is not there: its lower bound covered 70–90 % in our simulations. The added cluster is drawn up to three times in
    95 % of the draws, the rule of three, as Clopper & Pearson treat a proportion: Beta(k, n - k + 1).
    """
    extra = np.array([[1.0, *[float(add)] * numerators.shape[1]]])
    totals = resampled_totals(
        np.concatenate([np.column_stack([denominator, numerators]), extra]), seed=seed, draws=draws
    )
    return totals[:, 1:] / np.where(totals[:, :1] > 0, totals[:, :1], np.nan)


def ratio_interval(
    low: NDArray[np.float64], high: NDArray[np.float64], residuals: NDArray[np.float64], *, seed: int
) -> Interval:
    """The 5 % point of the draws for the lower bound and the 95 % point of those for the upper one.

    ``residuals``: numerator - ratio × denominator of every cluster; all alike, they cannot carry a pass.
    """
    return Interval(
        lower=float(np.quantile(low, 1 - CONFIDENCE)),
        upper=float(np.quantile(high, CONFIDENCE)),
        method=f"add-one {describe(len(low), len(residuals), seed)}",
        decidable=decidable(residuals, len(residuals)),
    )


def cluster_totals(values: ArrayLike, clusters: ArrayLike) -> NDArray[np.float64]:
    """Clusters × columns: the sums of the rows of each cluster, clusters in ascending order."""
    rows = np.asarray(values, np.float64)
    rows = rows[:, None] if rows.ndim == 1 else rows
    _, place = np.unique(np.asarray(clusters), return_inverse=True)
    if len(place) != len(rows) or not len(rows):
        raise ValueError(f"every row needs its cluster; got {len(rows)} rows and {len(place)} cluster labels.")
    totals = np.zeros((place.max() + 1, rows.shape[1]))
    np.add.at(totals, place, rows)
    return totals


def resampled_totals(totals: NDArray[np.float64], *, seed: int, draws: int = DRAWS) -> NDArray[np.float64]:
    """Draws × columns: the totals of ``len(totals)`` clusters drawn with replacement, for every draw."""
    return np.concatenate([weights @ totals for weights in resampled_weights(len(totals), seed=seed, draws=draws)])


def resampled_weights(clusters: int, *, seed: int, draws: int = DRAWS) -> Iterator[NDArray[np.int64]]:
    """How often each cluster is drawn: some draws × clusters at a time, until there are ``draws`` of them."""
    if draws < 1:
        raise ValueError(f"draws must be at least 1; got {draws}.")
    generator = numpy_generator(seed, "bootstrap", clusters, draws)
    for start in range(0, draws, _CHUNK):
        picks = generator.integers(clusters, size=(min(_CHUNK, draws - start), clusters))
        picks += np.arange(len(picks))[:, None] * clusters
        yield np.bincount(picks.ravel(), minlength=picks.size).reshape(picks.shape)


def two_way_means(table: NDArray[np.float64], name: str, *, draws: int = DRAWS) -> NDArray[np.float64]:
    """Means of a table whose rows and columns are both a sample: whole rows and columns drawn again (Owen 2007)."""
    rows, columns = table.shape
    generator = numpy_generator(0, name, rows, columns)
    picked = generator.multinomial(rows, np.full(rows, 1 / rows), draws)
    across = generator.multinomial(columns, np.full(columns, 1 / columns), draws)
    return np.einsum("dr,rc,dc->d", picked, table, across, optimize=True) / (rows * columns)


def bias_corrected(sample: NDArray[Any], value: float, share: float) -> float:
    """The quantile of the draws that stands for ``share`` when the draws lie to one side of ``value`` (Efron 1981).

    Half of the draws should lie below the sample's own value; where they do not, every quantile is moved by twice the
    difference on the normal scale (Davison & Hinkley 1997, 5.3.2, without acceleration).
    """
    from scipy.stats import norm

    below = np.mean(sample < value) + np.mean(sample == value) / 2
    moved = norm.ppf(np.clip(below, 1 / (len(sample) + 1), 1 - 1 / (len(sample) + 1)))
    return float(np.quantile(sample, norm.cdf(2 * moved + norm.ppf(share))))


def percentile_interval(sample: NDArray[Any], clusters: int, *, seed: int) -> Interval:
    """The 5 % and 95 % points of one statistic's draws; the method names clusters, draws and seed."""
    lower, upper = np.quantile(sample, [1 - CONFIDENCE, CONFIDENCE])
    method, carries = describe(len(sample), clusters, seed), decidable(sample, clusters)
    return Interval(lower=float(lower), upper=float(upper), method=method, decidable=carries)


def describe(draws: int, clusters: int, seed: int) -> str:
    """The words of an interval's ``method``."""
    return f"cluster bootstrap, {clusters} clusters, {draws} draws, seed {seed}"


def decidable(sample: NDArray[Any], clusters: int) -> bool:
    """Whether a bootstrap can carry a pass: enough clusters, and some variance."""
    return clusters >= MIN_CLUSTERS and bool(np.ptp(sample) > 1e-12)
