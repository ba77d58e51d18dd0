"""A language model without a network, to be better than: interpolated Kneser–Ney over bytes.

Kneser & Ney 1995; the interpolated form of Chen & Goodman 1998 (equation 25) with one discount an order,
D = n₁ / (n₁ + 2 n₂). Orders below the highest count in how many contexts an n-gram was seen; the lowest is mixed with
the uniform distribution over the 256 bytes, so that every byte has a probability. An n-gram is a 64-bit number, and
counting is sorting.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ORDER = 5
MAX_ORDER = 8  # bytes in a 64-bit number

Grams = NDArray[np.uint64]


@dataclass(frozen=True)
class _Level:
    """One order: its n-grams in ascending order, and what to compute their share with."""

    grams: Grams
    discounted: NDArray[np.float64]  # max(count − D, 0) / total of the context
    contexts: Grams
    left_over: NDArray[np.float64]  # D × number of continuations / total, per context


class KneserNey:
    """Probabilities of bytes, learnt from one text."""

    def __init__(self, train: bytes, order: int = ORDER) -> None:
        """``order``: bytes of an n-gram, 2 to 8; the text must be longer than that."""
        if not 2 <= order <= MAX_ORDER or len(train) <= order:
            raise ValueError(
                f"order must be 2 to {MAX_ORDER} and shorter than the text; got {order}, {len(train)} bytes."
            )
        self.order = order
        self._levels: list[_Level] = []
        grams, counts = np.unique(_grams(train, order), return_counts=True)
        for size in range(order, 0, -1):
            self._levels.append(_level(grams, counts, size))
            # of the next lower order: each distinct n-gram counts once for the n−1 bytes behind its first
            grams, counts = np.unique(grams & _mask(size - 1), return_counts=True)

    def nats(self, text: bytes, before: bytes = b"") -> NDArray[np.float64]:
        """−log p of each byte of ``text`` given the bytes before it; ``before`` is what the text follows."""
        context = before[-(self.order - 1) :] if self.order > 1 else b""
        whole = context + text
        probability = np.full(len(text), 1 / 256)
        for size, level in zip(range(1, self.order + 1), reversed(self._levels), strict=True):
            grams = _grams_at(whole, len(context), size)
            known = np.arange(len(text)) + len(context) >= size - 1
            share, left = _look_up(level, grams)
            probability = np.where(known, share + left * probability, probability)
        return -np.log(probability)


def _level(grams: Grams, counts: NDArray[np.int64], size: int) -> _Level:
    ones, twos = int((counts == 1).sum()), int((counts == 2).sum())
    discount = ones / (ones + 2 * twos) if ones else 0.5
    context = grams >> np.uint64(8)
    starts = np.flatnonzero(np.concatenate([[True], context[1:] != context[:-1]]))
    total = np.add.reduceat(counts, starts)
    follow = np.diff(np.concatenate([starts, [len(grams)]]))
    return _Level(
        grams=grams,
        discounted=np.maximum(counts - discount, 0) / np.repeat(total, follow),
        contexts=context[starts],
        left_over=discount * follow / total,
    )


def _look_up(level: _Level, grams: Grams) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The share of each n-gram after its context, and what is left for lower orders; 0 and 1 for a new context."""
    at = np.minimum(np.searchsorted(level.grams, grams), len(level.grams) - 1)
    share = np.where(level.grams[at] == grams, level.discounted[at], 0.0)
    context = grams >> np.uint64(8)
    where = np.minimum(np.searchsorted(level.contexts, context), len(level.contexts) - 1)
    found = level.contexts[where] == context
    return np.where(found, share, 0.0), np.where(found, level.left_over[where], 1.0)


def _mask(size: int) -> np.uint64:
    return np.uint64((1 << (8 * size)) - 1)


def _grams(text: bytes, size: int) -> Grams:
    """Every run of ``size`` bytes, the last byte in the lowest eight bits."""
    held = np.frombuffer(text, np.uint8).astype(np.uint64)
    found = np.zeros(len(held) - size + 1, np.uint64)
    for place in range(size):
        found = (found << np.uint64(8)) | held[place : place + len(found)]
    return found


def _grams_at(whole: bytes, start: int, size: int) -> Grams:
    """For each byte from ``start`` on, the run of ``size`` bytes that ends in it; short ones are filled with zeros."""
    return _grams(b"\0" * (size - 1) + whole, size)[start:]
