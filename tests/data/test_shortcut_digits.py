"""Planted shortcuts follow their structural model."""

import numpy as np
import pytest

from basestone.core.errors import DataError
from basestone.data.readers.shortcut_digits import ShortcutDigits, drawn_mark, marked


def rows(split, plant="corner", share=0.9):
    return list(ShortcutDigits(plant, share, 0).rows(split, ["mark"]))


@pytest.mark.parametrize(("split", "share"), [("train", 0.9), ("validation", 0.5), ("test", 0.5)])
def test_marks_agree_with_the_class_as_often_as_the_model_says(split, share):
    found = rows(split)
    agrees = sum(row.groups["mark"] == "agrees" for row in found)
    assert abs(agrees / len(found) - share) < 4 * (share * (1 - share) / len(found)) ** 0.5


def test_splits_are_disjoint_and_whole():
    names = [row.name for split in ("train", "validation", "test") for row in rows(split)]
    assert len(names) == len(set(names)) == 1797
    assert ShortcutDigits("none", 0.9, 0).counts() == {"train": 1078, "validation": 360, "test": 359}


def test_marks_of_other_classes_are_equally_likely():
    draws = np.random.default_rng(0)
    found = np.bincount([drawn_mark(3, 0.0, draws) for _ in range(9_000)], minlength=10)
    assert found[3] == 0 and np.delete(found, 3).min() > 880


@pytest.mark.parametrize("plant", ["corner", "watermark", "colour"])
def test_the_mark_is_all_that_differs(plant):
    image = np.random.default_rng(0).integers(0, 256, (1, 8, 8)).astype(np.uint8)
    one, other = marked(image, 2, plant), marked(image, 7, plant)
    differs = np.argwhere((one != other).any(0))
    if plant == "colour":
        assert one.shape == (3, 8, 8)
        assert len({tuple(marked(image, mark, plant)[:, 4, 4].tolist()) for mark in range(10)}) == 10
    else:
        assert len(differs) >= 3
        assert (differs < 3).all() if plant == "corner" else (differs >= 5).all()
    assert marked(image, 2, "none") is image


def test_other_groups_are_refused():
    with pytest.raises(DataError, match="shortcut_digits has the group 'mark' and no other"):
        next(ShortcutDigits("corner", 0.9, 0).rows("train", ["hand"]))
