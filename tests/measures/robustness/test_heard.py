"""Recordings under attack: a linear model of samples, whose nearest wrong answer is known, and what must stay."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from basestone.measures.robustness.attacks.cascade import collect_attacked, victim_of
from basestone.measures.robustness.attacks.options import Attack
from basestone.measures.robustness.attacks.square import side
from basestone.measures.robustness.attacks.validity import check_attack
from basestone.measures.subject import Subject

LENGTH, SPOKEN, COUNT, CLASSES = 40, 25, 10, 3


class Heard(nn.Module):
    """N×T to N×K. It must be given zeros behind every recording."""

    def __init__(self):
        super().__init__()
        self.weight = torch.randn(LENGTH, CLASSES, generator=torch.Generator().manual_seed(0))
        self.weight[SPOKEN:] *= 100  # whoever writes there wins at once

    def forward(self, waves):
        assert waves.shape[1] == LENGTH and not waves[:, SPOKEN:].any() and waves.abs().max() <= 1
        return waves @ self.weight


def recordings():
    waves = torch.zeros(COUNT, LENGTH)
    waves[:, :SPOKEN] = 0.2 * torch.randn(COUNT, SPOKEN, generator=torch.Generator().manual_seed(1))
    waves = (waves * 32_768).round() / 32_768  # as they are recorded
    waves[:, 3] = 0.0  # silence within a recording is part of it
    return waves


@pytest.fixture
def heard():
    model, waves = Heard(), recordings()
    logits = model(waves)
    truth = logits.argmax(1)
    apart = (model.weight.T[truth][:, None] - model.weight.T[None])[:, :, :SPOKEN].abs().sum(2)
    gaps = (logits.gather(1, truth[:, None]) - logits) / apart
    nearest = gaps.scatter(1, truth[:, None], torch.inf).amin(1)  # in the largest sample's change
    return model, waves, truth.numpy(), nearest.numpy()


def raw_of(waves):
    return lambda index: waves[torch.as_tensor(index)]


@pytest.mark.parametrize("factor", [0.95, 1.05])
def test_a_recording_falls_just_beyond_its_nearest_boundary_and_stands_just_before_it(heard, factor):
    model, waves, truth, nearest = heard
    for place in range(COUNT):
        attack = Attack(norm="linf", epsilon=float(nearest[place]) * factor)
        table = collect_attacked(Subject(model=model), raw_of(waves), truth, [place], attack, seed=0)
        assert table["robust"].tolist() == [int(factor < 1)], place


def test_what_is_shown_is_near_what_was_recorded_and_nothing_behind_it(heard):
    model, waves, truth, nearest = heard
    radius = float(np.median(nearest))
    victim = victim_of(
        Subject(model=model), raw_of(waves), truth, range(COUNT), Attack(norm="linf", epsilon=radius), seed=0
    )
    rows = torch.arange(COUNT)
    assert torch.equal(victim.shown(victim.images, rows), waves)  # nothing is rounded away
    moved = victim.shown(victim.somewhere("anywhere", rows), rows) - waves
    assert 0.9 * radius < moved.abs().max() <= radius * (1 + 1e-5) and not moved[:, SPOKEN:].any()
    assert moved[:, 3].any()
    one = victim.part(rows[4:6], victim.ball)
    assert torch.equal(one.shown(one.images, torch.arange(2)), waves[4:6]) and one.index == [4, 5]


def test_the_checks_of_the_attack_speak_of_samples(heard):
    model, waves, truth, nearest = heard
    attack = Attack(norm="linf", epsilon=float(np.median(nearest)))
    victim = victim_of(Subject(model=model), raw_of(waves), truth, range(COUNT), attack, seed=0)
    found = check_attack(victim, attack)
    radii = [rung["epsilon"] for rung in found["ladder"]]
    assert radii == pytest.approx([attack.epsilon / 2, attack.epsilon, 2 * attack.epsilon])
    assert [rung["standing"] for rung in found["ladder"]] == [int((nearest > radius).sum()) for radius in radii]
    assert found["any_budget"] == found["flat"] == found["varying"] == 0


def test_square_takes_stretches_of_a_recording():
    """0.8 of it first, halved at 0.1 % of the queries and eight times more."""
    assert [side(query, 10_000, 1, 1_000) for query in (0, 11, 51, 9_999)] == [800, 400, 200, 2]
    assert side(9_999, 10_000, 1, 10) == 1
