"""The model under attack: texts in, margins out, every text counted for the document that it was for.

A margin is the true class's logit over the best other one: below zero the answer is wrong. Texts that the model reads
as the same tokens are one question. When a document's questions are used up the rest are not asked, and it says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from basestone.measures.subject import Subject

Tokens = Callable[[list[str]], Tensor]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A classifier of text: ``tokens`` cuts any texts as it reads them (N×T, ``pad`` behind)."""

    subject: Subject
    tokens: Tokens
    pad: int
    batch_size: int = 250

    def logits(self, texts: list[str]) -> NDArray[np.float32]:
        """N×K, in the order asked for."""
        return self.answers(self.tokens(texts))

    def answers(self, tokens: Tensor) -> NDArray[np.float32]:
        """N×K logits of N×T tokens."""
        return np.concatenate([self.subject.logits(part).numpy() for part in tokens.split(self.batch_size)])

    def read(self, tokens: Tensor) -> list[bytes]:
        """What the model reads in each row: equal where no model could tell two texts apart."""
        return [row[row != self.pad].tobytes() for row in tokens.numpy()]


@dataclass
class Questions:
    """What one document's search asks: at most ``most`` texts. ``cut``: it would have asked more."""

    asked: Asked
    label: int
    most: int
    count: int = 0
    cut: bool = False
    known: dict[bytes, float] = field(default_factory=dict[bytes, float])

    def margins(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """One a text; infinite where there was no question left for it."""
        if not texts:
            return np.zeros(0)
        tokens = self.asked.tokens(list(texts))
        read, left = self.asked.read(tokens), self.most - self.count
        new = {key: row for row, key in enumerate(read) if key not in self.known}
        self.cut |= len(new) > left
        if chosen := list(new)[:left]:
            margins = margin(self.asked.answers(tokens[[new[key] for key in chosen]]), self.label)
            self.known |= dict(zip(chosen, margins.tolist(), strict=True))
            self.count += len(chosen)
        return np.array([self.known.get(key, np.inf) for key in read])


def margin(logits: NDArray[np.float32], label: int) -> NDArray[np.float64]:
    """N margins of N×K logits."""
    others = np.delete(logits, label, axis=1).max(1)
    return logits[:, label].astype(np.float64) - others
