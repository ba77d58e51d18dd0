"""What a sample costs and how it is drawn: probabilities that add up, a reference's numbers, frequencies."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from basestone.models.own.sample_odds import HALF, Logistics, Softmax, odds_of


def outputs_of(odds, seed=0):
    made = torch.randn(1, 1, odds.outputs, generator=torch.Generator().manual_seed(seed))
    if isinstance(odds, Logistics):
        made[..., odds.mixtures : 2 * odds.mixtures] *= 0.5  # centres within −1 … 1 and beyond
        made[..., 2 * odds.mixtures :] -= 2.5
    return made


def probabilities(odds, made):
    classes = torch.arange(256)[None]
    return torch.exp(-odds.nats(made.double().expand(1, 256, -1), classes))[0].numpy()


@pytest.mark.parametrize("odds", [Softmax(), Logistics(1), Logistics(5)])
@pytest.mark.parametrize("seed", range(3))
def test_probabilities_of_all_classes_add_up_to_one(odds, seed):
    assert probabilities(odds, outputs_of(odds, seed)).sum() == pytest.approx(1, abs=2e-5)


def test_logistics_are_scipys_between_the_edges_of_a_cell():
    odds, made = Logistics(3), outputs_of(Logistics(3), 7)
    weights, centres, widths = (part.numpy().astype(float) for part in made[0, 0].chunk(3))
    share = np.exp(weights) / np.exp(weights).sum()
    places = np.arange(256) * 2 * HALF - 1
    edges = np.concatenate([[-np.inf], places[1:] - HALF, [np.inf]])
    wanted = sum(
        part * np.diff(stats.logistic.cdf(edges, loc=centre, scale=np.exp(width)))
        for part, centre, width in zip(share, centres, widths, strict=True)
    )
    np.testing.assert_allclose(probabilities(odds, made), wanted, rtol=1e-3, atol=1e-12)


def test_a_class_far_from_every_logistic_still_has_a_price_and_a_slope():
    made = torch.tensor([[[0.0, -1.0, -9.0]]]).requires_grad_()  # narrower than the narrowest
    nats = Logistics(1).nats(made, torch.tensor([[200]]))
    nats.sum().backward()
    assert 100 < nats.item() < 2_000 and made.grad is not None and torch.isfinite(made.grad).all()
    assert made.grad[0, 0, 1] < 0  # towards the class


@pytest.mark.parametrize("odds", [Softmax(), Logistics(4)])
def test_draws_have_the_frequencies_that_the_odds_say(odds):
    made, count = outputs_of(odds, 1), 40_000
    luck = np.random.default_rng(0).random((count, 2))
    drawn = odds.draw(np.repeat(made[0].numpy(), count, 0), luck, 1.0)
    wanted = probabilities(odds, made) * count
    seen = np.bincount(drawn, minlength=256)
    often = wanted > 20
    chi = ((seen - wanted)[often] ** 2 / wanted[often]).sum()
    assert chi < stats.chi2.ppf(1 - 1e-5, often.sum()) and seen[~often].sum() < 2 * wanted[~often].sum() + 20


def test_a_low_temperature_keeps_to_the_likely():
    odds, luck = Softmax(), np.random.default_rng(0).random((200, 2))
    made = np.repeat(outputs_of(odds)[0].numpy(), 200, 0)
    cold, warm = (len(set(odds.draw(made, luck, heat).tolist())) for heat in (0.05, 1.0))
    assert cold < 5 < warm and set(odds.draw(made, luck, 1e-4)) == {int(made[0].argmax())}


def test_they_are_named():
    assert isinstance(odds_of("softmax", 3), Softmax) and odds_of("logistics", 3).outputs == 9
