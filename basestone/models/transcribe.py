"""From a recogniser's frames to text: the likeliest path, or a search over what paths have in common.

N recordings, F frames, K outputs, of which 0 is CTC's blank and i the i-th of ``characters``.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray


def transcribe(logits: NDArray[np.float32], characters: str, beam: int = 1) -> list[str]:
    """N×F×K to N texts; ``beam`` 1 is greedy."""
    if beam == 1:
        return [greedy(frames, characters) for frames in logits]
    return [searched(frames, characters, beam) for frames in logits]


def greedy(logits: NDArray[np.float32], characters: str) -> str:
    """F×K: the likeliest output of every frame, repetitions joined, blanks left out."""
    path = logits.argmax(1)
    kept = path[np.flatnonzero(np.diff(path, prepend=-1))]
    return "".join(characters[output - 1] for output in kept.tolist() if output)


def searched(logits: NDArray[np.float32], characters: str, beam: int) -> str:
    """F×K: the text with the most probability over all of its paths, as far as a beam of texts shows it.

    Prefix search (Graves 2012, "Sequence transduction", section 2.5; Hannun et al. 2014, arXiv:1408.2873, algorithm 1)
    without a language model: each text holds the probability of its paths that end in blank and that do not.
    """
    held: dict[tuple[int, ...], tuple[float, float]] = {(): (1.0, 0.0)}
    for frame in softmax(logits):
        found: dict[tuple[int, ...], list[float]] = defaultdict(lambda: [0.0, 0.0])
        likely = np.flatnonzero(frame > 1e-4).tolist()
        for text, (blank, spoken) in held.items():
            found[text][0] += (blank + spoken) * float(frame[0])
            if text:
                found[text][1] += spoken * float(frame[text[-1]])
            for output in likely:
                if output:
                    before = blank if text and text[-1] == output else blank + spoken
                    found[(*text, output)][1] += before * float(frame[output])
        best = sorted(found.items(), key=lambda item: -sum(item[1]))[:beam]
        whole = sum(sum(both) for _, both in best) or 1.0
        held = {text: (both[0] / whole, both[1] / whole) for text, both in best}
    return "".join(characters[output - 1] for output in max(held, key=lambda text: sum(held[text])))


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Probabilities along the last axis."""
    shifted = logits.astype(np.float64) - logits.max(-1, keepdims=True)
    powers = np.exp(shifted)
    return powers / powers.sum(-1, keepdims=True)
