"""Shapley values of a game: what each player adds, averaged over all orders in which they might arrive.

Exact up to twelve players, by every coalition. Beyond, they are the coefficients of the weighted regression of worth on
who is there (KernelSHAP), over coalitions drawn together with their complements, which cancels what players do in
pairs. Every size gets equally many, none is drawn twice, and where all are drawn the values are exact. Own code.

Sources: Shapley 1953; Lundberg & Lee 2017, arXiv:1705.07874 (the regression); Covert & Lee 2021, arXiv:2012.01536
(complements, the constraint); Musco & Witter 2025, arXiv:2410.01917 (equally many of every size, none twice).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from math import comb, factorial

import numpy as np
from numpy.typing import NDArray

EXACT = 12  # players, up to which all coalitions are asked
FEWEST_PAIRS = 2  # of a coalition and its complement, for each player: a regression needs more than one
_LISTED = 20_000  # coalitions of a size, up to which they are listed to draw from

Worth = Callable[[NDArray[np.bool_]], NDArray[np.float64]]


@dataclass(frozen=True, kw_only=True)
class ShapleyValues:
    """P values with their standard errors (0 where exact), the worth of everyone and of nobody, coalitions asked."""

    values: NDArray[np.float64]
    errors: NDArray[np.float64]
    everyone: float
    nobody: float
    evaluations: int


def shapley_values(
    worth: Worth, players: int, evaluations: int, generator: np.random.Generator, *, exact: int = EXACT
) -> ShapleyValues:
    """The values of the game ``worth`` (S×P booleans to S numbers).

    ``evaluations``: coalitions that may be asked where there are more than ``exact`` players; at least two pairs for
    each player are drawn whatever it says.
    """
    if players < 1:
        raise ValueError(f"a game needs a player; got {players}.")
    return exactly(worth, players) if players <= max(exact, 2) else sampled(worth, players, evaluations, generator)


def exactly(worth: Worth, players: int) -> ShapleyValues:
    """By all 2^P coalitions: each marginal contribution weighs s!(P − s − 1)!/P!, with s players there before."""
    codes = np.arange(2**players)
    keep = (codes[:, None] >> np.arange(players)) & 1 == 1
    found = np.asarray(worth(keep), np.float64)
    sizes = keep.sum(1)
    weight = np.array([factorial(s) * factorial(players - s - 1) / factorial(players) for s in range(players)])
    values = np.empty(players)
    for player in range(players):
        without = codes[~keep[:, player]]
        values[player] = weight[sizes[without]] @ (found[without | 1 << player] - found[without])
    return ShapleyValues(
        values=values,
        errors=np.zeros(players),
        everyone=float(found[-1]),
        nobody=float(found[0]),
        evaluations=len(codes),
    )


def sampled(worth: Worth, players: int, evaluations: int, generator: np.random.Generator) -> ShapleyValues:
    """For three players and more: by regression over pairs of a coalition and its complement, as many as are allowed.

    A pair's difference is the sum of its values, those who are there less those who are not; the values add up to
    what everyone adds, whatever is drawn. The errors are those of a regression on a part of a finite population,
    from residuals without their own pull (HC3); they err to the safe side.
    """
    sizes, counts = _shares(players, max((evaluations - 2) // 2, FEWEST_PAIRS * players))
    half = np.concatenate([_drawn(players, size, count, generator) for size, count in zip(sizes, counts, strict=True)])
    ends = np.array([[True] * players, [False] * players])
    everyone, nobody, *found = np.asarray(worth(np.concatenate([ends, half, ~half])), np.float64).tolist()
    there = half.sum(1)
    chance = np.repeat([count / _pairs(players, size) for size, count in zip(sizes, counts, strict=True)], counts)
    kernel = np.array([(players - 1) / (comb(players, s) * s * (players - s)) for s in there.tolist()])
    even = (everyone - nobody) / players
    signs = np.where(half, 1.0, -1.0)
    gaps = np.array(found[: len(half)]) - np.array(found[len(half) :]) - even * signs.sum(1)
    uneven, errors = _regression(signs - signs.mean(1, keepdims=True), gaps, kernel / chance, chance)
    return ShapleyValues(
        values=even + uneven, errors=errors, everyone=everyone, nobody=nobody, evaluations=2 * len(half) + 2
    )


def _shares(players: int, pairs: int) -> tuple[list[int], list[int]]:
    """Sizes of coalitions, up to half of the players, and how many pairs of each: equally many, as far as there are."""
    open_sizes, left, counts = list(range(1, players // 2 + 1)), pairs, dict[int, int]()
    for size in sorted(open_sizes, key=lambda size: _pairs(players, size)):
        counts[size] = min(_pairs(players, size), left // (len(open_sizes) - len(counts)))
        left -= counts[size]
    used = [size for size in open_sizes if counts[size]]
    return used, [counts[size] for size in used]


def _pairs(players: int, size: int) -> int:
    """How many coalitions of a size there are, complements of that size not counted again."""
    return comb(players, size) // (2 if 2 * size == players else 1)


def _drawn(players: int, size: int, count: int, generator: np.random.Generator) -> NDArray[np.bool_]:
    """``count`` different coalitions of ``size``, count×P; half of the players are drawn with the first among them."""
    first, rest, wanted = (1, players - 1, size - 1) if 2 * size == players else (0, players, size)
    if comb(rest, wanted) <= _LISTED:
        listed = np.array(list(combinations(range(rest), wanted)), np.int64).reshape(-1, wanted)
        chosen = listed[generator.choice(len(listed), count, replace=False)]
    else:
        seen: dict[tuple[int, ...], None] = {}
        while len(seen) < count:
            seen[tuple(sorted(generator.choice(rest, wanted, replace=False).tolist()))] = None
        chosen = np.array(list(seen), np.int64)
    keep = np.zeros((count, players), bool)
    keep[np.arange(count)[:, None], chosen + first] = True
    keep[:, :first] = True
    return keep


def _regression(
    rows: NDArray[np.float64], gaps: NDArray[np.float64], weights: NDArray[np.float64], chance: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coefficients of ``gaps`` on ``rows`` (M×P), weighted, and their errors; ``chance``: of a row to be drawn."""
    inverse = np.linalg.pinv(rows.T @ (weights[:, None] * rows), rcond=1e-10, hermitian=True)  # rows sum to nothing
    pull = inverse @ (rows * weights[:, None]).T  # P×M: what each gap adds to each coefficient
    found = pull @ gaps
    own = np.einsum("mp,pm->m", rows, pull)
    residual = (gaps - rows @ found) / np.maximum(1 - own, 1e-3)
    return found, np.sqrt(np.maximum((pull**2) @ (residual**2 * (1 - chance)), 0))
