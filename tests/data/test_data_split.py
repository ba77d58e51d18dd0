import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basestone.core.errors import DataError
from basestone.data.options import SplitOptions
from basestone.data.split import all_classes_in_train, apportion, divide, draw, limited


def data(counts, source="train"):
    labels = np.repeat(np.arange(len(counts)), counts)
    hashes = np.array([hashlib.sha256(str(i).encode()).hexdigest() for i in range(len(labels))])
    return np.full(len(labels), source, dtype=object), labels, hashes


@settings(max_examples=40)
@given(counts=st.lists(st.integers(1, 30), min_size=2, max_size=6), seed=st.integers(0, 5))
def test_disjoint_complete_and_every_class_stays_in_train(counts, seed):
    source, labels, hashes = data([*counts, 20])
    splits = divide(source, labels, hashes, SplitOptions(), seed=seed)
    everything = np.concatenate(list(splits.values()))
    assert sorted(everything) == list(range(len(labels)))
    assert set(labels[splits["train"]]) == set(labels)


def test_a_class_of_one_stays_in_train_whatever_the_share():
    """Half of 12 is 6: the quotas 0.5, 0.5, 0.5, 4.5 would give the spare seats to the classes of one."""
    source, labels, hashes = data([1, 1, 1, 9])
    splits = divide(source, labels, hashes, SplitOptions(test=0.5, validation=None), seed=0)
    assert np.bincount(labels[splits["test"]], minlength=4).tolist() == [0, 0, 0, 6]


def test_sizes_by_hand():
    """100 of each of two classes, 20 % test, 10 % validation: 20 and 10 of each."""
    splits = divide(*data([100, 100]), SplitOptions(), seed=0)
    labels = data([100, 100])[1]
    assert {name: np.bincount(labels[p]).tolist() for name, p in splits.items()} == {
        "train": [70, 70],
        "validation": [10, 10],
        "test": [20, 20],
    }


def test_the_order_of_rows_does_not_matter_and_the_seed_does():
    source, labels, hashes = data([40, 60, 25])
    shuffle = np.random.default_rng(0).permutation(len(labels))
    one = divide(source, labels, hashes, SplitOptions(), seed=0)
    two = divide(source, labels[shuffle], hashes[shuffle], SplitOptions(), seed=0)
    other = divide(source, labels, hashes, SplitOptions(), seed=1)
    for name, positions in one.items():
        assert set(hashes[positions]) == set(hashes[shuffle][two[name]])
    assert set(one["test"]) != set(other["test"])


def test_a_source_test_split_is_kept_and_validation_comes_from_train():
    source, labels, hashes = data([50, 50])
    source[::5] = "test"
    splits = divide(source, labels, hashes, SplitOptions(), seed=0)
    assert np.array_equal(splits["test"], np.arange(0, 100, 5))
    assert len(splits["validation"]) == 8  # 10 % of 80
    none = divide(source, labels, hashes, SplitOptions(validation=None), seed=0)
    assert set(none) == {"train", "test"}


def test_without_stratifying_the_size_still_holds():
    splits = divide(*data([90, 10]), SplitOptions(stratify=False), seed=0)
    assert len(splits["test"]) == 20 and len(splits["validation"]) == 10


def test_limit_keeps_proportions_and_small_classes():
    source, labels, hashes = data([600, 300, 2])
    splits = divide(source, labels, hashes, SplitOptions(validation=None, test=None), seed=0)
    kept = limited(splits, labels, hashes, {"train": 10}, seed=0)["train"]
    assert np.bincount(labels[kept]).tolist() == [6, 3, 1]
    assert len(limited(splits, labels, hashes, {"train": 5000}, seed=0)["train"]) == 902


def test_apportion_largest_remainder_by_hand():
    """10 seats for 53, 24, 23: quotas 5.3, 2.4, 2.3; the spare seat goes to the second."""
    counts = np.array([53, 24, 23])
    assert apportion(counts, 10, most=counts).tolist() == [5, 3, 2]
    assert apportion(counts, 10, most=np.array([1, 24, 23])).sum() == 10


def test_errors():
    with pytest.raises(DataError, match="must have a split 'train'"):
        divide(*data([5, 5], source="test"), SplitOptions(), seed=0)
    with pytest.raises(DataError, match=r"split 'validation' would be empty: 0.1 of 4 samples.*data.split.validation"):
        divide(*data([2, 2]), SplitOptions(test=0.25), seed=0)
    with pytest.raises(DataError, match=r"2 of 3 have none: cat, dog.*remove the class"):
        all_classes_in_train(np.array([0]), np.array([2, 0, 1]), ("cat", "dog", "emu"))


def test_draw():
    assert draw(5, None, 0, "x").tolist() == [0, 1, 2, 3, 4]
    one, two = draw(1000, 10, 0, "x"), draw(1000, 10, 0, "y")
    assert len(set(one)) == 10 and sorted(one) == one.tolist() and one.tolist() != two.tolist()
