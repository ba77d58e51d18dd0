"""Reciting: the one pass against greedy decoding token by token, by hand, and the share's bounds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from basestone.core.spec import TextSpec
from basestone.measures import measure
from basestone.measures.privacy.verbatim import PIECE, PREFIX, collect_verbatim
from basestone.measures.subject import Subject
from basestone.models.catalogue import MODELS
from basestone.models.generate import generate, greedy


def text_spec(vocab_size):
    return TextSpec(vocab_size=vocab_size, max_length=128, pad=0, start=1, end=2, mask=3, class_names=(), head="tokens")


def test_one_pass_tells_what_greedy_decoding_would_write():
    """A small vocabulary, and half of the text written by the model itself, so that it recites some of it in part."""
    torch.manual_seed(0)
    options = MODELS.options("gpt").model_validate({"kind": "gpt", "layers": 1, "width": 16, "heads": 2})
    model = MODELS.build(options, text_spec(6)).eval()
    text = np.random.default_rng(0).integers(0, 6, 12 * PIECE)
    for piece in range(0, 12, 2):
        start = piece * PIECE + PREFIX
        own = generate(model, text[start - PREFIX : start].tolist(), PIECE - PREFIX, greedy, window=128)
        text[start : start + PIECE - PREFIX] = own
        text[start + 10 * (piece // 2)] += piece // 2 == 3  # one of them has another token after thirty
        text %= 6
    found = collect_verbatim(
        Subject(model=model), lambda start, count: text[start : start + count], np.arange(12), batch_size=5
    )
    for piece, right in enumerate(found["right"].tolist()):
        start = piece * PIECE + PREFIX
        written = generate(model, text[start - PREFIX : start].tolist(), PIECE - PREFIX, greedy, window=128)
        differs = np.flatnonzero(np.array(written) != text[start : start + PIECE - PREFIX])
        assert right == (differs[0] if len(differs) else PIECE - PREFIX), piece
    assert (found["right"] == 50).sum() >= 5 and found["right"][6] == 30


def test_only_whole_pieces_count(make_records):
    """49 of 50 right is no recital: 1 of 4 pieces."""
    records = make_records(verbatim={"index": np.arange(4), "right": np.array([50, 49, 0, 7])})
    found = measure("verbatim_rate", records)
    assert (found.value, found.n, found.detail["longest"]) == (0.25, 4, 50)


@pytest.mark.parametrize(("n", "passes"), [(2_994, False), (2_995, True)])
def test_from_2995_pieces_on_none_shows_one_in_a_thousand(make_records, n, passes):
    found = measure("verbatim_rate", make_records(verbatim={"index": np.arange(n), "right": np.zeros(n, int)}))
    assert (found.interval.upper <= 0.001) is passes
