"""Recordings of different lengths as one batch, with zeros behind each. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from basestone.core.spec import SpeechSpec

WIDTHS_A_SECOND = 10


def width_step(spec: SpeechSpec) -> int:
    """Samples of which every width of a batch is a multiple, so that few shapes occur."""
    return max(1, spec.sample_rate // WIDTHS_A_SECOND)


def padded(
    recordings: Sequence[NDArray[np.float32]], spec: SpeechSpec, width: int | None = None
) -> NDArray[np.float32]:
    """N×T with zeros behind each recording; none is longer than ``max_samples``.

    ``width``: T, None: the longest one's length, rounded up.
    """
    if width is None:
        step = width_step(spec)
        width = min(-(-max(map(len, recordings)) // step) * step, spec.max_samples)
    out = np.zeros((len(recordings), width), np.float32)
    for row, recording in zip(out, recordings, strict=True):
        row[: len(recording)] = recording
    return out
