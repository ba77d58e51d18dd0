"""A text in pieces that a model reads whole: none is too long by another count, and nothing is left out."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from basestone.core.spec import TextSpec
from basestone.data.received import Texts

WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "天", "气")


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """Six words at once, beside the start and the end."""
    path = tmp_path_factory.mktemp("words") / "tokenizer.json"
    tokenizer = Tokenizer(models.WordLevel({word: place + 4 for place, word in enumerate(WORDS)}, unk_token=WORDS[0]))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.save(str(path))
    return Texts(TextSpec(vocab_size=11, max_length=8, pad=0, start=1, end=2, mask=3), path)


def test_by_hand(reader):
    words = "alpha beta gamma delta epsilon alpha beta gamma delta epsilon"
    assert reader.stretches(words) == [
        "alpha beta gamma delta epsilon alpha",
        "delta epsilon alpha beta gamma delta",
        "beta gamma delta epsilon",
    ]
    assert reader.stretches("  beta  gamma ") == ["beta  gamma"] and reader.stretches("  ") == []


@settings(max_examples=200, deadline=None)
@given(words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=40))
def test_every_six_neighbours_less_half_are_seen_together_and_nothing_is_cut_off(reader, words):
    pieces = [piece.split() for piece in reader.stretches(" ".join(words))]
    assert all(len(piece) <= 6 for piece in pieces)
    assert pieces[0] == words[:6] and pieces[-1] == words[-len(pieces[-1]) :]
    assert [one for piece in pieces[:-1] for one in piece[:3]] + pieces[-1] == words
    kept = reader.read("BYTES", [" ".join(piece).encode() for piece in pieces]).batch
    assert ((kept != 0).sum(1) - 2 == [len(piece) for piece in pieces]).all()
