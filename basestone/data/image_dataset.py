"""Images: prepare a data set, and open one of its splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.artifact import read_json, write_json
from basestone.core.contracts import Transform
from basestone.core.evidence import write_records
from basestone.core.seed import derive
from basestone.core.spec import ImageSpec
from basestone.data.cache import Cache, Progress, decoded, open_cache
from basestone.data.card import dataset_card, image_spec
from basestone.data.classes import regrouped
from basestone.data.duplicates import bar, copies_of_test, find_copies, without_copies
from basestone.data.image import Decoding
from basestone.data.image_split import ImageSplit
from basestone.data.options import DataOptions
from basestone.data.readers.contract import SPLITS
from basestone.data.sources import SOURCES
from basestone.data.split import all_classes_in_train, divide, limited
from basestone.data.tables import duplicates_table, groups_of, samples_table

Positions = NDArray[np.int64]


def prepare_images(
    options: DataOptions, *, seed: int, folder: Path, cache_root: Path, progress: Progress | None = None
) -> dict[str, Any]:
    """Decodes, divides, looks for copies and writes the three files into ``folder``; returns the card.

    ``progress(done, total)`` counts images. DataError when the data cannot be used; nothing is written then.
    """
    source = SOURCES.build(options.source)
    cache = decoded(source, _decoding(options), options.groups, cache_root, progress)
    if options.classes is not None:
        names, columns = regrouped(cache.columns, cache.class_names, options.classes)
        cache = replace(cache, class_names=names, columns=columns)
    divided = _divided(cache, options, seed)
    threshold = bar(cache.images, divided["train"]) if len(divided) > 1 else None
    splits = _deduplicated(cache, options, divided, threshold)
    all_classes_in_train(splits["train"], cache.columns["label"], cache.class_names)
    hashes = cache.columns["sha256"]
    copies = copies_of_test(splits, lambda mine, rest: find_copies(cache.images, hashes, mine, rest, near=threshold))
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
    write_records(folder / "samples.parquet", samples_table(cache, splits))
    write_records(folder / "duplicates.parquet", duplicates_table(copies, splits))
    write_json(folder / "card.json", card)
    return read_json(folder / "card.json")


def open_images(
    card: Mapping[str, Any],
    samples: Mapping[str, NDArray[Any]],
    cache_root: Path,
    augment: Sequence[Transform],
) -> ImageSplit:
    """The split whose rows of ``samples.parquet`` are ``samples``."""
    return ImageSplit(
        open_cache(cache_root, card["cache"]).images,
        samples["position"],
        samples["label"],
        ImageSpec.from_json(card["spec"]),
        row_names=samples["name"].tolist(),
        groups=groups_of(samples),
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
