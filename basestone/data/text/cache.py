"""Read once, cut once: the documents of a source, and their tokens, in two folders of the cache.

``<texts>/`` holds ``texts.parquet`` (the documents, in chunks that are read one by one) and ``rows.parquet`` (row name,
split, label, SHA-256, number of bytes, groups; ``number``
where labels are quantities). ``<tokens>/`` holds ``tokenizer.json``, ``tokens.npy`` (the documents'
tokens, end to end) and ``ends.npy`` (int64, where each ends). Keys are digests of content, never of paths; whatever is
written is written in pieces, so that memory does not grow with the corpus.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from basestone.core.artifact import read_json
from basestone.core.errors import ArtifactError, DataError
from basestone.core.evidence import digest_of, read_records, write_records
from basestone.core.registry import Section
from basestone.data.cache import GROUP, Progress
from basestone.data.classes import checked_label, checked_number, numbered
from basestone.data.folders import fill, is_whole
from basestone.data.text.contract import TextRow, TextSource
from basestone.data.text.tokenizers import TOKENIZERS, tokenizer_identity

if TYPE_CHECKING:
    from tokenizers import Tokenizer

FORMAT = 1
CHUNK = 1_024  # documents
Positions = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Texts:
    """A source's documents: ``columns`` has one array per column of ``rows.parquet``; no class names without labels."""

    key: str
    file: Path
    columns: dict[str, NDArray[Any]]
    class_names: tuple[str, ...]

    def __len__(self) -> int:
        """The number of documents."""
        return len(self.columns["name"])

    def chunks(self, wanted: Positions | None = None) -> Iterator[list[str]]:
        """The documents at ``wanted`` (ascending; None: all), at most ``CHUNK`` at a time."""
        import pyarrow.parquet as pq

        positions = np.arange(len(self)) if wanted is None else wanted
        with pq.ParquetFile(self.file) as file:
            for number in np.unique(positions // CHUNK).tolist():
                mine = positions[positions // CHUNK == number] - number * CHUNK
                yield file.read_row_group(number)["text"].take(mine).to_pylist()

    def at(self, positions: Positions) -> list[str]:
        """The documents at ``positions``, in that order."""
        ascending, where = np.unique(positions, return_inverse=True)
        found = [text for chunk in self.chunks(ascending) for text in chunk]
        return [found[place] for place in where.tolist()]


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Every document's tokens: ``flat`` is mapped, not loaded; document d is ``flat[ends[d] : ends[d + 1]]``."""

    key: str
    flat: NDArray[Any]
    ends: Positions
    tokenizer: Tokenizer


def read_texts(
    source: TextSource,
    groups: Sequence[str],
    cache_root: Path,
    progress: Progress | None,
    *,
    labels: Literal["classes", "numbers"] = "classes",
) -> Texts:
    """The documents of a source, from the cache or into it; DataError when ``numbers`` are asked for and are none."""
    identity = {"format": FORMAT, "source": source.identity(), "groups": list(groups)}
    key = digest_of(identity if labels == "classes" else identity | {"labels": labels})
    if not is_whole(cache_root, key):
        fill(
            cache_root,
            key,
            ["texts.parquet", "rows.parquet"],
            lambda folder: {"classes": _write_texts(source, groups, folder, progress, labels)},
        )
    return open_texts(cache_root, key)


def open_texts(cache_root: Path, key: str) -> Texts:
    """ArtifactError when the folder is absent or broken."""
    folder = _whole_folder(cache_root, key)
    return Texts(
        key=key,
        file=folder / "texts.parquet",
        columns=read_records(folder / "rows.parquet"),
        class_names=tuple(read_json(folder / "cache.json")["classes"]),
    )


def cut(texts: Texts, train: Positions, section: Section, cache_root: Path, progress: Progress | None) -> Tokens:
    """The tokens of all documents, by a tokenizer that was trained on those at ``train`` alone."""
    hashes = texts.columns["sha256"][train].tolist()
    key = digest_of({"format": FORMAT, "texts": texts.key, "train": hashes, "tokenizer": tokenizer_identity(section)})
    if not is_whole(cache_root, key):
        make = TOKENIZERS.build(section)
        fill(
            cache_root,
            key,
            ["tokenizer.json", "tokens.npy", "ends.npy"],
            lambda folder: _write_tokens(texts, make(texts.chunks(train)), folder, progress),
        )
    return open_tokens(cache_root, key)


def open_tokens(cache_root: Path, key: str) -> Tokens:
    """ArtifactError when the folder is absent or broken."""
    from tokenizers import Tokenizer

    folder = _whole_folder(cache_root, key)
    return Tokens(
        key=key,
        flat=np.load(folder / "tokens.npy", mmap_mode="r", allow_pickle=False),
        ends=np.load(folder / "ends.npy", allow_pickle=False),
        tokenizer=Tokenizer.from_file(str(folder / "tokenizer.json")),
    )


def _whole_folder(cache_root: Path, key: str) -> Path:
    if not is_whole(cache_root, key):
        raise ArtifactError(f"{cache_root / key} must hold the prepared text and does not; prepare the data again.")
    return cache_root / key


def _write_texts(
    source: TextSource, groups: Sequence[str], folder: Path, progress: Progress | None, labels: str
) -> tuple[str, ...]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, list[Any]] = {name: [] for name in ("name", "split", "label", "sha256", "bytes")}
    columns |= {name: [] for name in [*(["number"] if labels == "numbers" else []), *map(GROUP.__add__, groups)]}
    check = _checks(source, labels)
    rows = ((split, row) for split in source.splits() for row in source.rows(split, groups))
    with pq.ParquetWriter(folder / "texts.parquet", pa.schema([("text", pa.large_string())])) as writer:
        while chunk := list(islice(rows, CHUNK)):
            for split, row in chunk:
                _append(columns, split, row, check(row))
            writer.write_table(pa.table({"text": pa.array([row.text for _, row in chunk], pa.large_string())}))
            if progress:
                progress(len(columns["name"]), len(columns["name"]))
    if missing := [split for split in source.splits() if split not in columns["split"]]:
        raise DataError(f"The source's split '{missing[0]}' must hold documents and is empty. Fill it or leave it out.")
    classified = source.labelled and labels == "classes"
    names, positions = numbered(columns["label"], source.class_names) if classified else ((), columns["label"])
    write_records(folder / "rows.parquet", columns | {"label": np.asarray(positions, np.int64)})
    return names


def _checks(source: TextSource, labels: str) -> Callable[[TextRow], dict[str, Any]]:
    """What a row says of its class or its quantity, checked; ``label`` is 0 where there are no classes."""
    if labels == "numbers":
        return lambda row: {"label": 0, "number": checked_number(row)}
    if not source.labelled:
        return lambda row: {"label": 0}
    names = source.class_names
    return lambda row: {"label": checked_label(row, names)}


def _append(columns: dict[str, list[Any]], split: str, row: TextRow, checked: Mapping[str, Any]) -> None:
    held = row.text.encode()
    values = {
        "name": row.name,
        "split": split,
        "sha256": hashlib.sha256(held).hexdigest(),
        "bytes": len(held),
        **checked,
    }
    for name, value in (values | {GROUP + name: value for name, value in row.groups.items()}).items():
        columns[name].append(value)


def _write_tokens(texts: Texts, tokenizer: Tokenizer, folder: Path, progress: Progress | None) -> dict[str, Any]:
    """Two passes over what was cut: the numbers go to a plain file first, as their count is not known before."""
    from basestone.data.text.tokenizers import Vocabulary, describe_tokenizer

    vocabulary = Vocabulary.of(tokenizer)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.save(str(folder / "tokenizer.json"))
    kind = np.uint16 if vocabulary.size <= 2**16 else np.uint32
    lengths: list[int] = []
    with (folder / "tokens.npy").open("wb") as file:
        _header(file, kind, 0)
        for chunk in texts.chunks():
            for found in tokenizer.encode_batch_fast(chunk, add_special_tokens=False):
                file.write(np.array(found.ids, kind).tobytes())
                lengths.append(len(found.ids))
            if progress:
                progress(len(lengths), len(texts))
        file.seek(0)
        _header(file, kind, sum(lengths))
    np.save(folder / "ends.npy", np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64))
    return {"tokenizer": describe_tokenizer(tokenizer)}


def _header(file: Any, kind: type[np.generic], count: int) -> None:
    """Numpy pads its header to 64 bytes, so that it is as long for any count that fits."""
    np.lib.format.write_array_header_1_0(file, {"descr": np.dtype(kind).str, "fortran_order": False, "shape": (count,)})
