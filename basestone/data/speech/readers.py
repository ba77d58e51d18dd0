"""The formats of recordings: a folder with its table, JSON lines, parquet, LibriSpeech, class folders."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from basestone.core.errors import DataError, did_you_mean
from basestone.core.evidence import digest_of
from basestone.data.readers.contract import SPLIT_ALIASES, SPLITS, SplitName, content_digest
from basestone.data.readers.folder import FolderSource
from basestone.data.readers.parquet import matching, named_classes
from basestone.data.speech.contract import SpeechRow, SpeechSource
from basestone.data.text.readers import csv_rows

SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif", ".au"})
TABLE = "metadata.csv"
Table = Callable[[Path], Iterator[Mapping[str, Any]]]


def audio_folder(root: str, label: str | None, text: str | None) -> SpeechSource:
    """The reader for what lies in ``root``."""
    if not Path(root).is_dir():
        raise DataError(f"data.source.root must be a folder; '{root}' is not (looked from {Path.cwd()}).")
    if not (Path(root) / TABLE).is_file():
        return ClassFolders(root)
    return SpeechTable(
        "audiofolder", csv_rows, files={"train": f"{root}/{TABLE}"}, audio="file_name", text=text, label=label,
        split="split",
    )  # fmt: skip


class SpeechTable:
    """Rows with an audio column, paths beside the table or bytes, and a label or a transcript."""

    def __init__(
        self,
        kind: str,
        read: Table,
        *,
        files: Mapping[SplitName, str],
        audio: str,
        text: str | None,
        label: str | None,
        split: str | None = None,
    ) -> None:
        """``read`` yields a file's rows; a column ``split``, where there is one, overrides the file's own split."""
        self._kind, self._read, self._audio, self._text, self._label = kind, read, audio, text, label
        self._files: dict[SplitName, list[Path]] = {
            name: matching(name, files[name], f"{kind} file") for name in SPLITS if name in files
        }
        self._split = split

    @property
    def labelled(self) -> bool:
        """Whether a label column is named."""
        return self._label is not None

    @property
    def class_names(self) -> Sequence[str] | None:
        """Those in a parquet file's own metadata, else None."""
        if self._kind != "parquet" or self._label is None:
            return None
        return named_classes(next(path for paths in self._files.values() for path in paths), self._label)

    def splits(self) -> list[SplitName]:
        """Those that files are named for, or that the column names."""
        if self._split is None:
            return list(self._files)
        named = {self._split_of(row, path) for path, _, row in self._all()}
        return [name for name in SPLITS if name in named]

    def identity(self) -> dict[str, Any]:
        """SHA-256 of every table and every recording, and the columns."""
        tables = {split: [content_digest(path) for path in paths] for split, paths in self._files.items()}
        recordings = [
            content_digest(path.parent / row[self._audio])
            for path, name, row in self._all()
            if isinstance(_column(name, row, self._audio), str) and (path.parent / row[self._audio]).is_file()
        ]
        columns = [self._audio, self._text, self._label]
        return {"kind": self._kind, "files": tables, "recordings": digest_of(recordings), "columns": columns}

    def rows(self, split: SplitName, groups: Sequence[str]) -> Iterator[SpeechRow]:
        """The rows of one split; ``groups`` are further columns."""
        wanted = [self._audio, *filter(None, [self._label, self._text]), *groups]
        for path, name, row in self._all(None if self._split else split):
            if self._split is not None and self._split_of(row, path) != split:
                continue
            cells = {column: _column(name, row, column) for column in wanted}
            label = None if self._label is None else cells[self._label]
            yield SpeechRow(
                name=name,
                audio=_bytes(name, cells[self._audio], path.parent),
                label=_numeral(label),
                text=None if self._text is None else _transcript(name, cells[self._text]),
                groups={group: str(cells[group]) for group in groups},
            )

    def _all(self, split: SplitName | None = None) -> Iterator[tuple[Path, str, Mapping[str, Any]]]:
        """(Table, the row's name in messages, the row) of one split's tables, or of all."""
        for of, paths in self._files.items():
            for path in paths if split in (None, of) else ():
                for number, row in enumerate(self._read(path)):
                    audio = row.get(self._audio)
                    told = audio if isinstance(audio, str) else f"row {number}"
                    yield path, f"{path.name} {told}", row

    def _split_of(self, row: Mapping[str, Any], path: Path) -> SplitName:
        """The row's own split; train where the table has no such column."""
        named = str(row.get(self._split or "", "train") or "train").lower()
        if named not in SPLIT_ALIASES:
            raise DataError(
                f"{path} has the split '{named}', which must be one of {', '.join(SPLIT_ALIASES)}. Mend the column."
            )
        return SPLIT_ALIASES[named]


class ClassFolders:
    """Each class is a folder of recordings; its name is the class's name."""

    labelled = True

    def __init__(self, root: str) -> None:
        """See ``basestone.data.readers.folder``."""
        self._folder = FolderSource(root, SUFFIXES)

    @property
    def class_names(self) -> Sequence[str]:
        """The names of the class folders."""
        return self._folder.class_names

    def splits(self) -> list[SplitName]:
        """Those of the folders."""
        return list(self._folder.counts())

    def identity(self) -> dict[str, Any]:
        """One SHA-256 over every recording."""
        return self._folder.identity() | {"kind": "class_folders"}

    def rows(self, split: SplitName, groups: Sequence[str]) -> Iterator[SpeechRow]:
        """The recordings by class and then by path."""
        for row in self._folder.rows(split, groups):
            assert isinstance(row.image, bytes)  # as a folder gives them
            yield SpeechRow(name=row.name, audio=row.image, label=row.label)


class LibriSpeech:
    """``SPEAKER/CHAPTER/SPEAKER-CHAPTER.trans.txt`` with a line ``ID TRANSCRIPT`` for each ``ID.flac`` beside it."""

    labelled = False
    class_names = None

    def __init__(self, folders: Mapping[SplitName, str]) -> None:
        """``folders`` maps a split to one of LibriSpeech's own, e.g. ``train-clean-100``."""
        self._lists: dict[SplitName, list[Path]] = {}
        for split in SPLITS:
            if split not in folders:
                continue
            self._lists[split] = sorted(Path(folders[split]).glob("**/*.trans.txt"))
            if not self._lists[split]:
                raise DataError(
                    f"data.source.folders.{split} must hold transcripts (*.trans.txt); '{folders[split]}' holds none."
                )

    def splits(self) -> list[SplitName]:
        """Those that folders are named for."""
        return list(self._lists)

    def identity(self) -> dict[str, Any]:
        """SHA-256 of every transcript and recording."""
        content = {
            split: digest_of(
                [[content_digest(path), content_digest(_beside(path, line))] for path, line in self._of(split)]
            )
            for split in self._lists
        }
        return {"kind": "librispeech", "content": content}

    def rows(self, split: SplitName, groups: Sequence[str]) -> Iterator[SpeechRow]:
        """The recordings in the order of the transcripts."""
        for path, line in self._of(split):
            identifier, _, said = line.partition(" ")
            known = {"speaker": path.parent.parent.name, "chapter": path.parent.name}
            found = {group: str(_column(identifier, known, group)) for group in groups}
            text = _transcript(identifier, said)
            yield SpeechRow(name=identifier, audio=_beside(path, line).read_bytes(), text=text, groups=found)

    def _of(self, split: SplitName) -> Iterator[tuple[Path, str]]:
        for path in self._lists[split]:
            yield from ((path, line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip())


def _beside(transcript: Path, line: str) -> Path:
    recording = transcript.parent / f"{line.partition(' ')[0]}.flac"
    if not recording.is_file():
        raise DataError(f"{transcript} names {recording.name}, which must lie beside it and does not.")
    return recording


def _column(name: str, row: Mapping[str, Any], column: str) -> Any:
    if column not in row:
        raise DataError(
            f"{name} must have a column '{column}' and has none.{did_you_mean(column, row)} "
            "Set data.source, data.groups, data.only or data.hold_out to the columns that there are."
        )
    return row[column]


def _bytes(name: str, cell: Any, folder: Path) -> bytes:
    """The encoded recording of one cell: a path, bytes, or {bytes, path}."""
    held = cell.get("bytes") if isinstance(cell, dict) else cell
    path = cell.get("path") if isinstance(cell, dict) and held is None else held if isinstance(held, str) else None
    if path is not None:
        if not (folder / path).is_file():
            raise DataError(f"{name} must be a file in {folder} and is not there. Mend the path, or remove the row.")
        return (folder / path).read_bytes()
    if not isinstance(held, bytes):
        raise DataError(f"{name} must hold a recording, as a path or as bytes; found {type(held).__name__}.")
    return held


def _transcript(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"{name} must have a transcript; found {value!r}. Add it, or remove the row.")
    return " ".join(value.split())


def _numeral(label: Any) -> Any:
    """A class's position, which a CSV can only spell."""
    return int(label) if isinstance(label, str) and label.isdecimal() else label
