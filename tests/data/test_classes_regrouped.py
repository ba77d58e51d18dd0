"""New classes out of a source's own."""

import numpy as np
import pytest

from basestone.core.errors import DataError
from basestone.data.classes import regrouped

COLUMNS = {"label": np.array([0, 1, 2, 1, 3]), "split": np.array(["train", "train", "test", "test", "train"])}
NAMES = ("ant", "bee", "cat", "dog")


def test_rows_of_other_classes_lose_their_split():
    names, columns = regrouped(COLUMNS, NAMES, {"insect": ["bee", "ant"], "pet": ["dog"]})
    assert names == ("insect", "pet")
    assert columns["label"].tolist() == [0, 0, -1, 0, 1]
    assert columns["split"].tolist() == ["train", "train", "", "test", "train"]
    assert COLUMNS["split"].tolist()[2] == "test", "the source's own table stays"


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        ({"a": ["ant"], "b": ["be"]}, "'be' is none. There are ant, bee, cat, dog. Did you mean"),
        ({"a": ["ant"], "b": ["ant", "bee"]}, "'ant' stands twice"),
    ],
)
def test_a_class_that_is_not_there_or_stands_twice_is_named(classes, words):
    with pytest.raises(DataError, match=words):
        regrouped(COLUMNS, NAMES, classes)
