"""Decode and check once: every photograph fitted into one size, and the boxes that go with it.

``cache_root/<key>/`` holds ``images.npy`` (N×C×H×W uint8), ``rows.parquet`` (row name, split, SHA-256 of the pixels,
label: a stratum, 0 where there is no object, else one more than the class in it that is rarest) and ``boxes.parquet``
(image, class, ignored, x1, y1, x2, y2 in the fitted photograph's pixels). The key is a digest of content and choices.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.artifact import read_json
from basestone.core.errors import ArtifactError, DataError
from basestone.core.evidence import digest_of, read_records, write_records
from basestone.data.cache import Progress, pixel_digest
from basestone.data.classes import new_places, numbered
from basestone.data.detection.checked import Checked, Counts, Rules, checked
from basestone.data.detection.contract import BoxRow, BoxSource
from basestone.data.detection.letterbox import Fit
from basestone.data.detection.options import BoxData
from basestone.data.folders import fill, is_whole
from basestone.data.image import Decoding, bombs_refused, decode
from basestone.data.readers.contract import Row

FORMAT = 1  # raise it when the same bytes would give other pixels or boxes
FILES = ["images.npy", "rows.parquet", "boxes.parquet"]
CORNERS = ("x1", "y1", "x2", "y2")
_ROWS_AT_ONCE = 64


@dataclass(frozen=True, kw_only=True)
class BoxCache:
    """A finished cache: ``images`` is mapped, ``columns`` are those of ``rows.parquet``, ``boxes`` of the other.

    ``faults`` says what was done about boxes that cannot be right.
    """

    key: str
    images: NDArray[np.uint8]
    columns: dict[str, NDArray[Any]]
    boxes: dict[str, NDArray[Any]]
    names: tuple[str, ...]
    faults: dict[str, Any]
    class_names: tuple[str, ...] = ()  # of a photograph as a whole there are none

    def boxes_of(self, positions: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """The boxes of the photographs at ``positions``, with ``image`` counted along them."""
        place = np.full(len(self.images), -1, np.int64)
        place[positions] = np.arange(len(positions))
        where = place[self.boxes["image"]]
        mine = where >= 0
        found = {name: values[mine] for name, values in self.boxes.items()} | {"image": where[mine]}
        order = np.argsort(found["image"], kind="stable")
        return {name: values[order] for name, values in found.items()}

    def regrouped(self, classes: Mapping[str, Sequence[str]] | None) -> BoxCache:
        """With boxes of new classes alone, each made of some of the source's; None: as it is.

        Every photograph stays, one without such a box as background. DataError: a class is not there, or named twice.
        """
        if classes is None:
            return self
        labels = new_places(self.names, classes)[self.boxes["class"]]
        kept = labels >= 0
        boxes = {name: values[kept] for name, values in self.boxes.items()} | {"class": labels[kept]}
        columns = self.columns | {"label": _strata(boxes, len(self.images), len(classes))}
        return replace(self, names=tuple(classes), boxes=boxes, columns=columns)


def read_boxes(source: BoxSource, options: BoxData, cache_root: Path, progress: Progress | None) -> BoxCache:
    """The photographs of a source, from the cache or into it."""
    choices = options.model_dump(mode="json", include={"image_size", "channels", "outside", "empty_box"})
    key = digest_of({"format": FORMAT, "source": source.identity(), "choices": choices})
    if not is_whole(cache_root, key):
        fill(cache_root, key, FILES, lambda folder: _write(source, options, folder, progress))
    return open_boxes(cache_root, key)


def open_boxes(cache_root: Path, key: str) -> BoxCache:
    """ArtifactError when the folder is absent or broken."""
    folder = cache_root / key
    if not is_whole(cache_root, key):
        raise ArtifactError(f"{folder} must hold the decoded photographs and does not; prepare the data again.")
    told = read_json(folder / "cache.json")
    return BoxCache(
        key=key,
        images=np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False),
        columns=read_records(folder / "rows.parquet"),
        boxes=read_records(folder / "boxes.parquet"),
        names=tuple(told["classes"]),
        faults=told["faults"],
    )


def _write(source: BoxSource, options: BoxData, folder: Path, progress: Progress | None) -> dict[str, Any]:
    counts = source.counts()
    if empty := [split for split, count in counts.items() if not count]:
        raise DataError(f"The source's split '{empty[0]}' must hold photographs and is empty. Fill it or leave it out.")
    total, faults = sum(counts.values()), Counts()
    columns: dict[str, list[Any]] = {name: [] for name in ("name", "split", "sha256")}
    found: list[Checked] = []
    height, width = options.height_width
    images = np.lib.format.open_memmap(folder / "images.npy", "w+", np.uint8, (total, options.channels, height, width))
    for number, (split, row, pixels, boxes) in enumerate(_decoded(source, options, faults)):
        images[number] = pixels
        for name, value in {"name": row.name, "split": split, "sha256": pixel_digest(pixels)}.items():
            columns[name].append(value)
        found.append(boxes)
        if progress and ((number + 1) % _ROWS_AT_ONCE == 0 or number + 1 == total):
            progress(number + 1, total)
    images.flush()
    names, table = _table(found, source.class_names)
    write_records(folder / "boxes.parquet", table)
    write_records(folder / "rows.parquet", columns | {"label": _strata(table, total, len(names))})
    return {"classes": names, "faults": {"counts": faults.counts, "first": faults.rows}}


def _decoded(
    source: BoxSource, options: BoxData, faults: Counts
) -> Iterator[tuple[str, BoxRow, NDArray[np.uint8], Checked]]:
    """Decodes in threads, in order, with few rows in memory; boxes come in the fitted photograph's pixels."""
    rules, into = Rules(outside=options.outside, empty_box=options.empty_box), options.height_width

    def work(item: tuple[str, BoxRow]) -> tuple[str, BoxRow, NDArray[np.uint8], tuple[int, int]]:
        split, row = item
        pixels = decode(Row(name=row.name, image=row.image, label=None), Decoding(channels=options.channels))
        size = pixels.shape[2], pixels.shape[1]
        return split, row, Fit.of(size, into).pixels(pixels, into), size

    rows = ((split, row) for split in source.counts() for row in source.rows(split))
    with bombs_refused(), ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        while chunk := list(islice(rows, _ROWS_AT_ONCE)):
            for split, row, pixels, size in pool.map(work, chunk):
                kept = checked(row, size, source.class_names, rules, faults)
                fitted = Fit.of(size, into).boxes(kept.boxes)
                yield split, row, pixels, Checked(boxes=fitted, labels=kept.labels, ignored=kept.ignored)


def _table(found: Sequence[Checked], class_names: Sequence[str] | None) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The classes, and the columns of ``boxes.parquet``."""
    written = [label for boxes in found for label in boxes.labels]
    if not written:
        raise DataError("The data must hold at least one object, and hold none. Is it the right source?")
    if class_names is not None and len(class_names) == 1:
        names, labels = tuple(class_names), np.zeros(len(written), np.int64)
    elif class_names is None and len(set(written)) == 1 and isinstance(written[0], str):
        names, labels = (written[0],), np.zeros(len(written), np.int64)
    else:
        names, labels = numbered(written, class_names)
    corners = np.concatenate([boxes.boxes for boxes in found]).astype(np.float32)
    return names, {
        "image": np.repeat(np.arange(len(found)), [len(boxes.labels) for boxes in found]),
        "class": labels,
        "ignored": np.concatenate([boxes.ignored for boxes in found]),
        **{name: corners[:, place] for place, name in enumerate(CORNERS)},
    }


def _strata(table: Mapping[str, Any], total: int, num_classes: int) -> NDArray[np.int64]:
    """What a photograph is drawn by when splits are made: its rarest class, so that no split goes without."""
    number = np.bincount(table["class"], minlength=num_classes)
    rank = np.empty(num_classes, np.int64)
    rank[np.argsort(number, kind="stable")] = np.arange(num_classes)
    best = np.full(total, num_classes, np.int64)
    np.minimum.at(best, table["image"], rank[table["class"]])
    by_rank = np.append(np.argsort(number, kind="stable") + 1, 0)
    return by_rank[best]
