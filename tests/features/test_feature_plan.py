"""Batches of documents of like length under a budget."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from basestone.features.plan import by_length


def test_by_hand():
    # Padded to multiples of 8: 8 8 16 16 24. A budget of 32 tokens holds 4, 2 and 1 of them.
    batches = by_length(np.array([3, 20, 9, 8, 16]), 32, 8)
    assert [batch.tolist() for batch in batches] == [[1], [2, 4], [0, 3]]


@given(st.lists(st.integers(2, 200), min_size=1, max_size=200), st.integers(1, 1000), st.sampled_from([1, 8]))
def test_everyone_once_within_the_budget_and_the_longest_first(lengths, budget, multiple):
    sizes = np.array(lengths)
    batches = by_length(sizes, budget, multiple)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(sizes)))
    widths = [-(-int(sizes[batch].max()) // multiple) * multiple for batch in batches]
    assert widths == sorted(widths, reverse=True)
    assert all(len(batch) == 1 or len(batch) * width <= budget for batch, width in zip(batches, widths, strict=True))
    assert all(width - sizes[batch].min() < multiple for batch, width in zip(batches, widths, strict=True))
