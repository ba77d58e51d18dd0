"""Which test images are also in training: exact copies, and near copies (re-encoded, brighter, mirrored …).

Barz & Denzler 2020, "Do we train on test data? Purging CIFAR of near-duplicates" (ciFAIR), found 3.25 % of CIFAR-10's
test images again in its training set. Differs: they searched with a network's features and judged by eye, and so also
counted other photographs of the same scene; we compare pixels and count copies only, hence fewer.

A copy must be more alike than distinct images of the same data ever are, and how alike those are depends on the data:
two 8×8 ones correlate at 0.99. The bar is therefore set by the training images themselves. With d = 1 − similarity of
a training image to its nearest other, log d is near normal; a copy lies ``SIGMAS`` robust standard deviations below
the median. Measured on scikit-learn's digits: the bar is 0.993 to 0.995, lookalikes reach 0.990, JPEG copies of quality
90 stay above 0.995 (those of quality 75 do not, and pass for lookalikes). On CIFAR-10 the bar would be 0.38, where
distinct ships in the same sea begin, so ``LOWEST_BAR`` holds: above 0.70 every pair looked at was the same picture,
and copies (JPEG 50 to 90, ±60 grey levels, contrast 0.5 to 1.3) stay above 0.76.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from basestone.data.similarity import Positions, nearest

SIGMAS = 6.5
LOWEST_BAR = 0.70
HIGHEST_BAR = 0.998
STRICT_BAR = 0.99  # where too few training images tell how alike distinct ones are
_FEWEST = 50
_SAMPLE = 1_000


@dataclass(frozen=True, kw_only=True)
class Copies:
    """For each query: ``kind`` none, exact or near; the copied reference's place (−1) and the similarity (0–1).

    Where there is no copy, ``similarity`` is that of the reference that is most alike.
    """

    kind: NDArray[np.str_]
    place: Positions
    similarity: NDArray[np.float64]


Search = Callable[[Positions, Positions], Copies]


def bar(images: NDArray[np.uint8], train: Positions) -> float:
    """The similarity at which an image of this data counts as a near copy, from at most 1,000 training images."""
    if len(train) < _FEWEST:
        return STRICT_BAR
    sample = train[np.linspace(0, len(train) - 1, min(len(train), _SAMPLE)).astype(np.int64)]
    _, alike = nearest(images, sample, train, ignore_same=True)
    distance = np.log(np.clip(1 - alike, 1e-6, 1))
    low, median, high = np.quantile(distance, [0.25, 0.5, 0.75])
    sigma = (high - low) / 1.349  # a normal distribution's quartiles lie 1.349 σ apart
    return float(np.clip(1 - np.exp(median - SIGMAS * sigma), LOWEST_BAR, HIGHEST_BAR))


def find_copies(
    images: NDArray[np.uint8],
    hashes: NDArray[np.str_],
    queries: Positions,
    references: Positions,
    *,
    near: float | None,
    progress: Callable[[int, int], None] | None = None,
) -> Copies:
    """Looks every query up among the references; both are positions in ``images`` (N×C×H×W) and ``hashes``.

    ``near`` is the bar for near copies; None looks for exact ones only.
    """
    place, alike = np.full(len(queries), -1, dtype=np.int64), np.zeros(len(queries))
    kind = np.full(len(queries), "none", dtype="<U5")
    if near is not None:
        place, alike = nearest(images, queries, references, progress=progress)
        alike = np.clip(alike, 0, 1)
        kind[alike >= near] = "near"
        place[alike < near] = -1
    same = _exact(hashes[queries], hashes[references])
    found = same >= 0
    kind[found], place[found], alike[found] = "exact", same[found], 1.0
    return Copies(kind=kind, place=place, similarity=alike)


def _exact(queries: NDArray[np.str_], references: NDArray[np.str_]) -> Positions:
    """The first reference with the same hash, or −1."""
    first: dict[str, int] = {}
    for place, digest in enumerate(references.tolist()):
        first.setdefault(digest, place)
    return np.array([first.get(digest, -1) for digest in queries.tolist()], dtype=np.int64)


def find_exact_copies(hashes: NDArray[np.str_], queries: Positions, references: Positions) -> Copies:
    """As ``find_copies`` where only equal bytes count."""
    place = _exact(hashes[queries], hashes[references])
    kind = np.where(place >= 0, "exact", "none")
    return Copies(kind=kind, place=place, similarity=(place >= 0).astype(np.float64))


def without_copies(
    images: NDArray[np.uint8],
    hashes: NDArray[np.str_],
    splits: dict[str, Positions],
    *,
    near: float | None,
) -> dict[str, Positions]:
    """The splits without what a more protected one holds; exact and near copies by ``find_copies``."""
    return protected(splits, lambda mine, theirs: find_copies(images, hashes, mine, theirs, near=near))


def protected(splits: Mapping[str, Positions], search: Search) -> dict[str, Positions]:
    """The splits without what a more protected one holds: test first, then validation, then train.

    ``search`` looks some positions (its first argument) up among others.
    """
    kept = dict(splits)
    for name, others in (("validation", ["test"]), ("train", ["test", "validation"])):
        references = np.concatenate([kept.get(other, np.zeros(0, np.int64)) for other in others])
        if name in kept and len(references):
            kept[name] = kept[name][search(kept[name], references).kind == "none"]
    return kept


def copies_of_test(splits: Mapping[str, Positions], find: Callable[[Positions, Positions], Copies]) -> Copies | None:
    """What ``find`` says of the test samples against all others, split after split; None without a test split."""
    if "test" not in splits:
        return None
    return find(splits["test"], np.concatenate([where for name, where in splits.items() if name != "test"]))


def leakage(copies: Copies, pool: list[tuple[str, int]]) -> dict[str, NDArray[np.int64] | NDArray[np.str_]]:
    """The copied image's split and position in it, when the references were the splits of ``pool`` end to end."""
    names = np.array([*(name for name, _ in pool), ""])
    ends = np.cumsum([size for _, size in pool])
    which = np.where(copies.place < 0, len(pool), np.searchsorted(ends, copies.place, side="right"))
    starts = np.array([*(ends - [size for _, size in pool]), 0])
    return {"split": names[which], "match": np.where(copies.place < 0, -1, copies.place - starts[which])}
