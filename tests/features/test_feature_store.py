"""The store is a safetensors file that anyone can read, whatever the order in which its rows came."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import load_file

from basestone.core.errors import ArtifactError
from basestone.features.store import read_features, write_features

ROWS = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)


def parts(*positions):
    return [(np.array(some), ROWS[some]) for some in positions]


def test_rows_come_back_in_order_and_the_reference_library_agrees(tmp_path):
    path = tmp_path / "x.safetensors"
    assert write_features(path, 7, parts([6, 0], [3], [1, 5, 2, 4])) == 5
    found = read_features(path)
    assert np.array_equal(found, ROWS) and found.dtype == np.float32 and not found.flags.writeable
    assert np.array_equal(load_file(path)["features"], ROWS)


@pytest.mark.parametrize("some", [([0, 1, 2],), ([0, 1, 2, 3, 4, 5, 6], [2])])
def test_a_row_that_is_missing_or_comes_twice_is_refused(tmp_path, some):
    with pytest.raises(ValueError, match="every one of 7 rows must be written once"):
        write_features(tmp_path / "x", 7, parts(*some))


def test_numbers_that_are_none_are_refused_with_their_sample(tmp_path):
    broken = ROWS.copy()
    broken[4, 2] = np.nan
    with pytest.raises(ArtifactError, match="Features must be finite numbers, and those of sample 4 are not"):
        write_features(tmp_path / "x", 7, [(np.arange(7), broken)])


def test_a_file_that_was_cut_off_or_is_something_else_is_refused(tmp_path):
    path = tmp_path / "x.safetensors"
    write_features(path, 7, parts(list(range(7))))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ArtifactError, match=r"x\.safetensors must be a store of features and is not"):
        read_features(path)
    path.write_bytes(b"{}")
    with pytest.raises(ArtifactError, match="extract it again"):
        read_features(path)
