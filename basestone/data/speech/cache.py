"""Decode once: every recording of a source as 16-bit samples, end to end in one memory-mapped file.

``cache_root/<key>/`` holds ``samples.npy`` (int16), ``ends.npy`` (int64, where each recording ends) and
``rows.parquet`` (row name, split, label, SHA-256 of the samples, their number, transcript, groups). The key is a digest
of the source's content and of the rate, never of paths.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.artifact import read_json
from basestone.core.errors import ArtifactError, DataError
from basestone.core.evidence import digest_of, read_records, write_records
from basestone.data.cache import GROUP, Progress
from basestone.data.classes import checked_label, numbered
from basestone.data.folders import fill, is_whole
from basestone.data.speech.contract import SpeechRow, SpeechSource
from basestone.data.speech.decode import decode

FORMAT = 1  # raise it when the same bytes would be decoded to other samples
SPEED = "speed"
_TOLD_EVERY = 100
_COLUMNS = ("name", "split", "label", "sha256", "samples", "text")


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A finished cache: recording r is ``flat[ends[r] : ends[r + 1]]``; ``flat`` is mapped, not loaded."""

    key: str
    flat: NDArray[np.int16]
    ends: NDArray[np.int64]
    columns: dict[str, NDArray[Any]]
    class_names: tuple[str, ...]


def recorded(
    source: SpeechSource,
    sample_rate: int,
    columns: Sequence[str],
    cache_root: Path,
    progress: Progress | None = None,
    speeds: Sequence[float] = (1.0,),
) -> Recorded:
    """The cache of this source at this rate and these speeds, filled if need be."""
    choices = {"rate": sample_rate, "columns": list(columns), "speeds": list(speeds)}
    key = digest_of({"format": FORMAT, "source": source.identity(), **choices})
    if not is_whole(cache_root, key):
        files = ["samples.npy", "ends.npy", "rows.parquet"]
        fill(
            cache_root,
            key,
            files,
            lambda folder: {"classes": _write(source, sample_rate, columns, folder, progress, speeds)},
        )
    return open_recorded(cache_root, key)


def open_recorded(cache_root: Path, key: str) -> Recorded:
    """ArtifactError when the folder is absent or broken."""
    folder = cache_root / key
    if not is_whole(cache_root, key):
        raise ArtifactError(f"{folder} must hold the decoded recordings and does not; prepare the data again.")
    return Recorded(
        key=key,
        flat=np.load(folder / "samples.npy", mmap_mode="r", allow_pickle=False),
        ends=np.load(folder / "ends.npy", allow_pickle=False),
        columns=read_records(folder / "rows.parquet"),
        class_names=tuple(read_json(folder / "cache.json")["classes"]),
    )


def _write(
    source: SpeechSource,
    sample_rate: int,
    wanted: Sequence[str],
    folder: Path,
    progress: Progress | None,
    speeds: Sequence[float],
) -> tuple[str, ...]:
    """A recording at all of its speeds, then the next one. Returns the class names.

    The header is written twice, as the number of samples is not known before.
    """
    columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
    columns |= {GROUP + name: [] for name in wanted}
    splits = source.splits()
    of_source = [name for name in wanted if name != SPEED or list(speeds) == [1.0]]
    with (folder / "samples.npy").open("wb") as file:
        _header(file, 0)
        for split in splits:
            for row, speed in ((row, speed) for row in source.rows(split, of_source) for speed in speeds):
                samples = decode(row, sample_rate, speed)
                file.write(samples.tobytes())
                _append(columns, split, _at(row, speed, of_source, wanted), samples, source)
                if progress and len(columns["name"]) % _TOLD_EVERY == 0:
                    progress(len(columns["name"]), len(columns["name"]))
        file.seek(0)
        _header(file, sum(columns["samples"]))
    if missing := [split for split in splits or ["train"] if split not in columns["split"]]:
        raise DataError(
            f"The source's split '{missing[0]}' must hold recordings and is empty. Fill it or leave it out."
        )
    names, labels = numbered(columns["label"], source.class_names) if source.labelled else ((), columns["label"])
    np.save(folder / "ends.npy", np.concatenate([[0], np.cumsum(columns["samples"])]).astype(np.int64))
    write_records(folder / "rows.parquet", columns | {"label": np.asarray(labels, np.int64)})
    return names


def _at(row: SpeechRow, speed: float, of_source: Sequence[str], wanted: Sequence[str]) -> SpeechRow:
    """The row at a speed: its name and its groups tell."""
    named = row if speed == 1 else replace(row, name=f"{row.name} at {speed:g}")
    if SPEED not in wanted or SPEED in of_source:
        return named
    return replace(named, groups={**row.groups, SPEED: f"{speed:g}"})


def _append(
    columns: dict[str, list[Any]], split: str, row: SpeechRow, samples: NDArray[np.int16], source: SpeechSource
) -> None:
    values = {
        "name": row.name,
        "split": split,
        "label": checked_label(row, source.class_names) if source.labelled else 0,
        "sha256": hashlib.sha256(samples.tobytes()).hexdigest(),
        "samples": len(samples),
        "text": row.text or "",
    }
    for name, value in (values | {GROUP + name: value for name, value in row.groups.items()}).items():
        columns[name].append(value)


def _header(file: Any, count: int) -> None:
    """Numpy pads its header to 64 bytes, so that it is as long for any count that fits."""
    np.lib.format.write_array_header_1_0(file, {"descr": "<i2", "fortran_order": False, "shape": (count,)})
