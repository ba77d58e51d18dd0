"""The formats of documents: plain text, tables (JSONL, CSV, parquet, the hub), and CPython's own help texts."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from basestone.core.errors import DataError, did_you_mean
from basestone.core.evidence import digest_of
from basestone.data.readers.contract import SPLITS, SplitName, content_digest, no_groups
from basestone.data.readers.hub import HubTable
from basestone.data.readers.parquet import matching, named_classes
from basestone.data.text.contract import TextRow

PARAGRAPH = re.compile(r"(?:[^\n]|\n(?!\s*\n))*(?:\s*\n|$)")  # up to and with the blank lines after it
Table = Callable[[Path], Iterator[Mapping[str, Any]]]
Document = Literal["file", "paragraph", "line"]


class TopicsSource:
    """The help texts of ``pydoc_data.topics``, which every CPython ships: English prose and Python, 0.7 MB."""

    labelled = False
    class_names = None

    def splits(self) -> list[SplitName]:
        """One split."""
        return [SPLITS[0]]

    def identity(self) -> dict[str, Any]:
        """A digest of all topics."""
        return {"kind": "pydoc_topics", "sha256": digest_of(dict(sorted(_topics().items())))}

    def rows(self, split: SplitName, groups: Sequence[str]) -> Iterator[TextRow]:
        """The topics by name."""
        no_groups("pydoc_topics", groups)
        for name, text in sorted(_topics().items()):
            yield TextRow(name=f"topic '{name}'", text=text)


class PlainText:
    """Text files; what a document is, is a choice. The documents of a file, joined, are the file."""

    labelled = False
    class_names = None

    def __init__(self, *, files: Mapping[SplitName, str], document: Document) -> None:
        """``files`` maps a split to a path or glob."""
        self._files: dict[SplitName, list[Path]] = {
            split: matching(split, files[split], "text file") for split in SPLITS if split in files
        }
        self._document = document

    def splits(self) -> list[SplitName]:
        """Those that files are named for."""
        return list(self._files)

    def identity(self) -> dict[str, Any]:
        """SHA-256 of every file, and what a document is."""
        files = {split: [content_digest(path) for path in paths] for split, paths in self._files.items()}
        return {"kind": "text", "files": files, "document": self._document}

    def rows(self, split: SplitName, groups: Sequence[str]) -> Iterator[TextRow]:
        """The documents in their order; those of white space alone are left out."""
        no_groups("text", groups)
        for path in self._files[split]:
            for number, text in enumerate(self._documents(path)):
                if text.strip():
                    yield TextRow(name=f"{path.name} {self._document} {number}", text=text)

    def _documents(self, path: Path) -> Iterator[str]:
        if self._document == "line":
            with path.open(encoding="utf-8", newline="") as file:
                yield from _decoded(path, file)
            return
        whole = "".join(_decoded(path, _whole(path)))
        yield from [whole] if self._document == "file" else PARAGRAPH.findall(whole)


class TextTable:
    """Rows with a text column and, as a rule, a label column."""

    def __init__(
        self,
        kind: str,
        read: Table,
        *,
        files: Mapping[SplitName, str],
        text: str,
        label: str | None,
        class_names: Sequence[str] | None,
    ) -> None:
        """``read`` yields a file's rows as mappings."""
        self._kind, self._read, self._text, self._label, self._class_names = kind, read, text, label, class_names
        self._files: dict[SplitName, list[Path]] = {
            split: matching(split, files[split], f"{kind} file") for split in SPLITS if split in files
        }

    @property
    def labelled(self) -> bool:
        """Whether a label column is named."""
        return self._label is not None

    @property
    def class_names(self) -> Sequence[str] | None:
        """The option, else those in a parquet file's own metadata, else None."""
        if self._class_names is not None or self._kind != "parquet" or self._label is None:
            return self._class_names
        return named_classes(next(path for paths in self._files.values() for path in paths), self._label)

    def splits(self) -> list[SplitName]:
        """Those that files are named for."""
        return list(self._files)

    def identity(self) -> dict[str, Any]:
        """SHA-256 of every file, the columns and the class names where the recipe gives them."""
        files = {split: [content_digest(path) for path in paths] for split, paths in self._files.items()}
        named = list(self._class_names) if self._class_names is not None else None
        return {"kind": self._kind, "files": files, "columns": [self._text, self._label], "class_names": named}

    def rows(self, split: SplitName, groups: Sequence[str]) -> Iterator[TextRow]:
        """The rows of one split; ``groups`` are further columns."""
        for path in self._files[split]:
            for number, row in enumerate(self._read(path)):
                found = text_row(f"{path.name} row {number}", row, self._text, self._label, groups)
                yield replace(found, label=_numeral(found.label)) if self._kind == "csv" else found


class HubText:
    """A data set of the hub with a text column."""

    def __init__(self, table: HubTable, *, text: str, label: str | None) -> None:
        """``table`` is loaded when it is first needed."""
        self._table, self._text, self._label = table, text, label

    @property
    def labelled(self) -> bool:
        """Whether a label column is named."""
        return self._label is not None

    @property
    def class_names(self) -> Sequence[str] | None:
        """Those of the label's feature."""
        return None if self._label is None else self._table.class_names(self._label)

    def splits(self) -> list[SplitName]:
        """Those that were found, or are named."""
        return list(self._table.splits)

    def identity(self) -> dict[str, Any]:
        """A digest over the rows."""
        columns = [self._text, *([] if self._label is None else [self._label])]
        content = {
            split: digest_of([digest_of([str(value) for value in row]) for row in self._table.values(split, columns)])
            for split in self._table.splits
        }
        return {"kind": "hub", "name": self._table.path, "content": content, "columns": columns}

    def rows(self, split: SplitName, groups: Sequence[str]) -> Iterator[TextRow]:
        """The rows of one split; ``groups`` are further columns."""
        columns = [self._text, *([] if self._label is None else [self._label]), *groups]
        for number, values in enumerate(self._table.values(split, columns)):
            row = dict(zip(columns, values, strict=True))
            yield text_row(f"{self._table.path} {split} row {number}", row, self._text, self._label, groups)


def text_row(name: str, row: Mapping[str, Any], text: str, label: str | None, groups: Sequence[str]) -> TextRow:
    """One row of a table as a document; DataError where a column or its text is missing."""
    for column in (text, *([] if label is None else [label]), *groups):
        if column not in row:
            raise DataError(
                f"{name} must have a column '{column}' and has none.{did_you_mean(column, row)} "
                "Set data.source.text, data.source.label or data.groups to the file's own columns."
            )
    if not isinstance(row[text], str) or not row[text].strip():
        raise DataError(f"{name} must hold text in '{text}'; found {row[text]!r}. Mend or remove the row.")
    found = None if label is None else row[label]
    return TextRow(name=name, text=row[text], label=found, groups={group: str(row[group]) for group in groups})


def _numeral(label: float | str | None) -> float | str | None:
    """A class's position, which a CSV can only spell."""
    return int(label) if isinstance(label, str) and label.isdecimal() else label


def jsonl_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    """One JSON object a line."""
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(_decoded(path, file), 1):
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise DataError(f"{path} line {number} must be one JSON object and is not ({error}).") from error
            if not isinstance(row, dict):
                raise DataError(f"{path} line {number} must be one JSON object; found {type(row).__name__}.")
            yield row


def csv_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    """A first line of column names, then one row a record, all of it text."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from csv.DictReader(_decoded(path, file), strict=True)


def _whole(path: Path) -> Iterator[str]:
    yield path.read_bytes().decode("utf-8")


def _decoded(path: Path, lines: Iterator[str]) -> Iterator[str]:
    try:
        yield from lines
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} must be UTF-8 and is not: {error.reason} at byte {error.start}. Convert it, e.g. with iconv."
        ) from error


def _topics() -> dict[str, str]:
    from pydoc_data.topics import topics

    return topics
