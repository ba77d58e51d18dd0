"""What a source of documents offers, whatever its format. Rows come one at a time, so that none is held in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from basestone.data.readers.contract import SplitName


@dataclass(frozen=True, kw_only=True)
class TextRow:
    """One document: ``name`` is what an error message says, e.g. ``train.parquet row 17``.

    ``label``: a class as an image's, or a quantity.
    """

    name: str
    text: str
    label: int | float | str | None = None
    groups: Mapping[str, str] = field(default_factory=dict[str, str])


class TextSource(Protocol):
    """Documents, in splits of their own or in one split ``train``; with labels all of them, or none."""

    @property
    def labelled(self) -> bool:
        """Whether the documents have labels."""
        ...

    @property
    def class_names(self) -> Sequence[str] | None:
        """The classes in the order of their integer labels; None when only the rows tell."""
        ...

    def identity(self) -> dict[str, Any]:
        """JSON: SHA-256 of every byte that the rows depend on, and the choices (columns, splits) that select them."""
        ...

    def rows(self, split: SplitName, groups: Sequence[str]) -> Iterator[TextRow]:
        """The documents of one split in their own order; ``groups`` are the columns that must travel along."""
        ...

    def splits(self) -> list[SplitName]:
        """The splits that the source has, in the order train, validation, test."""
        ...
