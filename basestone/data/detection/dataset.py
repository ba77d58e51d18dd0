"""Photographs with boxes: prepare a data set, and open one of its splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.artifact import read_json, write_json
from basestone.core.contracts import BoxTransform
from basestone.core.errors import DataError
from basestone.core.evidence import write_records
from basestone.core.seed import derive
from basestone.core.spec import ImageSpec
from basestone.data.cache import Progress
from basestone.data.card import channel_statistics, dataset_card
from basestone.data.detection.cache import BoxCache, open_boxes, read_boxes
from basestone.data.detection.options import BoxData
from basestone.data.detection.sources import BOX_SOURCES
from basestone.data.detection.split import BoxSplit
from basestone.data.duplicates import bar, copies_of_test, find_copies, without_copies
from basestone.data.readers.contract import SPLITS
from basestone.data.split import divide, limited
from basestone.data.tables import duplicates_table, samples_table

Positions = NDArray[np.int64]


def prepare_boxes(
    options: BoxData, *, seed: int, folder: Path, cache_root: Path, progress: Progress | None
) -> dict[str, Any]:
    """See ``basestone.data.dataset.prepare``; the card counts boxes by class, and what was done about the others."""
    source = BOX_SOURCES.build(options.source)
    whole = read_boxes(source, options, cache_root, progress)
    cache = whole.regrouped(options.classes)
    hashes, divided = cache.columns["sha256"], _divided(whole, cache, options, derive(seed, "data"))
    near = bar(cache.images, divided["train"]) if len(divided) > 1 else None
    splits = divided
    if options.deduplicate != "keep":
        wanted = near if options.deduplicate == "drop_near" else None
        splits = without_copies(cache.images, hashes, divided, near=wanted)
    counted = {name: _counted(cache, where) for name, where in splits.items()}
    _all_classes(counted["train"], cache.names)
    copies = copies_of_test(splits, lambda mine, rest: find_copies(cache.images, hashes, mine, rest, near=near))
    card = dataset_card(
        options,
        source.identity(),
        cache,
        splits,
        seed=seed,
        spec=_spec(cache, splits["train"]),
        copies=copies,
        bar=near,
        dropped={name: len(divided[name]) - len(splits[name]) for name in splits},
    )
    for name, numbers in counted.items():
        card["splits"][name]["classes"] = dict(zip(cache.names, numbers.tolist(), strict=True))
    total = len(cache.boxes["class"])
    card["boxes"] = {"total": total, "left_out": len(whole.boxes["class"]) - total, "faults": cache.faults}
    write_records(folder / "samples.parquet", samples_table(cache, splits))
    write_records(folder / "duplicates.parquet", duplicates_table(copies, splits))
    write_json(folder / "card.json", card)
    return read_json(folder / "card.json")


def open_detection(
    card: Mapping[str, Any],
    samples: Mapping[str, NDArray[Any]],
    cache_root: Path,
    augment: Sequence[BoxTransform],
) -> BoxSplit:
    """The split whose rows of ``samples.parquet`` are ``samples``."""
    cache = open_boxes(cache_root, card["cache"]).regrouped(card["options"].get("classes"))
    return BoxSplit(
        cache.images,
        samples["position"],
        cache.boxes_of(samples["position"]),
        ImageSpec.from_json(card["spec"]),
        row_names=samples["name"].tolist(),
        augment=augment,
    )


def _divided(whole: BoxCache, cache: BoxCache, options: BoxData, seed: int) -> dict[str, Positions]:
    """Divided by the source's own classes, so that new ones move no photograph into another split."""
    hashes = whole.columns["sha256"]
    splits = divide(whole.columns["split"], whole.columns["label"], hashes, options.split, seed=seed)
    kept = limited(splits, cache.columns["label"], hashes, options.limit, seed=seed)
    return {name: kept[name] for name in SPLITS if name in kept}


def _counted(cache: BoxCache, positions: Positions) -> NDArray[np.int64]:
    """Boxes of each class, without those that are ignored."""
    mine = cache.boxes_of(positions)
    return np.bincount(mine["class"][~mine["ignored"]], minlength=len(cache.names))


def _all_classes(train: NDArray[np.int64], names: Sequence[str]) -> None:
    if missing := [name for name, number in zip(names, train.tolist(), strict=True) if not number]:
        raise DataError(
            f"Every class must have an object in the split 'train'; {', '.join(missing)} "
            f"{'has' if len(missing) == 1 else 'have'} none. Add photographs, or leave the class out of class_names."
        )


def _spec(cache: BoxCache, train: Positions) -> ImageSpec:
    mean, std = channel_statistics(cache.images, train)
    channels, height, width = cache.images.shape[1:]
    return ImageSpec(
        channels=channels, height=height, width=width, class_names=cache.names, mean=mean, std=std, head="boxes"
    )
