"""The two tables of a prepared folder, whatever its samples are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from basestone.data.cache import GROUP
from basestone.data.duplicates import Copies, leakage

Positions = NDArray[np.int64]


class Rows(Protocol):
    """What a cache knows of its samples: one array per column, and the classes."""

    @property
    def key(self) -> str:
        """The cache's folder."""
        ...

    @property
    def columns(self) -> dict[str, NDArray[Any]]:
        """At least name, split, label and sha256."""
        ...

    @property
    def class_names(self) -> tuple[str, ...]:
        """None of them where samples have no labels."""
        ...


def samples_table(rows: Rows, splits: Mapping[str, Positions]) -> dict[str, Any]:
    """``samples.parquet``: the rows of every split with their split and their position in the cache."""
    position = np.concatenate(list(splits.values()))
    columns = {name: values[position] for name, values in rows.columns.items()}
    split = [name for name, positions in splits.items() for _ in range(len(positions))]
    return columns | {"split": split, "position": position}


def duplicates_table(copies: Copies | None, splits: Mapping[str, Positions]) -> dict[str, Any]:
    """``duplicates.parquet``: for every test sample what it is a copy of."""
    if copies is None:
        copies = Copies(kind=np.zeros(0, "<U5"), place=np.zeros(0, np.int64), similarity=np.zeros(0))
    where = leakage(copies, [(name, len(splits[name])) for name in splits if name != "test"])
    return {
        "index": np.arange(len(copies.kind), dtype=np.int64),
        "kind": copies.kind.tolist(),
        "split": where["split"].tolist(),
        "match": where["match"],
        "similarity": copies.similarity,
    }


def groups_of(samples: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.str_]]:
    """Group → its value for each of these rows of ``samples.parquet``."""
    return {name.removeprefix(GROUP): values.astype(str) for name, values in samples.items() if name.startswith(GROUP)}
