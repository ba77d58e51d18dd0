import numpy as np
import pytest

from basestone.core.errors import UsageError
from basestone.training.order import positions, steps_per_epoch


@pytest.mark.parametrize(
    ("samples", "batch", "world", "steps"),
    [(100, 10, 1, 10), (103, 10, 1, 11), (101, 10, 1, 10), (5, 10, 1, 1), (107, 10, 4, 10), (108, 10, 4, 11)],
)
def test_steps_of_an_epoch_by_hand(samples, batch, world, steps):
    assert steps_per_epoch(samples, batch, world) == steps


def test_an_epoch_visits_every_sample_once():
    taken = np.concatenate([positions(7, 103, 10, step) for step in range(11)])
    assert sorted(taken) == list(range(103))


def test_only_a_single_left_over_sample_is_left_out_and_it_is_another_each_epoch():
    left_out = set()
    for epoch in range(30):
        taken = np.concatenate([positions(0, 21, 10, 2 * epoch + step) for step in range(2)])
        assert len(set(taken)) == 20
        left_out |= set(range(21)) - set(taken)
    assert len(left_out) > 10


@pytest.mark.parametrize("world", [2, 3, 4])
def test_shards_are_disjoint_cover_and_do_not_depend_on_the_world(world):
    for step in (0, 3, 8, 12):
        shards = [positions(1, 106, 16, step, world, rank) for rank in range(world)]
        assert sorted(np.concatenate(shards)) == sorted(positions(1, 106, 16, step))


def test_order_depends_on_seed_and_epoch_and_on_nothing_else():
    first = [positions(3, 40, 8, step) for step in range(10)]
    again = [positions(3, 40, 8, step) for step in reversed(range(10))][::-1]
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(np.concatenate(first[:5]), np.concatenate(first[5:]))
    assert not np.array_equal(first[0], positions(4, 40, 8, 0))


def test_positions_may_be_written_to_without_harm():
    first = positions(0, 20, 8, 1)
    kept = first.copy()
    first[:] = 0
    assert np.array_equal(positions(0, 20, 8, 1), kept)


def test_a_position_is_equally_likely_everywhere():
    # Law: over 600 seeds, sample 0 falls into each of 4 batches 150 times, give or take 4 standard deviations (10.6).
    counts = np.zeros(4)
    for seed in range(600):
        counts[next(step for step in range(4) if 0 in positions(seed, 16, 4, step))] += 1
    assert np.all(np.abs(counts - 150) < 43)


def test_too_few_samples_say_what_to_do():
    with pytest.raises(UsageError, match=r"got 1 samples in batches of 8 for 1 rank.*Add samples"):
        steps_per_epoch(1, 8)
    with pytest.raises(UsageError, match="use fewer ranks"):
        steps_per_epoch(100, 2, world=4)
