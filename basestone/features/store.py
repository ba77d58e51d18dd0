"""Features on disk: one safetensors file a split, written row by row at its place and mapped when it is read.

Memory holds a batch, whatever the size of the split. Format: https://github.com/huggingface/safetensors#format.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.errors import ArtifactError

TENSOR = "features"
ALIGNED = 64  # bytes at which the numbers begin

Part = tuple[NDArray[np.int64], NDArray[np.float32]]


def write_features(path: Path, num_rows: int, parts: Iterable[Part]) -> int:
    """Writes N×D float32 from parts of (positions, rows) in any order; returns D.

    Raises:
        ArtifactError: a row is not finite.
        ValueError: a position comes twice or not at all.
    """
    rows: NDArray[np.float32] | None = None
    written = np.zeros(num_rows, np.int64)
    for positions, found in parts:
        if rows is None:
            rows = _created(path, (num_rows, found.shape[1]))
        bad = positions[~np.isfinite(found).all(1)]
        if len(bad):
            raise ArtifactError(
                f"Features must be finite numbers, and those of sample {bad[0]} are not. Train the model with a lower "
                "learning rate, or read another layer."
            )
        rows[positions] = found
        written[positions] += 1
    if rows is None or (written != 1).any():
        raise ValueError(f"every one of {num_rows} rows must be written once; {int((written != 1).sum())} are not.")
    rows.flush()  # pyright: ignore[reportAttributeAccessIssue]
    return rows.shape[1]


def read_features(path: Path) -> NDArray[np.float32]:
    """What ``write_features`` wrote: N×D, mapped and not loaded.

    Raises:
        ArtifactError: the file is no such store or was cut off.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            found: dict[str, Any] = json.loads(file.read(length))[TENSOR]
        shape = tuple(found["shape"])
        assert found["dtype"] == "F32"
        return np.memmap(path, np.float32, "r", 8 + length + found["data_offsets"][0], shape)
    except (OSError, ValueError, KeyError, TypeError, AssertionError) as error:
        raise ArtifactError(f"{path} must be a store of features and is not ({error}); extract it again.") from error


def _created(path: Path, shape: tuple[int, int]) -> NDArray[np.float32]:
    """The file with its header; its numbers, zeros, as a mapped array."""
    size = 4 * shape[0] * shape[1]
    header = json.dumps({TENSOR: {"dtype": "F32", "shape": list(shape), "data_offsets": [0, size]}}).encode()
    header += b" " * (-(8 + len(header)) % ALIGNED)
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + size)
    return np.memmap(path, np.float32, "r+", 8 + len(header), shape)
