"""Shapley values of a game: what each player adds, averaged over all orders in which they might arrive.

Exact up to twelve players, by every coalition. Beyond, from permutations drawn at random together with their reverses
(antithetic: who came first comes last), which cancels what is linear in the order. Own code, numpy alone.

Sources: Shapley 1953; Castro, Gómez & Tejada 2009, Computers & Operations Research 36 (permutation sampling); Mitchell,
Cooper, Frank & Holmes 2022, JMLR 23 (antithetic permutations, section 3.2).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import factorial

import numpy as np
from numpy.typing import NDArray

EXACT = 12  # players, up to which all coalitions are asked
FEWEST_PAIRS = 2  # of permutations, as a standard error needs

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

    ``evaluations``: coalitions that may be asked where there are more than ``exact`` players; at least two pairs of
    permutations are drawn whatever it says.
    """
    if players < 1:
        raise ValueError(f"a game needs a player; got {players}.")
    return exactly(worth, players) if players <= exact else sampled(worth, players, evaluations, generator)


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
    """From pairs of a permutation and its reverse; the pairs are independent, so that their spread gives the errors."""
    pairs = max(FEWEST_PAIRS, (evaluations - 2) // (2 * max(players - 1, 1)))
    orders = np.stack([generator.permutation(players) for _ in range(pairs)])
    orders = np.stack([orders, orders[:, ::-1]], 1)  # pairs × 2 × P
    rank = np.argsort(orders, axis=2)
    there = rank[:, :, None, :] < np.arange(1, players)[:, None]  # pairs × 2 × (P − 1) × P: the first 1 … P − 1
    ends = np.stack([np.zeros(players, bool), np.ones(players, bool)])
    found = np.asarray(worth(np.concatenate([ends, there.reshape(-1, players)])), np.float64)
    nobody, everyone = float(found[0]), float(found[1])
    path = np.empty((pairs, 2, players + 1))
    path[:, :, 0], path[:, :, -1] = nobody, everyone
    path[:, :, 1:-1] = found[2:].reshape(pairs, 2, players - 1)
    marginal = np.take_along_axis(np.diff(path, axis=2), rank, axis=2)  # each player's own
    by_pair = marginal.mean(1)
    return ShapleyValues(
        values=by_pair.mean(0),
        errors=by_pair.std(0, ddof=1) / np.sqrt(pairs),
        everyone=everyone,
        nobody=nobody,
        evaluations=len(found),
    )
