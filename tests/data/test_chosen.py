"""Some samples as a source of their own: theirs, in that order, with the targets that were asked for."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from basestone.core.errors import UsageError
from basestone.data.chosen import Chosen
from basestone.data.dataset import open_split, open_splits, prepare
from basestone.data.options import DataOptions


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chosen")
    said = DataOptions.model_validate({"source": {"kind": "sklearn_digits"}})
    prepare(said, seed=0, folder=folder / "data", cache_root=folder / "cache")
    return folder / "data", folder / "cache"


def test_several_splits_follow_one_another(digits):
    both = open_splits(*digits, ["train", "test"])
    train, test = (open_split(*digits, name) for name in ("train", "test"))
    assert len(both) == len(train) + len(test)
    assert torch.equal(both.raw([0, len(train)]), torch.cat([train.raw([0]), test.raw([0])]))
    with pytest.raises(UsageError, match="no split 'holdout'; they have train, validation, test"):
        open_splits(*digits, ["train", "holdout"])


def test_the_chosen_are_the_sources_own(digits):
    train = open_split(*digits, "train")
    where = np.array([7, 3, 11])
    chosen = Chosen(train, where)
    found, theirs = chosen.batch(np.array([2, 0])), train.batch(np.array([11, 7]))
    assert torch.equal(found.inputs, theirs.inputs) and torch.equal(found.targets, theirs.targets)
    assert found.index.tolist() == [2, 0] and len(chosen) == 3
    assert chosen.targets.tolist() == train.targets[where].tolist()


def test_the_chosen_bring_their_groups_along():
    hands = {"hand": np.array(["left", "right", "left", "right"])}
    chosen = Chosen(SimpleNamespace(targets=np.arange(4), groups=hands), np.array([3, 0]))
    assert {name: values.tolist() for name, values in chosen.groups.items()} == {"hand": ["right", "left"]}
    assert Chosen(chosen, np.array([1])).groups["hand"].tolist() == ["left"]


def test_a_source_without_groups_has_none(digits):
    assert Chosen(open_split(*digits, "train"), np.array([7])).groups == {}


def test_other_targets_replace_theirs(digits):
    chosen = Chosen(open_split(*digits, "train"), np.array([7, 3]), np.array([4, 9]))
    assert chosen.batch(np.arange(2)).targets.tolist() == [4, 9] == chosen.targets.tolist()
