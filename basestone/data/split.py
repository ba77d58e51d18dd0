"""Who goes to train, validation and test: deterministic, disjoint, stratified.

Each sample draws a lot: SHA-256 of the run's seed and of its own pixels. A split takes the lowest lots of each class.
So the division does not depend on the order of files or rows, and a sample that joins later moves few others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from basestone.core.errors import DataError
from basestone.core.seed import derive, numpy_generator
from basestone.data.options import SplitOptions
from basestone.data.readers.contract import SPLITS, SplitName

Positions = NDArray[np.int64]


def divide(
    source_splits: NDArray[np.str_],
    labels: NDArray[np.int64],
    hashes: NDArray[np.str_],
    options: SplitOptions,
    *,
    seed: int,
    last: Positions | None = None,
) -> dict[SplitName, Positions]:
    """Positions of each split, ascending. All arguments have one entry a sample.

    Splits of the source stay as they are; one that it lacks is taken from its train samples, of which the options
    give the share. At least one sample of each class stays in train. With ``last``, each sample's size, nothing is
    drawn: the test split is the last of the source, of that share of the size, and validation what is before it.
    """
    splits: dict[SplitName, Positions] = {name: np.flatnonzero(source_splits == name) for name in SPLITS}
    if not len(splits["train"]):
        raise DataError("The source must have a split 'train' that holds samples, and has none.")
    whole = splits["train"]
    shares: dict[SplitName, float | None] = {"test": options.test, "validation": options.validation}
    for name, share in shares.items():
        if not len(splits[name]) and share is not None:
            train = splits["train"]
            strata = labels if options.stratify else np.zeros_like(labels)
            room = np.maximum(np.bincount(strata[train], minlength=strata.max() + 1) - 1, 0)
            counts = np.bincount(strata[whole], minlength=strata.max() + 1)
            taken = apportion(counts, round(share * len(whole)), most=room)
            if last is not None:
                behind = np.cumsum(last[train][::-1])[::-1]  # this sample and all after it
                splits[name] = train[1:][behind[1:] <= share * last[whole].sum()]
            else:
                splits[name] = draw_stratified(train, strata, hashes, taken, seed=derive(seed, "split", name))
            splits["train"] = np.setdiff1d(train, splits[name])
            if not len(splits[name]):
                raise DataError(
                    f"The split '{name}' would be empty: {share:g} of {len(whole)} samples. Raise data.split.{name}, "
                    "or set it to null."
                )
    return {name: positions for name, positions in splits.items() if len(positions)}


def limited(
    splits: Mapping[SplitName, Positions],
    labels: NDArray[np.int64],
    hashes: NDArray[np.str_],
    limit: Mapping[SplitName, int],
    *,
    seed: int,
) -> dict[SplitName, Positions]:
    """The splits with at most ``limit`` samples each, in the classes' proportions and with every class that fits."""
    kept = dict(splits)
    for name, count in limit.items():
        if name in kept and count < len(kept[name]):
            present = np.bincount(labels[kept[name]], minlength=labels.max() + 1)
            taken = apportion(present, count, most=present, least=count >= int(np.count_nonzero(present)))
            kept[name] = draw_stratified(kept[name], labels, hashes, taken, seed=derive(seed, "limit", name))
    return kept


def apportion(counts: Positions, total: int, *, most: Positions, least: bool = False) -> Positions:
    """How many of ``total`` each class gives: in proportion to ``counts`` by largest remainder, at most ``most``.

    With ``least`` every class that has samples gives one at least. Ties go to the earlier class.
    """
    quota = counts * (total / max(counts.sum(), 1))
    given = np.minimum(np.floor(quota).astype(np.int64), most)
    if least:
        given = np.maximum(given, np.minimum(counts, 1))
    while (short := min(total, int(most.sum())) - int(given.sum())) != 0:
        claim = (
            np.where(given < most, quota - given, -np.inf)
            if short > 0
            else np.where(given > least, given - quota, -np.inf)
        )
        chosen = np.argsort(-claim, kind="stable")[: abs(short)]
        given[chosen[np.isfinite(claim[chosen])]] += np.sign(short)
    return given


def draw_stratified(
    pool: Positions, strata: NDArray[np.int64], hashes: NDArray[np.str_], taken: Positions, *, seed: int
) -> Positions:
    """The ``taken[c]`` lowest lots of each stratum ``c`` in ``pool``, as ascending positions."""
    lots = np.array([hashlib.sha256(f"{seed}:{digest}".encode()).hexdigest() for digest in hashes[pool]])
    order = pool[np.argsort(lots, kind="stable")]
    chosen = [order[strata[order] == stratum][:count] for stratum, count in enumerate(taken)]
    return np.sort(np.concatenate(chosen))


def all_classes_in_train(train: Positions, labels: NDArray[np.int64], class_names: Sequence[str]) -> None:
    """DataError when a class has no training sample: no model could learn it, and its test samples would all fail."""
    absent = [class_names[c] for c in range(len(class_names)) if not np.any(labels[train] == c)]
    if absent:
        raise DataError(
            f"Every class must have samples in train; {len(absent)} of {len(class_names)} have none: "
            f"{', '.join(absent[:10])}{' …' if len(absent) > 10 else ''}. Add samples, remove the class, or raise "
            "data.limit.train."
        )


def draw(count: int, limit: int | None, seed: int, purpose: str) -> Positions:
    """``limit`` of the positions 0 … ``count``−1, drawn without repetition for one purpose, ascending; None: all."""
    if limit is None or limit >= count:
        return np.arange(count, dtype=np.int64)
    return np.sort(numpy_generator(seed, "draw", purpose).choice(count, size=limit, replace=False)).astype(np.int64)
