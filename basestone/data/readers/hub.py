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


class HubSource:
    """A ``DatasetDict`` with an image column."""

    def __init__(
        self,
        *,
        path: str,
        name: str | None,
        revision: str | None,
        splits: Mapping[SplitName, str] | None,
        image: str,
        label: str,
    ) -> None:
        """``path``, ``name`` and ``revision`` as ``datasets.load_dataset`` takes them."""
        self._path, self._name, self._revision = path, name, revision
        self._wanted, self._image, self._label = splits, image, label

    @cached_property
    def _splits(self) -> dict[SplitName, Any]:
        found = self._load()
        if self._wanted is None:
            wanted = {SPLIT_ALIASES[name]: name for name in found if name in SPLIT_ALIASES}
        else:
            wanted = dict(self._wanted)
        absent = [name for name in wanted.values() if name not in found]
        if absent or "train" not in wanted:
            raise DataError(
                f"'{self._path}' must have the splits {sorted(wanted.values()) or ['train']}; "
                f"it has {sorted(found)}. "
                "Say which is which, e.g. data.source.splits: {train: train, test: validation}."
            )
        return {split: self._undecoded(found[wanted[split]]) for split in SPLITS if split in wanted}

    def _load(self) -> Any:
        from datasets import load_dataset

        try:
            return load_dataset(self._path, self._name, revision=self._revision)
        except Exception as error:  # the hub client raises some twenty kinds; all of them mean that there are no data
            raise DataError(
                f"The data set '{self._path}' could not be loaded ({type(error).__name__}: {error}). Check its name "
                "and the network. To work offline: load it once with network and then set HF_HUB_OFFLINE=1, or let "
                "data.source.path name a local folder, or use kind: parquet with downloaded files."
            ) from error

    def _undecoded(self, dataset: Any) -> Any:
        from datasets import Image

        for column in (self._image, self._label):
            if column not in dataset.column_names:
                raise DataError(
                    f"'{self._path}' must have a column '{column}' and has none."
                    f"{did_you_mean(column, dataset.column_names)} Set data.source.image or data.source.label."
                )
        return dataset.cast_column(self._image, Image(decode=False))

    @property
    def class_names(self) -> Sequence[str] | None:
        """The names of the label's ``ClassLabel`` feature, or None."""
        feature = self._splits["train"].features[self._label]
        return tuple(feature.names) if hasattr(feature, "names") else None

    def identity(self) -> dict[str, Any]:
        """SHA-256 over the images and labels of each split, in order."""
        content = {split: self._content(split) for split in self._splits}
        columns = {"image": self._image, "label": self._label}
        names = list(self.class_names) if self.class_names is not None else None
        return {"kind": "hub", "name": self._path, "content": content, "columns": columns, "class_names": names}

    def _content(self, split: SplitName) -> str:
        columns = [name for name in self._splits[split].column_names if name != self._image]
        digest = hashlib.sha256()
        for number, values in enumerate(self._values(split, columns)):
            image, *others = values
            name = f"{split} row {number}"
            digest.update(hashlib.sha256(image_bytes(image, name, Path())).digest())
            digest.update(digest_of([str(value) for value in others]).encode())
        return digest.hexdigest()

    def counts(self) -> dict[SplitName, int]:
        """Rows by split."""
        return {split: len(dataset) for split, dataset in self._splits.items()}

    def rows(self, split: SplitName, groups: Sequence[str]) -> Iterator[Row]:
        """The rows of one split; ``groups`` are further columns."""
        absent = [name for name in groups if name not in self._splits[split].column_names]
        if absent:
            raise DataError(
                f"data.groups must name columns of '{self._path}'; it has none called {absent}."
                f"{did_you_mean(absent[0], self._splits[split].column_names)}"
            )
        for number, (image, label, *group) in enumerate(self._values(split, [self._label, *groups])):
            name = f"{self._path} {split} row {number}"
            texts = dict(zip(groups, map(str, group), strict=True))
            yield Row(name=name, image=image_bytes(image, name, Path()), label=label, groups=texts)

    def _values(self, split: SplitName, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        wanted = [self._image, *columns]
        for batch in self._splits[split].select_columns(list(dict.fromkeys(wanted))).iter(_ROWS_AT_ONCE):
            yield from zip(*(batch[name] for name in wanted), strict=True)
