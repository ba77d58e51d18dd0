"""Decode once: every image of a source as uint8 in one memory-mapped file.

``cache_root/<key>/`` holds ``images.npy`` (N×C×H×W), ``rows.parquet`` (row name, split, label, SHA-256 of the pixels,
groups) and ``cache.json``. The key is a digest of the source's content and the decoding, never of paths. A cache whose
pixels are not those of its hashes is made again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.artifact import read_json
from basestone.core.errors import ArtifactError, DataError
from basestone.core.evidence import digest_of, read_records, write_records
from basestone.data.classes import checked_label, numbered
from basestone.data.folders import fill, is_whole
from basestone.data.image import Decoding, bombs_refused, decode
from basestone.data.readers.contract import Row, Source

FORMAT = 1  # raise it when the same bytes would be decoded to other pixels
GROUP = "group:"
_ROWS_AT_ONCE = 256
_ROW_BYTES = 256  # of rows.parquet, with room to spare

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Cache:
    """A finished cache: ``images`` is mapped, not loaded; ``columns`` has one array per column of ``rows.parquet``."""

    key: str
    images: NDArray[np.uint8]
    columns: dict[str, NDArray[Any]]
    class_names: tuple[str, ...]


def cache_key(source: Source, decoding: Decoding, groups: Sequence[str]) -> str:
    """The digest (hex) of all that the cache's bytes depend on."""
    choices = {"size": decoding.size, "channels": decoding.channels, "groups": list(groups)}
    return digest_of({"format": FORMAT, "source": source.identity(), "decoding": choices})


def open_cache(cache_root: Path, key: str) -> Cache:
    """Maps a finished cache; ArtifactError when it is absent or broken."""
    folder = cache_root / key
    if not is_whole(cache_root, key):
        raise ArtifactError(f"{folder} must hold the decoded images and does not; prepare the data again.")
    return Cache(
        key=key,
        images=np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False),
        columns=read_records(folder / "rows.parquet"),
        class_names=tuple(read_json(folder / "cache.json")["classes"]),
    )


def decoded(
    source: Source, decoding: Decoding, groups: Sequence[str], cache_root: Path, progress: Progress | None = None
) -> Cache:
    """The cache of this source and decoding, filled if need be; an existing one is checked pixel by pixel first."""
    key = cache_key(source, decoding, groups)
    if is_whole(cache_root, key):
        cache = open_cache(cache_root, key)
        if _unchanged(cache):
            return cache
    _fill(source, decoding, groups, cache_root, key, progress)
    return open_cache(cache_root, key)


def _unchanged(cache: Cache) -> bool:
    return len(cache.images) == len(cache.columns["sha256"]) and all(
        pixel_digest(image) == digest for image, digest in zip(cache.images, cache.columns["sha256"], strict=True)
    )


def pixel_digest(image: NDArray[np.uint8]) -> str:
    """SHA-256 (hex) of one image's C×H×W bytes."""
    return hashlib.sha256(image.tobytes()).hexdigest()


def _fill(
    source: Source,
    decoding: Decoding,
    groups: Sequence[str],
    cache_root: Path,
    key: str,
    progress: Progress | None,
) -> None:
    def write(folder: Path) -> dict[str, Any]:
        return {"classes": _write(source, decoding, groups, folder, progress)}

    fill(cache_root, key, ["images.npy", "rows.parquet"], write, lambda: _unchanged(open_cache(cache_root, key)))


def _write(
    source: Source, decoding: Decoding, groups: Sequence[str], folder: Path, progress: Progress | None
) -> tuple[str, ...]:
    """Fills ``images.npy`` and ``rows.parquet``; returns the class names."""
    counts = source.counts()
    if empty := [split for split, count in counts.items() if not count]:
        raise DataError(f"The source's split '{empty[0]}' must hold samples and is empty. Fill it or leave it out.")
    total = sum(counts.values())
    columns: dict[str, list[Any]] = {name: [] for name in ("name", "split", "label", "sha256")}
    columns |= {GROUP + name: [] for name in groups}
    rows = ((split, row) for split in counts for row in source.rows(split, groups))
    first: tuple[Row, tuple[int, ...]] | None = None
    with (folder / "images.npy").open("wb") as file:
        for split, row, image, digest in _decode_all(rows, source.class_names, decoding):
            if first is None:
                first = row, image.shape
                _begin(file, (total, *image.shape), folder)
            _must_fit(*first, row, image.shape)
            file.write(image.tobytes())
            _append(columns, split, row, digest)
            done = len(columns["name"])
            if progress and (done % _ROWS_AT_ONCE == 0 or done == total):
                progress(done, total)
        file.flush()
        os.fsync(file.fileno())
    if len(columns["name"]) != total:
        raise DataError(f"The source announced {total} rows and gave {len(columns['name'])}; its files are damaged.")
    names, labels = numbered(columns["label"], source.class_names)
    write_records(folder / "rows.parquet", columns | {"label": labels})
    return names


def _append(columns: dict[str, list[Any]], split: str, row: Row, digest: str) -> None:
    values = {"name": row.name, "split": split, "label": row.label, "sha256": digest}
    for name, value in (values | {GROUP + name: value for name, value in row.groups.items()}).items():
        columns[name].append(value)


def _decode_all(
    rows: Iterable[tuple[str, Row]], class_names: Sequence[str] | None, decoding: Decoding
) -> Iterator[tuple[str, Row, NDArray[np.uint8], str]]:
    """Decodes in threads (Pillow and hashlib release the lock), in order, with few rows in memory."""

    def work(item: tuple[str, Row]) -> tuple[str, Row, NDArray[np.uint8], str]:
        split, row = item
        checked_label(row, class_names)
        image = decode(row, decoding)
        return split, row, image, pixel_digest(image)

    remaining = iter(rows)
    with bombs_refused(), ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        while chunk := list(islice(remaining, _ROWS_AT_ONCE)):
            yield from pool.map(work, chunk)


def _begin(file: IO[bytes], shape: tuple[int, ...], folder: Path) -> None:
    """Checks the disk and writes the header of ``images.npy``."""
    needed, free = int(np.prod(shape)) + shape[0] * _ROW_BYTES, shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(
            f"The decoded images need {needed:,} bytes and {folder.parent} has {free:,} bytes free. "
            "Free some space, choose another cache folder, or set data.image_size."
        )
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def _must_fit(first: Row, expected: tuple[int, ...], row: Row, found: tuple[int, ...]) -> None:
    if found[0] != expected[0]:
        raise DataError(
            f"All images must have the same channels; {first.name} has {expected[0]} and {row.name} has {found[0]}. "
            "Set data.channels: 3 (or 1)."
        )
    if found != expected:
        raise DataError(
            f"All images must have the same size; {first.name} is {expected[2]}×{expected[1]} and {row.name} is "
            f"{found[2]}×{found[1]} (width×height). Set data.image_size, e.g. to {min(expected[1:])}."
        )
