"""From frames to text: the likeliest path, and the text with the most probability over all paths."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest

from basestone.models.transcribe import greedy, searched, softmax, transcribe

CHARACTERS = "ab"


def frames(path: list[int]) -> np.ndarray:
    return 9.0 * np.eye(3, dtype=np.float32)[path]


def test_repetitions_are_joined_and_blanks_divide():
    assert greedy(frames([0, 1, 1, 0, 1, 2, 2, 0]), CHARACTERS) == "aab"
    assert greedy(frames([0, 0]), CHARACTERS) == "" and greedy(frames([2]), CHARACTERS) == "b"


def exact(logits: np.ndarray) -> str:
    """Every path of every text, summed: 3^F of them."""
    probability, whole = softmax(logits), Counter()
    for path in itertools.product(range(3), repeat=len(logits)):
        text = "".join(CHARACTERS[output - 1] for output, _ in itertools.groupby(path) if output)
        whole[text] += float(np.prod([probability[frame, output] for frame, output in enumerate(path)]))
    return whole.most_common(1)[0][0]


@pytest.mark.parametrize("seed", range(12))
def test_the_search_finds_the_most_probable_text(seed):
    logits = np.random.default_rng(seed).normal(size=(6, 3)).astype(np.float32)
    assert searched(logits, CHARACTERS, beam=200) == exact(logits)


def test_the_search_may_beat_the_likeliest_path():
    """Blank is likeliest in both frames (0.36), yet 'a' has 0.4 · 0.4 + 2 · 0.4 · 0.6 = 0.64."""
    logits = np.log(np.array([[0.6, 0.4, 1e-9], [0.6, 0.4, 1e-9]], np.float32))
    assert greedy(logits, CHARACTERS) == "" and searched(logits, CHARACTERS, beam=8) == "a"


def test_a_beam_of_one_is_greedy_and_frames_behind_a_recording_are_silent():
    logits = np.stack([frames([1, 0, 2, 0]), frames([2, 2, 0, 0])])
    logits[1, 2:] = [0.0, -1e4, -1e4]
    assert transcribe(logits, CHARACTERS) == transcribe(logits, CHARACTERS, beam=4) == ["ab", "b"]
