"""What a source of images offers, whatever its format.

Rows come one at a time and encoded, so that no source is ever held in memory decoded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from basestone.core.artifact import file_digest
from basestone.core.errors import DataError

SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")

SPLIT_ALIASES: dict[str, SplitName] = {
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One labelled image as the source has it.

    ``name`` is what an error message says, e.g. ``train.parquet row 17``. ``image`` is an encoded file (PNG, JPEG …)
    or uint8 pixels, C×H×W. ``label`` is a class's position or its name; None when the source has none.
    """

    name: str
    image: bytes | NDArray[np.uint8]
    label: int | str | None
    groups: Mapping[str, str] = field(default_factory=dict[str, str])


class Source(Protocol):
    """Labelled images, in splits of their own or in one split ``train``."""

    @property
    def class_names(self) -> Sequence[str] | None:
        """The classes in the order of their integer labels; None when only the rows tell."""
        ...

    def identity(self) -> dict[str, Any]:
        """JSON: SHA-256 of every byte that the rows depend on, and the choices (columns, splits) that select them."""
        ...

    def counts(self) -> dict[SplitName, int]:
        """The number of rows of each split, in the order train, validation, test."""
        ...

    def rows(self, split: SplitName, groups: Sequence[str]) -> Iterator[Row]:
        """The rows of one split in their own order; ``groups`` are the columns that must travel along."""
        ...


def content_digest(path: Path) -> str:
    """SHA-256 (hex) of a file, read once for each (path, size, time of change) of this process."""
    status = path.stat()
    return _digest(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=1_000_000)
def _digest(path: Path, size: int, modified_ns: int) -> str:
    return file_digest(path)


def no_groups(source: str, groups: Sequence[str]) -> None:
    """DataError when groups are asked of a source that has no further columns."""
    if groups:
        raise DataError(
            f"data.groups names {list(groups)}, and {source} has no further columns. Leave data.groups empty, "
            "or use a parquet source that has these columns."
        )
