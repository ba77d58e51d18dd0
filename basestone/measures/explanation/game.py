"""Shapley values of a game: what each player adds, averaged over all orders in which they might arrive.

Exact up to twelve players, by every coalition. Beyond, from permutations drawn at random together with their reverses
(antithetic: who came first comes last), which cancels what players do in pairs; the permutations are rows of random
Latin squares, so that every player comes equally often at every place, and no coalition is asked twice. Own code.

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
    """From pairs of a permutation and its reverse, as many as ``evaluations`` different coalitions allow.

    The errors are those of independent pairs; as rows of a Latin square vary less than that, they err to the safe side.
    """
    least = max(FEWEST_PAIRS, (evaluations - 2) // (2 * max(players - 1, 1)))
    squares = [latin_square(players, generator) for _ in range(-(-2 * least // players))]
    orders = np.concatenate(squares)[: 2 * least]
    orders = np.stack([orders, orders[:, ::-1]], 1)  # pairs × 2 × P
    rank = np.argsort(orders, axis=2)
    there = rank[:, :, None, :] < np.arange(players + 1)[:, None]  # pairs × 2 × (P + 1) × P: the first 0 … P
    asked, first, place = np.unique(
        np.packbits(there, axis=-1).reshape(there[..., 0].size, -1), axis=0, return_index=True, return_inverse=True
    )
    known = np.searchsorted(np.sort(first), np.arange(1, len(orders) + 1) * 2 * (players + 1))  # after each pair
    pairs = max(FEWEST_PAIRS, int((known <= evaluations).sum()))
    used = np.sort(first)[: known[pairs - 1]]
    found = np.empty(len(asked))
    found[place.ravel()[used]] = worth(there.reshape(-1, players)[used])
    path = found[place.ravel().reshape(there.shape[:3])[:pairs]]
    by_pair = np.take_along_axis(np.diff(path, axis=2), rank[:pairs], axis=2).mean(1)  # each player's own
    return ShapleyValues(
        values=by_pair.mean(0),
        errors=by_pair.std(0, ddof=1) / np.sqrt(pairs),
        everyone=float(path[0, 0, -1]),
        nobody=float(path[0, 0, 0]),
        evaluations=len(used),
    )


def latin_square(size: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Permutations, one a row, in which every player stands once at every place: a cyclic square with all shuffled."""
    cyclic = (np.arange(size)[:, None] + np.arange(size)) % size
    return generator.permutation(size)[cyclic][generator.permutation(size)][:, generator.permutation(size)]
