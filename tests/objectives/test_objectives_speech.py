"""CTC: by hand over all paths, and what is not said counts nothing."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import nn

from basestone.core.batch import Batch
from basestone.core.contracts import view_of
from basestone.objectives.speech import ctc

LOGITS = torch.tensor([[[0.2, 1.0, -0.5], [0.9, -0.1, 0.3], [0.0, 0.4, 0.8]]])  # three frames: blank, a, b


class Fixed(nn.Module):
    def __init__(self, logits):
        super().__init__()
        self.logits = nn.Parameter(logits)

    def forward(self, inputs):
        return self.logits


def batch(targets, n=1):
    return Batch(inputs=torch.zeros(n, 8), targets=torch.tensor(targets), index=torch.arange(n))


def joined(path):
    return [output for output, _ in itertools.groupby(path) if output]


@pytest.mark.parametrize("said", [[1], [1, 2], [2, 1, 2], [1, 1]])
def test_the_loss_is_that_of_all_paths_that_spell_the_text(said):
    """By hand: minus the logarithm of the summed probability of the 27 paths that are joined to the text."""
    probability = LOGITS.softmax(2)[0]
    paths = itertools.product(range(3), repeat=3)
    whole = sum(
        math.prod(float(probability[frame, output]) for frame, output in enumerate(path))
        for path in paths
        if joined(path) == said
    )
    loss = ctc()(Fixed(LOGITS), batch([said + [-100] * (4 - len(said))]))
    assert loss.total.item() == pytest.approx(-math.log(whole), rel=1e-5) and loss.count == 1
    assert view_of(ctc()).kind == "characters"


def test_totals_add_up_over_recordings_and_gradients_are_finite():
    both = Fixed(LOGITS.repeat(2, 1, 1))
    loss = ctc()(both, batch([[1, 2, -100], [2, -100, -100]], 2))
    alone = [ctc()(Fixed(LOGITS), batch([row])).total for row in ([1, 2], [2])]
    assert loss.total.item() == pytest.approx(sum(part.item() for part in alone), rel=1e-6) and loss.count == 2
    loss.total.backward()
    assert torch.isfinite(both.logits.grad).all()


def test_what_does_not_fit_counts_nothing():
    assert ctc()(Fixed(LOGITS), batch([[1, 1, 1, 1]])).total.item() == 0.0  # seven frames would be needed
