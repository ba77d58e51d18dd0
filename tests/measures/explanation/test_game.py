"""Shapley values: games whose values are known by hand, the axioms as laws, and sampling against the exact values."""

import numpy as np
import pytest

from basestone.measures.explanation.game import exactly, sampled, shapley_values


def generator(seed=0):
    return np.random.default_rng(seed)


def gloves(keep):
    """Player 0 holds a left glove, 1 and 2 a right one each; a pair is worth 1."""
    return (keep[:, 0] & (keep[:, 1] | keep[:, 2])).astype(float)


def network(players, seed=0, steep=0.5):
    """A smooth game with interactions: a small random network's probability."""
    draws = generator(seed)
    first, second = draws.normal(size=(players, 8)), draws.normal(size=8)
    return lambda keep: 1 / (1 + np.exp(-np.tanh(keep @ first * steep) @ second))


def test_the_glove_game_by_hand():
    # Of 6 orders, player 0 completes a pair in 4 (unless first: 2 orders), players 1 and 2 in one each.
    found = exactly(gloves, 3)
    assert found.values == pytest.approx([4 / 6, 1 / 6, 1 / 6])
    assert found.evaluations == 8 and found.errors.tolist() == [0, 0, 0]
    assert (found.everyone, found.nobody) == (1.0, 0.0)


def test_the_axioms():
    weights = np.array([3.0, -1.0, 0.0, 2.0, 2.0])
    game = network(5)
    dummy = exactly(lambda keep: game(np.where(np.arange(5) == 2, False, keep)), 5)
    assert dummy.values[2] == 0  # who changes nothing gets nothing
    assert exactly(lambda keep: keep @ weights, 5).values == pytest.approx(weights)  # additive games are their weights
    both = exactly(lambda keep: game(keep) + keep @ weights, 5).values
    assert both == pytest.approx(exactly(game, 5).values + weights)  # linearity
    symmetric = exactly(lambda keep: (keep.sum(1) ** 2).astype(float), 5)
    assert symmetric.values == pytest.approx([5.0] * 5)  # 25 shared out alike


@pytest.mark.parametrize("players", [3, 7, 20])
def test_what_is_sampled_sums_to_the_worth_of_everyone(players):
    game = network(players)
    found = sampled(game, players, 200, generator())
    assert found.values.sum() == pytest.approx(found.everyone - found.nobody)
    assert found.evaluations <= max(200, 2 + 4 * players)


def test_no_coalition_is_asked_twice():
    seen = []

    def worth(keep):
        seen.extend(map(bytes, keep))
        return keep.sum(1).astype(float)

    sampled(worth, 6, 60, generator())
    assert len(seen) == len(set(seen)) <= 60


def test_complements_cancel_what_is_pairwise():
    # In a game of pairs, a coalition's worth less its complement's is a sum of the values of both.
    pairs = generator(3).normal(size=(9, 9))
    found = sampled(lambda keep: np.einsum("sp,pq,sq->s", keep, pairs, keep), 9, 100, generator())
    exact = exactly(lambda keep: np.einsum("sp,pq,sq->s", keep, pairs, keep), 9)
    assert found.values == pytest.approx(exact.values)
    assert found.errors == pytest.approx(np.zeros(9), abs=1e-12)


def test_sampling_comes_within_five_percent_of_exact_at_512_answers():
    # the largest error by the largest value; bench_shapley.py has the same of digits, beside Captum's sampling
    off = []
    for seed in range(20):
        game = network(12, seed, steep=0.3)
        exact, found = exactly(game, 12).values, sampled(game, 12, 512, generator(seed))
        assert found.evaluations <= 512
        off.append(np.abs(found.values - exact).max() / np.abs(exact).max())
    assert np.mean(off) < 0.05


def test_all_coalitions_are_the_exact_values_without_error():
    for players in (3, 6, 7):
        found, exact = sampled(network(players), players, 2**players, generator()), exactly(network(players), players)
        assert found.values == pytest.approx(exact.values)
        assert found.errors == pytest.approx(np.zeros(players), abs=1e-12)
        assert found.evaluations == 2**players


def test_every_size_is_drawn_equally_often_as_far_as_it_goes():
    seen = []

    def worth(keep):
        seen.append(keep)
        return keep.sum(1).astype(float)

    sampled(worth, 12, 512, generator())
    sizes = np.bincount(np.concatenate(seen).sum(1), minlength=13)
    assert sizes[[0, 12]].tolist() == [1, 1] and sizes[[1, 11]].tolist() == [12, 12]
    assert sizes[2:11].tolist() == [48, 48, 49, 49, 98, 49, 49, 48, 48]
    assert len({bytes(row) for row in np.concatenate(seen)}) == 512


def test_many_players_are_drawn_without_listing_all():
    weights = generator(1).normal(size=60)
    found = sampled(lambda keep: keep @ weights, 60, 400, generator())
    assert found.values == pytest.approx(weights)  # additive: a regression finds it whatever is drawn


def test_standard_errors_are_those_of_repetition():
    game = network(10, 4)
    runs = [sampled(game, 10, 130, generator(seed)) for seed in range(300)]
    spread = np.std([run.values for run in runs], axis=0)
    told = np.sqrt(np.mean([run.errors**2 for run in runs], axis=0))
    assert (told > 0.9 * spread).all() and (told < 1.8 * spread).all()  # never too small, and not by much too large


def test_few_players_are_exact_and_many_are_not():
    asked = []

    def worth(keep):
        asked.append(len(keep))
        return keep.sum(1).astype(float)

    assert shapley_values(worth, 4, 10, generator()).evaluations == 16
    assert shapley_values(worth, 2, 10, generator(), exact=0).evaluations == 4  # with two there is nothing to draw
    assert shapley_values(worth, 13, 100, generator()).evaluations <= 100
    with pytest.raises(ValueError, match="a game needs a player; got 0"):
        shapley_values(worth, 0, 10, generator())
