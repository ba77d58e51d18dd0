"""What the loops read of text: framed documents, hidden words, blocks of a stream."""

import numpy as np
import pytest
import torch

from basestone.core.spec import TextSpec
from basestone.data.text.splits import IGNORED, Blocks, Documents, Masked

SPEC = TextSpec(vocab_size=50, max_length=10, pad=0, start=1, end=2, mask=3, class_names=("a", "b"))
LENGTHS = [3, 20, 1, 8]  # of the documents in the cache
FLAT = np.arange(10, 10 + sum(LENGTHS), dtype=np.uint16)
ENDS = np.concatenate([[0], np.cumsum(LENGTHS)]).astype(np.int64)


def documents(where=(0, 1, 2, 3), spec=SPEC):
    at = np.array(where)
    return Documents(
        FLAT,
        ENDS,
        at,
        at % 2,
        spec,
        row_names=[f"row {place}" for place in where],
        groups={},
        texts=lambda positions: [f"text {place}" for place in positions],
        encode=lambda texts: [[20] * len(text) for text in texts],
    )


def stream(where=(0, 2, 3), *, joined):
    return Blocks(
        FLAT, ENDS, np.array(where), SPEC, joined=joined, texts=lambda at: [f"text {place}" for place in at], decode=str
    )


def test_a_document_is_framed_cut_to_length_and_padded():
    split = documents()
    batch = split.batch(np.array([0, 1]))
    assert batch.inputs[0].tolist() == [1, 10, 11, 12, 2, 0, 0, 0, 0, 0]
    assert batch.inputs[1].tolist() == [1, *range(13, 21), 2]  # the first eight of twenty
    assert batch.targets.tolist() == [0, 1] and batch.index.tolist() == [0, 1]
    assert split.lengths.tolist() == [5, 10, 3, 10]
    assert split.batch(np.array([2])).inputs.tolist() == [[1, 33, 2, 0, 0, 0, 0, 0]]  # to a multiple of eight
    assert split.texts([3, 0]) == ["text 3", "text 0"]


def test_any_text_is_framed_as_the_split_is():
    assert documents().tokens(["ab", "a" * 30]).tolist() == [[1, 20, 20, 2, *[0] * 6], [1, *[20] * 8, 2]]


def masked(continues=(), **options):
    flags = np.zeros(SPEC.vocab_size, bool)
    flags[list(continues)] = True
    return Masked(documents(where=[1] * 400), flags, **({"share": 0.25, "whole_word": True} | options))


def test_a_share_of_the_tokens_is_hidden_and_asked_for():
    batch = masked().batch(np.arange(400), torch.Generator().manual_seed(0))
    chosen = batch.targets != IGNORED
    original = documents(where=[1] * 400).batch(np.arange(400)).inputs
    assert (chosen.sum(1) == 2).all()  # a quarter of eight
    assert not chosen[:, [0, 9]].any(), "special tokens are never asked for"
    assert torch.equal(batch.targets[chosen], original[chosen])
    assert torch.equal(batch.inputs[~chosen], original[~chosen])
    shown = batch.inputs[chosen]
    as_mask = (shown == SPEC.mask).float().mean().item()
    kept = (shown == original[chosen]).float().mean().item()
    assert as_mask == pytest.approx(0.8, abs=0.05)  # 800 tokens: ± 0.028 at 95 %
    assert kept == pytest.approx(0.1 + 0.1 / 50, abs=0.04)


def test_every_place_is_chosen_as_often_as_another():
    chosen = masked().batch(np.arange(400), torch.Generator().manual_seed(1)).targets[:, 1:9] != IGNORED
    assert chosen.float().mean(0).tolist() == pytest.approx([0.25] * 8, abs=0.08)


def test_the_tokens_of_a_word_are_hidden_together():
    batch = masked(continues=[14, 15, 18]).batch(np.arange(400), torch.Generator().manual_seed(0))
    chosen = (batch.targets != IGNORED)[:, 1:9]  # tokens 13 … 20: words 13-15, 16, 17-18, 19, 20
    assert torch.equal(chosen[:, 0], chosen[:, 1]) and torch.equal(chosen[:, 1], chosen[:, 2])
    assert torch.equal(chosen[:, 4], chosen[:, 5])
    assert not torch.equal(chosen[:, 3], chosen[:, 4])
    single = masked(continues=[14, 15, 18], whole_word=False).batch(np.arange(400), torch.Generator().manual_seed(0))
    apart = (single.targets != IGNORED)[:, 1:9]
    assert not torch.equal(apart[:, 0], apart[:, 1])


def test_training_hides_anew_and_validation_the_same():
    split, positions = masked(), np.arange(50)
    first, second = (split.batch(positions, torch.Generator().manual_seed(seed)).inputs for seed in (0, 1))
    assert not torch.equal(first, second)
    assert torch.equal(split.batch(positions).inputs, split.batch(positions).inputs)
    again = split.batch(positions, torch.Generator().manual_seed(0))
    assert torch.equal(first, again.inputs)


def test_every_token_of_a_stream_is_a_target_once():
    for joined in (False, True):
        blocks = stream(joined=joined)
        whole = [
            10,
            11,
            12,
            *([] if joined else [2]),
            33,
            *([] if joined else [2]),
            *range(34, 42),
            *([] if joined else [2]),
        ]
        assert blocks.num_tokens == len(whole)
        batch = blocks.batch(np.arange(len(blocks)))
        held = batch.targets != IGNORED
        assert batch.targets[held].tolist() == whole[1:]
        assert batch.inputs[held].tolist() == whole[:-1]
        assert (batch.inputs[~held] == SPEC.pad).all()


def test_each_target_knows_its_document():
    blocks = stream(joined=False)  # 10 11 12 | end | 33 | end | 34 … 41 | end
    assert blocks.documents(np.arange(2)).tolist() == [
        [0, 0, 0, 1, 1, 2, 2, 2, 2, 2],
        [2, 2, 2, 2, -1, -1, -1, -1, -1, -1],
    ]
    assert blocks.num_documents == 3 and blocks.texts() == ["text 0", "text 2", "text 3"]


def test_training_cuts_the_ring_elsewhere_in_each_epoch():
    blocks, generator = stream(joined=True), torch.Generator()
    cuts = {tuple(blocks.batch(np.array([0]), generator, epoch=epoch).inputs[0].tolist()) for epoch in range(12)}
    assert len(cuts) > 4
    ring = [10, 11, 12, 33, *range(34, 42)]
    for cut in cuts:
        start = ring.index(cut[0])
        assert list(cut) == [ring[(start + step) % len(ring)] for step in range(10)]


def test_a_block_may_be_longer_than_the_stream():
    blocks = Blocks(FLAT, ENDS, np.array([0]), SPEC, joined=True, texts=list, decode=str)
    assert blocks.batch(np.array([0])).targets.tolist() == [[11, 12, *[IGNORED] * 8]]
    assert blocks.ring(1, 7).tolist() == [11, 12, 10, 11, 12, 10, 11]
