"""What is done to a batch before the model sees it: scaled as in training, and filled up to one of a few sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.spec import DataSpec, ImageSpec, TextSpec

SIZES = (1, 2, 4, 8, 16, 32, 64)  # of batches; a runtime compiles each shape once, so that few occur


def normalised(batch: NDArray[Any], spec: DataSpec) -> NDArray[Any]:
    """Images (uint8, or float32 in 0–1) less the mean and by the deviation of training; other samples as they are."""
    if not isinstance(spec, ImageSpec):
        return batch
    scaled = batch.astype(np.float32) / np.float32(255) if batch.dtype == np.uint8 else batch
    mean, std = (np.array(values, np.float32)[:, None, None] for values in (spec.mean, spec.std))
    return (scaled - mean) / std


def padded(batch: NDArray[Any], wanted: bool) -> NDArray[Any]:
    """The batch filled up with its first sample to the next of ``SIZES``, where that is wanted."""
    size = next((size for size in SIZES if size >= len(batch)), len(batch))
    if not wanted or size == len(batch):
        return batch
    return np.concatenate([batch, batch[:1].repeat(size - len(batch), 0)])


def example(spec: DataSpec, size: int) -> NDArray[Any]:
    """A batch of the right shape that means nothing."""
    if isinstance(spec, ImageSpec):
        return np.zeros((size, *spec.input_shape), np.uint8)
    if isinstance(spec, TextSpec):
        tokens = np.full((size, spec.max_length), spec.pad, np.int64)
        tokens[:, 0], tokens[:, 1] = spec.start, spec.end
        return tokens
    return np.zeros((size, *spec.input_shape), np.float32)
