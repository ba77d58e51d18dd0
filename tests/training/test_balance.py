"""Balanced sampling: what is drawn, how often, and that it follows from seed and epoch alone."""

from __future__ import annotations

import numpy as np
import pytest
from training_toys import ToySource

from basestone.core.errors import UsageError
from basestone.training.balance import Balanced, strata

GROUP = np.repeat([0, 1, 2], [70, 25, 5])


def epoch(number, seed=0):
    return Balanced(GROUP, seed)(np.arange(100), number)


def test_every_stratum_is_drawn_equally_often():
    counts = np.bincount(GROUP[epoch(0)])
    assert counts.sum() == 100 and counts.max() - counts.min() == 1  # 34, 33, 33


def test_a_small_stratum_comes_whole_before_any_of_it_comes_again():
    times = np.bincount(epoch(0), minlength=100)
    assert set(times[95:]) <= {6, 7}  # 33 or 34 places for five samples
    assert times[:70].max() == 1  # of a large one no sample comes twice


def test_epochs_differ_and_follow_from_the_seed():
    assert np.array_equal(epoch(3), epoch(3))
    assert not np.array_equal(epoch(3), epoch(4)) and not np.array_equal(epoch(3), epoch(3, seed=1))
    drawn = np.unique(np.concatenate([epoch(number) for number in range(20)]))
    assert len(drawn) == 100  # in the long run no sample is left out


def test_places_of_an_epoch_are_those_of_the_whole_epoch():
    assert np.array_equal(Balanced(GROUP, 0)(np.array([90, 3, 3]), 2), epoch(2)[[90, 3, 3]])


def test_strata_of_classes_groups_and_both():
    source = ToySource(60)
    with pytest.raises(UsageError, match=r"only where the data name them\. Add data\.groups\.$"):
        strata(source, "groups")
    assert np.array_equal(strata(source, "classes"), source.targets)
    source.groups = {"hand": np.array(["left", "right"] * 30), "ink": np.array(["red"] * 60)}
    assert len(np.unique(strata(source, "groups"))) == 2
    both = strata(source, "groups_and_classes")
    pairs = {(group, label) for group, label in zip(source.groups["hand"], source.targets, strict=True)}
    assert both.max() + 1 == len(pairs) == 6
    for one in range(6):
        assert len({(source.groups["hand"][i], source.targets[i]) for i in np.flatnonzero(both == one)}) == 1
