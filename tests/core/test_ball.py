"""Balls of images: what projecting must do, whatever the image."""

import pytest
import torch

from basestone.core.ball import Ball, over_images

BALLS = [Ball(norm="linf", epsilon=0.1), Ball(norm="l2", epsilon=0.7)]


@pytest.fixture
def pairs():
    generator = torch.Generator().manual_seed(0)
    centre = torch.rand(20, 2, 3, 3, generator=generator)
    return centre, centre + torch.randn(centre.shape, generator=generator)


@pytest.mark.parametrize("ball", BALLS, ids=lambda ball: ball.norm)
def test_projecting_lands_inside_stays_there_and_leaves_what_is_inside(ball, pairs):
    centre, images = pairs
    inside = ball.project(images, centre)
    assert ball.holds(inside, centre).all() and not ball.holds(images, centre).any()
    assert torch.allclose(ball.project(inside, centre), inside, atol=1e-6)
    near = (centre + 0.01 * (images - centre).sign()).clamp(0, 1)
    assert torch.allclose(ball.project(near, centre), near)


def test_sizes_by_hand():
    change = torch.tensor([3.0, -4.0]).view(1, 1, 1, 2)
    assert Ball(norm="linf", epsilon=1).size(change).item() == 4
    assert Ball(norm="l2", epsilon=1).size(change).item() == 5
    assert Ball(norm="l2", epsilon=0.5).project(torch.zeros(1, 1, 1, 2) + change, torch.zeros(1, 1, 1, 2)).flatten()[
        0
    ].item() == pytest.approx(0.3)


@pytest.mark.parametrize("ball", BALLS, ids=lambda ball: ball.norm)
def test_nothing_of_norm_1_rises_more_than_the_steepest(ball, pairs):
    slope = pairs[1] - 0.5
    best = ball.steepest(slope)
    assert torch.allclose(ball.size(best), torch.ones(20))
    gain = (best * slope).flatten(1).sum(1)
    for seed in range(20):
        other = torch.randn(slope.shape, generator=torch.Generator().manual_seed(seed))
        other = other / over_images(ball.size(other))
        assert ((other * slope).flatten(1).sum(1) <= gain + 1e-5).all()
