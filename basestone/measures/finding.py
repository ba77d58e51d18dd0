"""How well objects are found: mean average precision with bounds, its gap to training, what corruptions leave of it.

The image is the cluster: its objects and answers stand and fall together. Every draw of the bootstrap weighs whole
images and gives its own average precision (``average_precision``), so that verdicts follow from the records alone.

**Bounds.** Precision made falling is biased upward, in the sample and more so in its draws; and near 1 a sample seldom
holds the failures that the truth does. The 5 % point of plain draws lay below the truth in only 75 to 94 % of our
simulations. So a bound that could let a model pass is made of the sample with one image more, whose objects are all
missed, and is corrected for the bias of the draws: at least 91 % where scores say nothing of what is right, at least
94 % where they do (40 to 300 images). The other bound is the plain 95 % point, which covered 92 to 100 %.

**Retention** is of the average precision at an overlap of 0.5, over all but one of the fifteen corruptions of images:
an elastic deformation moves objects off their boxes. Clean and corrupted images are weighed alike in each draw; the
image that is added is found when clean and missed when corrupted. For the worst type see ``robustness.retention``.
Differs from Michaelis et al. 2019 (arXiv:1907.07484), who keep the deformation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.evidence import CONFIDENCE, Interval, Measurement, Records, RecordsMissing
from basestone.measures.average_precision import (
    OVERLAPS,
    ClassMatches,
    Floats,
    average_precision,
    matched,
    mean_average_precision,
    with_image,
)
from basestone.measures.bootstrap import DRAWS, MIN_CLUSTERS, bias_corrected, decidable, describe, resampled_weights
from basestone.measures.robustness import BOX_FAMILIES, BOX_TYPES, SEVERITIES

SEED, OTHER_SEED = 0, 1
BELOW = 1 - CONFIDENCE  # the share of draws that lies below a lower bound
HELD = 4_000_000  # draws × answers at once: 32 MB for each of a few arrays
LEAST_CLEAN = 0.05  # of which retention is a share: below it, it would be noise over noise


def map50_95(records: Records) -> Measurement:
    """Mean average precision over ten overlaps from 0.5 to 0.95, on the test split."""
    return _found("map50_95", records, OVERLAPS)


def map50(records: Records) -> Measurement:
    """Mean average precision at an overlap of 0.5, on the test split."""
    return _found("map50", records, OVERLAPS[:1])


def map_gap(records: Records) -> Measurement:
    """Mean average precision (0.5 to 0.95) on training images, as they are, minus that on test images."""
    train, test = (matched(records.table(name)) for name in ("detected_train", "detected_test"))
    values, sizes = [_value(classes) for classes in (train, test)], [_size(classes) for classes in (train, test)]
    interval = Interval(
        lower=_gap(with_image(train, found=False), test, BELOW),
        upper=_gap(train, with_image(test, found=False), CONFIDENCE),
        method=f"bias-corrected, an image of missed objects added to either side; {_draws_of(min(sizes))}",
        decidable=min(sizes) >= MIN_CLUSTERS,
    )
    return Measurement(
        measure="map_gap",
        value=values[0] - values[1],
        unit="fraction",
        n=min(sizes),
        interval=interval,
        detail={"train": values[0], "test": values[1], "train_n": sizes[0], "test_n": sizes[1]},
    )


def map_retention_mean(records: Records) -> Measurement:
    """Mean over the corruptions and their severities of corrupted over clean average precision."""
    seen = _retention(records)
    draws, value = seen.draws.mean(1), float(seen.by_type.mean())
    interval = Interval(
        lower=bias_corrected(seen.low.mean(1), float(seen.low_type.mean()), BELOW),
        upper=float(np.quantile(draws, CONFIDENCE)),
        method=_method(seen.size),
        decidable=decidable(draws, seen.size),
    )
    return _retained("map_retention_mean", value, interval, seen)


def map_retention_worst(records: Records) -> Measurement:
    """The least retention among the corruptions, each averaged over its severities."""
    seen = _retention(records)
    pairs = zip(seen.low.T, seen.low_type.tolist(), strict=True)
    interval = Interval(
        lower=min(bias_corrected(draws, value, BELOW) for draws, value in pairs),
        upper=least_upper(seen.by_type, seen.draws),
        method=f"min over types, max-t above; {_method(seen.size)}",
        decidable=decidable(seen.draws[:, int(seen.by_type.argmin())], seen.size),
    )
    return _retained("map_retention_worst", float(seen.by_type.min()), interval, seen)


def least_upper(values: Floats, draws: Floats) -> float:
    """A bound that the least of T values exceeds with probability 5 %, whichever it is; from B×T draws."""
    error = draws.std(0)
    studentized = (values - draws) / np.where(error > 0, error, np.inf)
    q = float(np.quantile(studentized.max(1), CONFIDENCE))
    return float((values + q * error).min())


def _found(name: str, records: Records, overlaps: Sequence[float]) -> Measurement:
    classes = matched(records.table("detected_test"), overlaps)
    size, draws, more = _size(classes), _draws(classes, SEED), with_image(classes, found=False)
    interval = Interval(
        lower=bias_corrected(_draws(more, SEED), _value(more), BELOW),
        upper=float(np.quantile(draws, CONFIDENCE)),
        method=_method(size),
        decidable=decidable(draws, size),
    )
    by_class = [float(average_precision(one, np.ones((1, size))).mean()) for one in classes]
    detail = {
        "objects": [int(one.objects.sum()) for one in classes],
        "answers": [len(one.image) for one in classes],
        "by_class": [value if np.isfinite(value) else None for value in by_class],
    }
    value = _value(classes)
    return Measurement(measure=name, value=value, unit="fraction", n=size, interval=interval, detail=detail)


def _gap(train: Sequence[ClassMatches], test: Sequence[ClassMatches], share: float) -> float:
    """A quantile of the differences of independent draws, corrected for their bias."""
    return bias_corrected(_draws(train, OTHER_SEED) - _draws(test, SEED), _value(train) - _value(test), share)


def _size(classes: Sequence[ClassMatches]) -> int:
    return len(classes[0].objects) if classes else 0


def _value(classes: Sequence[ClassMatches]) -> float:
    if not classes:
        raise RecordsMissing("average precision needs at least one object, and there is none")
    return float(mean_average_precision(classes, np.ones((1, _size(classes))))[0])


def _draws(classes: Sequence[ClassMatches], seed: int) -> Floats:
    weights = image_weights(_size(classes), max(len(one.image) for one in classes), seed)
    return np.concatenate([mean_average_precision(classes, part) for part in weights])


def image_weights(size: int, answers: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """The draws' weights, as many at a time as there is room for beside ``answers`` of a class."""
    weights = np.concatenate(list(resampled_weights(size, seed=seed)))
    step = min(len(weights), max(1, HELD // max(1, answers)))
    for start in range(0, len(weights), step):
        yield weights[start : start + step]


def _draws_of(size: int) -> str:
    return describe(DRAWS, size, SEED)


def _method(size: int) -> str:
    return f"below bias-corrected, an image of missed objects added; {_draws_of(size)}"


@dataclass(frozen=True, kw_only=True)
class _Retention:
    """``clean`` and the matches under each kind of corruption, of ``size`` images; ratios by type T, draws B×T.

    ``low_type`` and ``low`` are the same with the image that is added for lower bounds.
    """

    clean: list[ClassMatches]
    kinds: list[list[ClassMatches]]
    size: int
    by_type: Floats
    draws: Floats
    low_type: Floats
    low: Floats


@lru_cache(maxsize=1)
def _retention(records: Records) -> _Retention:
    """Two measures are made of the same draws, which take a minute."""
    clean, kinds = _corrupted(records)
    sure, lost = with_image(clean, found=True), [with_image(kind, found=False) for kind in kinds]
    size, most = _size(clean), max(len(one.image) for kind in kinds for one in kind)
    return _Retention(
        clean=clean,
        kinds=kinds,
        size=size,
        by_type=_ratios(clean, kinds, np.ones((1, size)))[0],
        draws=np.concatenate([_ratios(clean, kinds, part) for part in image_weights(size, most, SEED)]),
        low_type=_ratios(sure, lost, np.ones((1, size + 1)))[0],
        low=np.concatenate([_ratios(sure, lost, part) for part in image_weights(size + 1, most, SEED)]),
    )


def _corrupted(records: Records) -> tuple[list[ClassMatches], list[list[ClassMatches]]]:
    """The clean matches of the images that were corrupted, and those under each corruption and severity."""
    table, clean = records.table("detected_corrupted"), records.table("detected_test")
    index = np.unique(table["index"])
    kept = np.isin(clean["index"], index)
    if len(np.unique(clean["index"][kept])) < len(index):
        raise RecordsMissing("every corrupted image must have its clean answers in 'detected_test'; some have none")
    there = matched({name: values[kept] for name, values in clean.items()}, OVERLAPS[:1])
    if (value := _value(there)) < LEAST_CLEAN:
        raise RecordsMissing(
            f"retention is a share of clean average precision, which must be at least {LEAST_CLEAN}; it is {value:.3f}"
        )
    name, level, image = table["corruption"].astype(str), table["severity"], np.searchsorted(index, table["index"])
    kinds: list[list[ClassMatches]] = []
    for kind, severity in ((kind, severity) for kind in BOX_TYPES for severity in SEVERITIES):
        mine = np.flatnonzero((name == kind) & (level == severity))
        if len(np.unique(image[mine])) < len(index):
            raise RecordsMissing(f"every image must be seen under {kind} of severity {severity}; some are not")
        kinds.append(_under(table, mine, image, there))
    return there, kinds


def _under(
    table: Mapping[str, NDArray[Any]], mine: NDArray[np.int64], image: NDArray[np.int64], there: Sequence[ClassMatches]
) -> list[ClassMatches]:
    """The matches under one corruption: what is there stays, what was found is another."""
    found: list[ClassMatches] = []
    for number, one in enumerate(there):
        rows = mine[table["class"][mine] == number]
        rows = rows[np.argsort(-table["score"][rows], kind="stable")]
        right = table["right"][rows]
        found.append(
            ClassMatches(
                image=image[rows],
                score=table["score"][rows],
                hit=(right == 1)[None],
                ignored=(right == -1)[None],
                objects=one.objects,
            )
        )
    return found


def _ratios(clean: Sequence[ClassMatches], kinds: Sequence[Sequence[ClassMatches]], weights: NDArray[Any]) -> Floats:
    """B×T: average precision under each corruption, its severities averaged, over the clean one."""
    whole = mean_average_precision(clean, weights)
    each = np.stack([mean_average_precision(kind, weights) for kind in kinds], 1)
    return each.reshape(len(weights), len(BOX_TYPES), len(SEVERITIES)).mean(2) / np.maximum(whole, 1e-9)[:, None]


def _retained(name: str, value: float, interval: Interval, seen: _Retention) -> Measurement:
    retained = dict(zip(BOX_TYPES, seen.by_type.tolist(), strict=True))
    worst = min(retained, key=lambda kind: retained[kind])
    shown = [(family, kind, level) for family, names in BOX_FAMILIES.items() for kind in names for level in SEVERITIES]
    curves = [
        {"family": family, "corruption": kind, "severity": level, "accuracy": _value(matches)}
        for (family, kind, level), matches in zip(shown, seen.kinds, strict=True)
    ]
    detail = {"clean_map50": _value(seen.clean), "worst": worst, "by_corruption": retained, "curves": curves}
    return Measurement(measure=name, value=value, unit="fraction", n=seen.size, interval=interval, detail=detail)
