"""Canaries: made-up secrets in the text that a language model is trained on, at random places among its documents.

A canary says ``The code of KQZUVD is 4 8 2 0 5 1 3 9 7.``; owner and code are drawn from the run's seed, so that it
need not be kept anywhere. Every canary has an owner of its own, and its rivals are other codes of the same owner: the
randomness of one code is all that tells a canary from its rivals (Carlini et al. 2019, arXiv:1802.08232, section 4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.seed import numpy_generator

if TYPE_CHECKING:
    from tokenizers import Tokenizer

DIGITS = 9  # of a code: a thousand million of them
LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
Positions = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """What a prepared data set plants: how many canaries, how often each, drawn from which seed."""

    count: int
    times: int
    seed: int

    @classmethod
    def of(cls, card: Mapping[str, Any]) -> Secrets | None:
        """Those of a data set's card; None where none are planted."""
        told = card.get("options", {}).get("canaries")
        return None if told is None else cls(count=told["count"], times=told["times"], seed=card["seed"])

    def texts(self) -> list[str]:
        """Every canary."""
        return [self.rivals(number, 0)[0] for number in range(self.count)]

    def rivals(self, number: int, count: int) -> list[str]:
        """The canary ``number`` and, after it, ``count`` texts that differ from it in nothing but the code."""
        draws = numpy_generator(self.seed, "canary", number)
        owner = "".join(draws.choice(list(LETTERS), 6))
        codes = draws.integers(10, size=(1 + count, DIGITS))
        return [f"The code of {owner} is {' '.join(map(str, code))}.\n" for code in codes.tolist()]


class Planted:
    """The tokens of all documents and, behind them, of the canaries; and the split's documents with canaries among."""

    def __init__(self, flat: NDArray[Any], ends: Positions, where: Positions, secrets: Secrets, tokenizer: Tokenizer):
        """``flat``, ``ends``, ``where``: as ``Blocks`` takes them, without canaries."""
        self._texts = secrets.texts()
        spelled = [found.ids for found in tokenizer.encode_batch_fast(self._texts, add_special_tokens=False)]
        self._first, self._second = flat, np.array([number for ids in spelled for number in ids], np.int64)
        self._documents = len(ends) - 1
        self.ends = np.concatenate([ends, ends[-1] + np.cumsum([len(ids) for ids in spelled])])
        planted = np.repeat(self._documents + np.arange(secrets.count), secrets.times)
        draws = numpy_generator(secrets.seed, "canary places")
        self._places = draws.integers(len(where) + 1, size=len(planted))
        self.where = np.insert(where, self._places, draws.permutation(planted))

    def among(self, values: NDArray[Any], of_canary: int) -> NDArray[Any]:
        """A value of each document with that of the canaries among them, in the order of ``where``."""
        return np.insert(values, self._places, of_canary)

    def __getitem__(self, part: slice) -> NDArray[Any]:
        """Tokens of one document."""
        border = len(self._first)
        if part.start < border:
            return self._first[part]
        return self._second[part.start - border : part.stop - border]

    def texts(self, read: Callable[[Positions], list[str]]) -> Callable[[Positions], list[str]]:
        """What reads documents and canaries, from what reads documents."""

        def at(positions: Positions) -> list[str]:
            found = iter(read(positions[positions < self._documents]))
            return [
                next(found) if place < self._documents else self._texts[place - self._documents]
                for place in positions.tolist()
            ]

        return at
