"""The loss of a model that speaks, part by part."""

from __future__ import annotations

import math

import pytest
import torch

from basestone.core.contracts import view_of
from basestone.core.utterance import Taught
from basestone.objectives.synthesis import mel_errors, stop_errors, strayed, synthesis


def taught(**changed):
    """Two utterances: four frames in two groups of two, and two frames in one."""
    base = {
        "mel": torch.zeros(2, 4, 3),
        "before": torch.ones(2, 4, 3),
        "after": torch.full((2, 4, 3), 0.5),
        "stops": torch.zeros(2, 2),
        "attention": torch.tensor([[[1.0, 0, 0], [0, 1, 0]], [[1, 0, 0], [1, 0, 0]]]),
        "frames": torch.tensor([4, 2]),
        "groups": torch.tensor([2, 1]),
        "characters": torch.tensor([2, 1]),
    }
    return Taught(**(base | changed))


def test_squared_errors_are_means_over_an_utterances_own_frames():
    said = torch.ones(2, 4, 3)
    said[1, 2:] = 100.0  # behind its end
    said[0, 0] = 3.0
    assert mel_errors(said, taught()).tolist() == pytest.approx([(9 + 1 + 1 + 1) / 4, 1.0])


def test_stopping_is_learnt_at_the_last_group_alone():
    """By hand: −log σ(x) where it stops, weighted, and −log σ(−x) before."""
    stops = torch.tensor([[-2.0, 1.0], [3.0, 50.0]])
    last = 5 * math.log1p(math.exp(-1.0))
    found = stop_errors(taught(stops=stops), 5.0).tolist()
    assert found == pytest.approx([(math.log1p(math.exp(-2.0)) + last) / 2, 5 * math.log1p(math.exp(-3.0))])


def test_attention_off_the_diagonal_is_what_is_paid_for():
    """On it 0; by hand half a text away with g = 0.2: 1 − exp(−0.25 / 0.08), of two groups and two characters."""
    assert strayed(taught(), 0.2).tolist() == pytest.approx([0.0, 0.0], abs=1e-7)
    off = torch.tensor([[[0.0, 1, 0], [0, 1, 0]], [[1, 0, 0], [0, 0, 1]]])
    assert strayed(taught(attention=off), 0.2).tolist() == pytest.approx([(1 - math.exp(-0.25 / 0.08)) / 4, 0.0])


def test_the_parts_add_up_over_utterances():
    told = taught()
    parts = mel_errors(told.before, told) + mel_errors(told.after, told) + stop_errors(told, 5.0)

    class Says(torch.nn.Module):
        def forward(self, inputs, targets):
            return told

    class Three:
        inputs = targets = None

        def __len__(self):
            return 2

    loss = synthesis(guide_weight=0.0)(Says(), Three())
    assert loss.count == 2 and float(loss.total) == pytest.approx(float(parts.sum()))
    guided = synthesis(guide_weight=2.0, guide_width=0.1)(Says(), Three())
    assert float(guided.total) == pytest.approx(float((parts + 2 * strayed(told, 0.1)).sum()))
    assert view_of(synthesis()).kind == "spoken"
