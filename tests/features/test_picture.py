"""Two dimensions of many."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from basestone.core.errors import MissingExtra
from basestone.features.picture import project


def test_the_first_two_directions_are_the_singular_vectors_of_the_training_split():
    draws = np.random.default_rng(0)
    train, shown = (draws.normal(size=(n, 6)) * [9, 5, 1, 1, 1, 1] for n in (200, 30))
    places, facts = project("pca", train.astype(np.float32), shown.astype(np.float32), 0)
    _, sizes, rows = np.linalg.svd(train - train.mean(0), full_matrices=False)
    wanted = (shown - train.mean(0)) @ rows[:2].T
    np.testing.assert_allclose(np.abs(places), np.abs(wanted), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(facts["explained"], (sizes**2 / (sizes**2).sum())[:2], rtol=1e-3)


def test_one_feature_is_drawn_on_a_line_and_signs_do_not_depend_on_chance():
    train = np.arange(10, dtype=np.float32)[:, None]
    places, facts = project("pca", train, train, 0)
    assert np.allclose(places[:, 0], train[:, 0] - 4.5) and not places[:, 1].any() and facts["explained"] == [1.0]


def test_umap_keeps_groups_apart_or_says_what_to_install():
    draws = np.random.default_rng(0)
    train = np.concatenate([draws.normal(size=(60, 8)), draws.normal(size=(60, 8)) + 20]).astype(np.float32)
    if find_spec("umap") is None:
        with pytest.raises(MissingExtra, match=r"Install it with: pip install 'basestone\[umap\]'"):
            project("umap", train, train, 3)
        return
    places, _ = project("umap", train, train[::10], 3)
    one, other = places[:6], places[6:]
    assert np.linalg.norm(one.mean(0) - other.mean(0)) > 3 * max(one.std(0).max(), other.std(0).max())
