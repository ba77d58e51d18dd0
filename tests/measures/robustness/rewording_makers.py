"""A small reader of words whose answers can be reckoned by hand."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from basestone.measures.robustness.rewording.attacked import Documents
from basestone.measures.robustness.rewording.questions import Asked
from basestone.measures.subject import Subject

PAD, UNKNOWN = 0, 1
WEIGHTS = {"rain": 2.0, "storm": 1.5, "snow": 1.0, "bread": -1.0, "soup": -2.0, "the": 0.0, "was": 0.0}
VOCABULARY = {word: number for number, word in enumerate(WEIGHTS, 2)}


class Bag(nn.Module):
    """Two logits: the sum of the words' weights, and nothing. Words that it does not know weigh nothing."""

    def __init__(self, weights=None) -> None:
        super().__init__()
        self.weights = torch.tensor([0.0, 0.0, *(weights or WEIGHTS).values()])

    def forward(self, tokens):
        total = self.weights[tokens].sum(1)
        return torch.stack([total, torch.zeros_like(total)], 1)


def tokens(texts):
    rows = [[VOCABULARY.get(word, UNKNOWN) for word in text.split()] for text in texts]
    width = max(1, *map(len, rows), 1)
    return torch.tensor([row + [PAD] * (width - len(row)) for row in rows])


def asked(model=None, batch_size=64):
    return Asked(subject=Subject(model=model or Bag()), tokens=tokens, pad=PAD, batch_size=batch_size)


def documents(texts, labels):
    return Documents(
        texts=lambda index: [texts[place] for place in index.tolist()], labels=labels, positions=np.arange(len(texts))
    )
