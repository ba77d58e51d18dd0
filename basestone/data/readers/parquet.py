"""Parquet files with one image a row, as the Hugging Face hub keeps them.

The image column is a struct {bytes, path} or plain bytes; integer labels are named by the ``huggingface`` entry of the
schema's metadata (``ClassLabel``). Read in small batches with pyarrow alone, so that no network is needed.
"""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from basestone.core.errors import DataError, did_you_mean
from basestone.data.readers.contract import SPLITS, Row, SplitName, content_digest

_ROWS_AT_ONCE = 256


class ParquetSource:
    """Each split is one or more parquet files, in the order of their names."""

    def __init__(
        self, *, files: Mapping[SplitName, str], image: str, label: str, class_names: Sequence[str] | None
    ) -> None:
        """``files`` maps a split to a path or glob; ``image`` and ``label`` are column names."""
        self._image, self._label, self._class_names = image, label, class_names
        self._files: dict[SplitName, list[Path]] = {
            split: matching(split, files[split], "parquet file") for split in SPLITS if split in files
        }
        parents = [path.absolute().parent for paths in self._files.values() for path in paths]
        self._root = Path(os.path.commonpath(parents)) if parents else Path()

    @property
    def class_names(self) -> Sequence[str] | None:
        """The option ``class_names``, else those of the first file's metadata, else None."""
        if self._class_names is not None:
            return self._class_names
        paths = [path for paths in self._files.values() for path in paths]
        return named_classes(paths[0], self._label) if paths else None

    def identity(self) -> dict[str, Any]:
        """SHA-256 of every file, the columns, and the class names where the recipe gives them."""
        files = {
            split: [[self._name(path), content_digest(path)] for path in paths] for split, paths in self._files.items()
        }
        columns = {"image": self._image, "label": self._label}
        named = list(self._class_names) if self._class_names is not None else None
        return {"kind": "parquet", "files": files, "columns": columns, "class_names": named}

    def counts(self) -> dict[SplitName, int]:
        """Rows by split, from the files' footers."""
        return {split: sum(map(_num_rows, paths)) for split, paths in self._files.items()}

    def rows(self, split: SplitName, groups: Sequence[str]) -> Iterator[Row]:
        """The rows of one split; ``groups`` are further columns."""
        for path in self._files[split]:
            yield from self._rows_of(path, groups)

    def _rows_of(self, path: Path, groups: Sequence[str]) -> Iterator[Row]:
        file = _open(path)
        columns = [self._image, self._label, *groups]
        for column in columns:
            if column not in file.schema_arrow.names:
                hint = did_you_mean(column, file.schema_arrow.names)
                raise DataError(
                    f"{path} must have a column '{column}' and has none.{hint} Set data.source.image, "
                    "data.source.label or data.groups to the file's own columns."
                )
        number = 0
        for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE, columns=columns):
            values = [batch.column(column).to_pylist() for column in columns]
            for image, label, *group in zip(*values, strict=True):
                name = f"{self._name(path)} row {number}"
                texts = dict(zip(groups, map(str, group), strict=True))
                yield Row(name=name, image=image_bytes(image, name, path.parent), label=label, groups=texts)
                number += 1

    def _name(self, path: Path) -> str:
        return path.absolute().relative_to(self._root).as_posix()


def image_bytes(value: Any, name: str, folder: Path) -> bytes:
    """The encoded image of one cell: bytes, or {bytes, path} whose path is relative to ``folder``."""
    held = value.get("bytes") if isinstance(value, dict) else value
    if held is None and isinstance(value, dict) and value.get("path"):
        path = folder / value["path"]
        if path.is_file():
            return path.read_bytes()
    if not isinstance(held, bytes):
        found = f"{{{', '.join(value)}}}" if isinstance(value, dict) else type(value).__name__
        raise DataError(
            f"{name} must hold an image as bytes or {{bytes, path}}; found {found}. Mend or remove the row."
        )
    return held


def named_classes(path: Path, label: str) -> Sequence[str] | None:
    """The class names that a file's ``huggingface`` metadata gives its label column, or None."""
    described = json.loads((_open(path).schema_arrow.metadata or {}).get(b"huggingface", b"{}"))
    feature = described.get("info", {}).get("features", {}).get(label, {})
    return tuple(feature["names"]) if feature.get("_type") == "ClassLabel" and feature.get("names") else None


def parquet_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    """The rows of a file as mappings, a few at a time in memory."""
    for batch in _open(path).iter_batches(batch_size=_ROWS_AT_ONCE):
        yield from batch.to_pylist()


def matching(split: str, pattern: str, what: str) -> list[Path]:
    """The files that a path or glob names, in order; DataError when there are none."""
    literal = Path(pattern)
    found = [] if literal.is_file() else glob.glob(pattern, recursive=True)  # noqa: PTH207  (Path.glob: no absolute ones)
    paths = sorted(map(Path, found)) or [literal] * literal.is_file()
    if not paths:
        raise DataError(
            f"data.source.files.{split} must name at least one {what}; '{pattern}' matches none "
            f"(looked from {Path.cwd()}). Mend the path, or set the variable that it starts with."
        )
    return paths


def _num_rows(path: Path) -> int:
    return _open(path).metadata.num_rows


def _open(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{path} must be a parquet file and cannot be read ({error}). Fetch it again.") from error
