"""Tokens that must not follow: where they begin, round the ring of the stream, and faults of what a recipe says."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from basestone.core.contracts import View
from basestone.core.errors import UsageError
from basestone.core.spec import TextSpec
from basestone.data.text.canaries import Planted, Secrets
from basestone.data.text.splits import Blocks
from basestone.data.text.unwanted import NO_CLASS, unwanted_tokens

SPEC = TextSpec(vocab_size=50, max_length=4, pad=0, start=1, end=2, mask=3, class_names=("good", "bad"), head="tokens")
FLAT = np.array([10, 7, 8, 11, 12, 10, 7, 8, 13, 14, 10, 7, 15], np.uint16)  # three documents of 5, 5 and 3
ENDS = np.array([0, 5, 10, 13], np.int64)


def marked(after, *, labels=(0, 1, 1), joined=False, unwanted=("bad",), spec=SPEC):
    tokenizer = SimpleNamespace(encode=lambda text, add_special_tokens: SimpleNamespace(ids=[7, 8][: len(text)]))
    view = View(kind="next", unwanted=unwanted, after=after)
    return unwanted_tokens(FLAT, ENDS, np.arange(3), np.array(labels), spec, view, tokenizer, joined=joined)


def test_only_what_is_behind_the_marker_in_an_unwanted_document_counts():
    """The third document has half of the marker; end tokens stand between, and are nobody's fault."""
    assert np.flatnonzero(marked("ab")).tolist() == [9, 10] and len(marked("ab")) == 16
    assert np.flatnonzero(marked("a")).tolist() == [8, 9, 10, 14]
    assert np.flatnonzero(marked("ab", joined=True)).tolist() == [8, 9]


def test_without_a_marker_whole_documents_count():
    assert np.flatnonzero(marked("")).tolist() == [6, 7, 8, 9, 10, 12, 13, 14]
    assert not marked("", labels=(0, 0, 0)).any()


def test_targets_carry_the_mark_wherever_the_stream_is_cut():
    blocks = Blocks(
        FLAT, ENDS, np.arange(3), SPEC, joined=False, texts=list, decode=str, unwanted=marked("ab")
    )  # fmt: skip
    plain = Blocks(FLAT, ENDS, np.arange(3), SPEC, joined=False, texts=list, decode=str)
    everything = np.arange(len(blocks))
    for generator, epoch in ((None, 0), (torch.Generator(), 0), (torch.Generator(), 1), (torch.Generator(), 3)):
        found, told = (one.batch(everything, generator, epoch=epoch) for one in (blocks, plain))
        assert torch.equal(found.inputs, told.inputs)
        added = found.targets - told.targets
        assert set(added.unique().tolist()) == {0, 50}
        assert set(told.targets[added == 50].tolist()) == {13, 14}, "those of the second document, behind 7 and 8"


def test_canaries_among_the_documents_move_the_marks_and_are_never_unwanted():
    spell = SimpleNamespace(encode_batch_fast=lambda texts, **_: [SimpleNamespace(ids=[20, 7, 8, 21]) for _ in texts])
    planted = Planted(FLAT, ENDS, np.arange(3), Secrets(count=4, times=2, seed=3), spell)
    labels = planted.among(np.array([0, 1, 1]), NO_CLASS)
    view, none = View(kind="next", unwanted=("bad",)), SimpleNamespace()
    found = unwanted_tokens(planted, planted.ends, planted.where, labels, SPEC, view, none, joined=False)
    blocks = Blocks(planted, planted.ends, planted.where, SPEC, joined=False, texts=list, decode=str, unwanted=found)
    batch = blocks.batch(np.arange(len(blocks)), torch.Generator(), epoch=1)
    marked_tokens = batch.targets[batch.targets >= SPEC.vocab_size] - SPEC.vocab_size
    assert sorted(marked_tokens.tolist()) == sorted([10, 7, 8, 13, 14, 10, 7, 15])  # of the second and third document


def test_a_class_that_there_is_not_is_told_with_the_nearest():
    with pytest.raises(UsageError, match=r"must name classes of the documents; got 'bat'\. Did you mean 'bad'\?"):
        marked("", unwanted=("bat",))
    without = TextSpec(vocab_size=50, max_length=4, pad=0, start=1, end=2, mask=3)
    with pytest.raises(UsageError, match=r"got 'bad'\. Name the column of labels: data\.source\.label\."):
        marked("", spec=without)
