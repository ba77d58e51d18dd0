"""Attention that knows where it has been, so that it moves on along a text (Chorowski et al. 2015, arXiv:1506.07503).

N utterances, S characters, D memory width, A attention width, Q query width, K filters.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

NEVER = -1e9


class LocationSensitive(nn.Module):
    """Where to look next, from what is to be said, what was last said, and where it has looked so far.

    Energies e = vᵀ tanh(W query + V memory + U f), f the convolution of the weights so far (equation 9). Differs: f
    sees the sum of all weights, as Tacotron 2 has it, beside the last ones, as Chorowski has it.
    """

    def __init__(self, query: int, memory: int, width: int, filters: int, kernel: int) -> None:
        """``kernel``: characters that a filter sees, odd."""
        super().__init__()
        self.query = nn.Linear(query, width, bias=False)
        self.memory = nn.Linear(memory, width, bias=False)
        self.seen = nn.Conv1d(2, filters, kernel, padding=kernel // 2, bias=False)
        self.location = nn.Linear(filters, width, bias=False)
        self.energy = nn.Linear(width, 1)

    def keys(self, memory: Tensor) -> Tensor:
        """N×S×D to N×S×A, once an utterance."""
        return self.memory(memory)

    def forward(self, query: Tensor, keys: Tensor, mask: Tensor, looked: Tensor) -> Tensor:
        """N×S weights that add up to 1; ``query`` N×Q, ``mask`` N×S, ``looked`` N×2×S: the last weights and the sum."""
        where = self.location(self.seen(looked).transpose(1, 2))
        energies = self.energy(torch.tanh(self.query(query)[:, None] + keys + where)).squeeze(2)
        return torch.where(mask > 0, energies, NEVER).softmax(1)
