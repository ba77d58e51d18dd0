"""Data sets of the Hugging Face hub, through ``datasets``: the only reader that uses the network.

The rows are read undecoded, so that they go through the same decoder as everything else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from basestone.core.errors import DataError, did_you_mean
from basestone.core.evidence import digest_of
from basestone.data.readers.contract import SPLIT_ALIASES, SPLITS, Row, SplitName
from basestone.data.readers.parquet import image_bytes

_ROWS_AT_ONCE = 256


class HubTable:
    """A ``DatasetDict``, loaded when it is first asked for, read by columns."""

    def __init__(
        self, *, path: str, name: str | None, revision: str | None, splits: Mapping[SplitName, str] | None
    ) -> None:
        """``path``, ``name`` and ``revision`` as ``datasets.load_dataset`` takes them."""
        self.path, self._name, self._revision, self._wanted = path, name, revision, splits

    @cached_property
    def splits(self) -> dict[SplitName, Any]:
        """Each split's ``Dataset``, in the order train, validation, test."""
        found = self._load()
        if self._wanted is None:
            wanted = {SPLIT_ALIASES[name]: name for name in found if name in SPLIT_ALIASES}
        else:
            wanted = dict(self._wanted)
        absent = [name for name in wanted.values() if name not in found]
        if absent or "train" not in wanted:
            raise DataError(
                f"'{self.path}' must have the splits {sorted(wanted.values()) or ['train']}; "
                f"it has {sorted(found)}. "
                "Say which is which, e.g. data.source.splits: {train: train, test: validation}."
            )
        return {split: found[wanted[split]] for split in SPLITS if split in wanted}

    def _load(self) -> Any:
        from datasets import load_dataset

        try:
            return load_dataset(self.path, self._name, revision=self._revision)
        except Exception as error:  # the hub client raises some twenty kinds; all of them mean that there are no data
            raise DataError(
                f"The data set '{self.path}' could not be loaded ({type(error).__name__}: {error}). Check its name "
                "and the network. To work offline: load it once with network and then set HF_HUB_OFFLINE=1, or let "
                "data.source.path name a local folder, or use kind: parquet with downloaded files."
            ) from error

    def class_names(self, label: str) -> Sequence[str] | None:
        """The names of a label's ``ClassLabel`` feature, or None."""
        feature = self.splits["train"].features[label]
        return tuple(feature.names) if hasattr(feature, "names") else None

    def must_have(self, columns: Sequence[str], options: str) -> None:
        """DataError unless every split has these columns; ``options`` are where they are chosen."""
        for dataset in self.splits.values():
            for column in columns:
                if column not in dataset.column_names:
                    raise DataError(
                        f"'{self.path}' must have a column '{column}' and has none."
                        f"{did_you_mean(column, dataset.column_names)} Set {options}."
                    )

    def values(self, split: SplitName, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """The rows of one split, these columns of them."""
        self.must_have(columns, "data.source or data.groups to its own columns")
        for batch in self.splits[split].select_columns(list(dict.fromkeys(columns))).iter(_ROWS_AT_ONCE):
            yield from zip(*(batch[name] for name in columns), strict=True)


class HubSource:
    """A data set of the hub with an image column."""

    def __init__(self, table: HubTable, *, image: str, label: str) -> None:
        """``image`` and ``label`` are column names."""
        self._source, self._image, self._label = table, image, label

    @cached_property
    def _table(self) -> HubTable:
        """The table with its images undecoded."""
        from datasets import Image

        self._source.must_have([self._image, self._label], "data.source.image or data.source.label")
        for split, dataset in self._source.splits.items():
            self._source.splits[split] = dataset.cast_column(self._image, Image(decode=False))
        return self._source

    @property
    def class_names(self) -> Sequence[str] | None:
        """The names of the label's ``ClassLabel`` feature, or None."""
        return self._table.class_names(self._label)

    def identity(self) -> dict[str, Any]:
        """SHA-256 over the images and labels of each split, in order."""
        content = {split: self._content(split) for split in self._table.splits}
        columns = {"image": self._image, "label": self._label}
        names = list(self.class_names) if self.class_names is not None else None
        return {"kind": "hub", "name": self._table.path, "content": content, "columns": columns, "class_names": names}

    def _content(self, split: SplitName) -> str:
        columns = [name for name in self._table.splits[split].column_names if name != self._image]
        digest = hashlib.sha256()
        for number, (image, *others) in enumerate(self._table.values(split, [self._image, *columns])):
            digest.update(hashlib.sha256(image_bytes(image, f"{split} row {number}", Path())).digest())
            digest.update(digest_of([str(value) for value in others]).encode())
        return digest.hexdigest()

    def counts(self) -> dict[SplitName, int]:
        """Rows by split."""
        return {split: len(dataset) for split, dataset in self._table.splits.items()}

    def rows(self, split: SplitName, groups: Sequence[str]) -> Iterator[Row]:
        """The rows of one split; ``groups`` are further columns."""
        absent = [name for name in groups if name not in self._table.splits[split].column_names]
        if absent:
            raise DataError(
                f"data.groups must name columns of '{self._table.path}'; it has none called {absent}."
                f"{did_you_mean(absent[0], self._table.splits[split].column_names)}"
            )
        for number, (image, label, *group) in enumerate(self._table.values(split, [self._image, self._label, *groups])):
            name = f"{self._table.path} {split} row {number}"
            texts = dict(zip(groups, map(str, group), strict=True))
            yield Row(name=name, image=image_bytes(image, name, Path()), label=label, groups=texts)
