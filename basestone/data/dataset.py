"""The data room's doors to the pixels: prepare a data set, and open one of its splits.

A prepared folder holds ``samples.parquet`` (row name, split, position in the cache, label, SHA-256 of the pixels,
groups), ``duplicates.parquet`` (one row a test sample) and ``card.json``. The pixels stay in the cache, which can be
made again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.artifact import read_json, write_json
from basestone.core.contracts import Transform
from basestone.core.errors import UsageError
from basestone.core.evidence import read_records, write_records
from basestone.core.seed import derive
from basestone.core.spec import ImageSpec
from basestone.data.cache import GROUP, Cache, Progress, decoded, open_cache
from basestone.data.card import dataset_card, image_spec
from basestone.data.duplicates import Copies, bar, find_copies, leakage, without_copies
from basestone.data.image import Decoding
from basestone.data.image_split import ImageSplit
from basestone.data.options import DataOptions
from basestone.data.readers.contract import SPLITS
from basestone.data.sources import SOURCES
from basestone.data.split import all_classes_in_train, divide, limited

__all__ = ["ImageSplit", "open_split", "prepare"]

Positions = NDArray[np.int64]


def prepare(
    options: DataOptions, *, seed: int, folder: Path, cache_root: Path, progress: Progress | None = None
) -> dict[str, Any]:
    """Decodes, divides, looks for copies and writes the three files into ``folder``; returns the card.

    ``progress(done, total)`` counts images. DataError when the data cannot be used; nothing is written then.
    """
    source = SOURCES.build(options.source)
    cache = decoded(source, _decoding(options), options.groups, cache_root, progress)
    divided = _divided(cache, options, seed)
    threshold = bar(cache.images, divided["train"]) if len(divided) > 1 else None
    splits = _deduplicated(cache, options, divided, threshold)
    all_classes_in_train(splits["train"], cache.columns["label"], cache.class_names)
    copies = _search(cache, splits, threshold)
    card = dataset_card(
        options,
        source.identity(),
        cache,
        splits,
        seed=seed,
        spec=image_spec(cache, splits["train"]),
        copies=copies,
        bar=threshold,
        dropped={name: len(divided[name]) - len(splits[name]) for name in splits},
    )
    write_records(folder / "samples.parquet", _samples(cache, splits))
    write_records(folder / "duplicates.parquet", _duplicates(copies, splits))
    write_json(folder / "card.json", card)
    return read_json(folder / "card.json")


def open_split(folder: Path, cache_root: Path, split: str, *, augment: Sequence[Transform] = ()) -> ImageSplit:
    """One split of a prepared folder. UsageError when the data have no such split."""
    card = read_json(folder / "card.json")
    if split not in card["splits"]:
        raise UsageError(f"The data have no split '{split}'; they have {', '.join(card['splits'])}. See data.split.")
    samples = read_records(folder / "samples.parquet")
    mine = samples["split"] == split
    groups = {name.removeprefix(GROUP): samples[name][mine].astype(str) for name in samples if name.startswith(GROUP)}
    return ImageSplit(
        open_cache(cache_root, card["cache"]).images,
        samples["position"][mine],
        samples["label"][mine],
        ImageSpec.from_json(card["spec"]),
        row_names=samples["name"][mine].tolist(),
        groups=groups,
        augment=augment,
    )


def _decoding(options: DataOptions) -> Decoding:
    return Decoding(size=options.image_size, channels=options.channels)


def _divided(cache: Cache, options: DataOptions, seed: int) -> dict[str, Positions]:
    labels, hashes = cache.columns["label"], cache.columns["sha256"]
    seed = derive(seed, "data")
    splits = divide(cache.columns["split"], labels, hashes, options.split, seed=seed)
    kept = limited(splits, labels, hashes, options.limit, seed=seed)
    return {name: kept[name] for name in SPLITS if name in kept}


def _deduplicated(
    cache: Cache, options: DataOptions, splits: dict[str, Positions], threshold: float | None
) -> dict[str, Positions]:
    if options.deduplicate == "keep":
        return splits
    near = threshold if options.deduplicate == "drop_near" else None
    return without_copies(cache.images, cache.columns["sha256"], splits, near=near)


def _search(cache: Cache, splits: Mapping[str, Positions], threshold: float | None) -> Copies | None:
    if "test" not in splits:
        return None
    references = np.concatenate([splits[name] for name in splits if name != "test"])
    return find_copies(cache.images, cache.columns["sha256"], splits["test"], references, near=threshold)


def _samples(cache: Cache, splits: Mapping[str, Positions]) -> dict[str, Any]:
    position = np.concatenate(list(splits.values()))
    columns = {name: values[position] for name, values in cache.columns.items()}
    split = [name for name, positions in splits.items() for _ in range(len(positions))]
    return columns | {"split": split, "position": position}


def _duplicates(copies: Copies | None, splits: Mapping[str, Positions]) -> dict[str, Any]:
    if copies is None:
        copies = Copies(kind=np.zeros(0, "<U5"), place=np.zeros(0, np.int64), similarity=np.zeros(0))
    where = leakage(copies, [(name, len(splits[name])) for name in splits if name != "test"])
    return {
        "index": np.arange(len(copies.kind), dtype=np.int64),
        "kind": copies.kind.tolist(),
        "split": where["split"].tolist(),
        "match": where["match"],
        "similarity": copies.similarity,
    }
