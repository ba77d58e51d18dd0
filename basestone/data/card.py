"""The data set's card: what the data are, how they were divided, and the hashes by which to tell them again.

After Gebru et al. 2021, "Datasheets for Datasets", as far as it can be computed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from basestone.core.spec import DataSpec, ImageSpec
from basestone.data.cache import GROUP, Cache
from basestone.data.duplicates import Copies
from basestone.data.tables import Rows

Positions = NDArray[np.int64]
_IMAGES_AT_ONCE = 1024


def image_spec(cache: Cache, train: Positions) -> ImageSpec:
    """Shape, classes, and the statistics of the train split."""
    channels, height, width = cache.images.shape[1:]
    mean, std = channel_statistics(cache.images, train)
    return ImageSpec(channels=channels, height=height, width=width, class_names=cache.class_names, mean=mean, std=std)


def channel_statistics(images: NDArray[np.uint8], chosen: Positions) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The mean and standard deviation of each channel over some of N×C×H×W images, 0–1 scale.

    They come from exact counts of the 256 values. A constant channel has the deviation 1, so that it normalises to 0.
    """
    channels = images.shape[1]
    counts = np.zeros((channels, 256), dtype=np.int64)
    for start in range(0, len(chosen), _IMAGES_AT_ONCE):
        block = images[chosen[start : start + _IMAGES_AT_ONCE]]
        counts += np.stack([np.bincount(block[:, c].ravel(), minlength=256) for c in range(channels)])
    share, value = counts / counts.sum(1, keepdims=True), np.arange(256) / 255
    mean = share @ value
    std = np.sqrt((share * (value - mean[:, None]) ** 2).sum(1))
    return tuple(mean.tolist()), tuple(np.where(std > 0, std, 1.0).tolist())


def dataset_card(
    options: BaseModel,
    identity: Mapping[str, Any],
    cache: Rows,
    splits: Mapping[str, Positions],
    *,
    seed: int,
    spec: DataSpec,
    copies: Copies | None,
    bar: float | None,
    dropped: Mapping[str, int],
) -> dict[str, Any]:
    """A JSON object; ``content`` is the digest of all splits together.

    ``identity`` is the source's, ``dropped`` counts the samples that ``deduplicate`` removed from each split.
    """
    described = {name: _split(cache, positions) for name, positions in splits.items()}
    every = "".join(f"{name}:{split['sha256']}\n" for name, split in described.items())
    return {
        "source": dict(identity),
        "content": hashlib.sha256(every.encode()).hexdigest(),
        "cache": cache.key,
        "seed": seed,
        "options": options.model_dump(mode="json"),
        "spec": spec.to_json(),
        "splits": described,
        "duplicates": _duplicates(copies, bar, dropped),
    }


def _split(cache: Rows, positions: Positions) -> dict[str, Any]:
    labels = np.bincount(cache.columns["label"][positions], minlength=len(cache.class_names))
    groups = {
        name.removeprefix(GROUP): _counted(values[positions].tolist())
        for name, values in cache.columns.items()
        if name.startswith(GROUP)
    }
    return {
        "count": len(positions),
        "classes": dict(zip(cache.class_names, labels.tolist(), strict=bool(cache.class_names))),
        "groups": groups,
        "sha256": _together(cache.columns["sha256"][positions].tolist()),
    }


def _counted(values: Sequence[str]) -> dict[str, int]:
    names, counts = np.unique(np.array(values, dtype=str), return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))


def _together(hashes: Sequence[str]) -> str:
    """SHA-256 over the sorted pixel hashes, one a line: the same for the same images in any order."""
    return hashlib.sha256("".join(f"{digest}\n" for digest in sorted(hashes)).encode()).hexdigest()


def _duplicates(copies: Copies | None, bar: float | None, dropped: Mapping[str, int]) -> dict[str, Any]:
    if copies is None:
        return {"checked": 0, "exact": 0, "near": 0, "rate": None, "bar": bar, "dropped": dict(dropped)}
    exact, near = (int((copies.kind == kind).sum()) for kind in ("exact", "near"))
    rate = (exact + near) / len(copies.kind)
    return {
        "checked": len(copies.kind),
        "exact": exact,
        "near": near,
        "rate": rate,
        "bar": bar,
        "dropped": dict(dropped),
    }
