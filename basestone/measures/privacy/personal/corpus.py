"""DAT-1: is the training text fit to train on? A random sample of its passages is screened, source by source.

A passage is a document, or a thousand characters of a longer one. It is unfit if it holds personal data, or if it is
damaged: a replacement character where something could not be decoded, or control characters. What it says is not
judged here.

How large a sample must be follows from the interval that is wanted: ± ``margin`` around the 4 % that may be unfit takes
z² · 0.04 · 0.96 / margin² passages, and never fewer than 4,000 are drawn; a smaller corpus is screened whole.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.evidence import CONFIDENCE, Interval, Measurement, Records, RecordsMissing
from basestone.measures.privacy.personal.rules import find_personal, masked
from basestone.measures.privacy.personal.screening import METHOD, detector_of, kinds_found

if TYPE_CHECKING:
    from basestone.measures.subject import Columns, Progress

PASSAGE, BESIDE = 1_000, 64  # characters of a passage, and of what is read beside it so that no item is cut in two
FEWEST, UNFIT = 4_000, 0.04  # passages, and the share of them that may be unfit
AT_ONCE = 1_024  # passages
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd]")
Read = Callable[[NDArray[np.int64]], list[str]]


def passages_needed(margin: float) -> int:
    """How many passages show the share within ± ``margin``, at the share that decides."""
    z = NormalDist().inv_cdf(CONFIDENCE)
    return max(FEWEST, math.ceil(z**2 * UNFIT * (1 - UNFIT) / margin**2))


@dataclass(frozen=True)
class Passages:
    """The passages of some documents, numbered through; ``ends`` is the number of those up to each document's end."""

    ends: NDArray[np.int64]

    @classmethod
    def of(cls, lengths: NDArray[np.int64]) -> Passages:
        """``lengths``: characters of each document; an empty one is a passage too."""
        return cls(np.cumsum(np.maximum(1, -(-lengths // PASSAGE))))

    def __len__(self) -> int:
        """How many there are."""
        return int(self.ends[-1]) if len(self.ends) else 0

    def place(self, passages: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The document of each, and the character at which it begins there."""
        document = np.searchsorted(self.ends, passages, side="right")
        before = np.concatenate([[0], self.ends])[document]
        return document, (passages - before) * PASSAGE


def collect_corpus(
    read: Read,
    passages: Passages,
    chosen: NDArray[np.int64],
    names: Sequence[str],
    sources: Sequence[str],
    *,
    sensitive: bool = False,
    progress: Progress | None = None,
) -> Columns:
    """The columns of ``corpus``, a row for each of the ``chosen`` passages; ``population``: how many there are in all.

    ``read`` reads documents by position; ``names`` and ``sources`` say what each is called and where it comes from.
    """
    from basestone.measures.subject import batches

    rows: list[tuple[Any, ...]] = []
    for part in batches(chosen, AT_ONCE, progress):
        documents, starts = passages.place(part)
        unique, where = np.unique(documents, return_inverse=True)
        texts = read(unique)
        for document, start, at in zip(documents.tolist(), starts.tolist(), where.tolist(), strict=True):
            rows.append((names[document], sources[document], *_screened(texts[at], start, sensitive)))
    document, source, found, kinds, damaged, excerpt = zip(*rows, strict=True)
    return {
        "index": np.asarray(chosen, np.int64),
        "document": np.array(document, object),
        "source": np.array(source, object),
        "found": np.array(found, np.int64),
        "kinds": np.array(kinds, object),
        "damaged": np.array(damaged, np.int64),
        "excerpt": np.array(excerpt, object),
        "population": np.full(len(chosen), len(passages)),
    }


def _screened(text: str, start: int, sensitive: bool) -> tuple[int, str, int, str]:
    first, last = max(0, start - BESIDE), start + PASSAGE
    around = text[first : last + BESIDE]
    items = [item for item in find_personal(around) if start <= first + item.start < last]
    damaged = CONTROL.search(text[start:last]) is not None
    kinds = ",".join(sorted({item.kind for item in items}))
    return len(items), kinds, int(damaged), "" if sensitive else masked(around, items)


def corpus_fitness(records: Records) -> Measurement:
    """The share of the training text's passages that are fit."""
    table, detector = _table(records), detector_of(records)
    unfit, n, population = _unfit(table), len(table["found"]), int(table["population"][0])
    told = detector.bounds(int(unfit.sum()), n, whole=n >= population)
    return Measurement(
        measure="corpus_fitness",
        value=1 - detector.corrected(float(unfit.mean())),
        unit="fraction",
        n=n,
        interval=Interval(lower=1 - told.upper, upper=1 - told.lower, method=told.method, decidable=told.decidable),
        detail={
            "passages": population,
            "flagged": int(unfit.sum()),
            "damaged": int((table["damaged"] == 1).sum()),
            "kinds": kinds_found(table),
            "point_meets_norm": bool(1 - unfit.mean() >= 1 - UNFIT),
            "detector": detector.detail,
        },
    )


def corpus_worst_source(records: Records) -> Measurement:
    """The largest share of unfit passages of any source.

    Bounds as for any largest of several: no source may exceed the limit, each by its own upper bound
    (intersection-union); that one does is shown by a lower bound that holds for all of them.
    """
    table, detector = _table(records), detector_of(records)
    unfit, source, whole = _unfit(table), table["source"].astype(str), len(table["found"]) >= table["population"][0]
    shares = {name: unfit[source == name] for name in sorted(set(source.tolist()))}
    each = [
        detector.bounds(int(mine.sum()), len(mine), whole=bool(whole), among=len(shares)) for mine in shares.values()
    ]
    worst = max(shares, key=lambda name: shares[name].mean())
    return Measurement(
        measure="corpus_worst_source",
        value=detector.corrected(float(shares[worst].mean())),
        unit="fraction",
        n=min(len(mine) for mine in shares.values()),
        interval=Interval(
            lower=max(one.lower for one in each),
            upper=max(one.upper for one in each),
            method=METHOD,
            decidable=all(one.decidable for one in each),
        ),
        detail={
            "worst": worst,
            "sources": {name: {"n": len(mine), "flagged": int(mine.sum())} for name, mine in shares.items()},
        },
    )


def _unfit(table: dict[str, NDArray[Any]]) -> NDArray[np.bool_]:
    return (table["found"] > 0) | (table["damaged"] == 1)


def _table(records: Records) -> dict[str, NDArray[Any]]:
    table = records.table("corpus")
    n, population = len(table["found"]), int(table["population"].max(initial=0))
    if n < min(FEWEST, population) or not n:
        raise RecordsMissing(
            f"at least {FEWEST:,} passages of the training text must be screened, or all of a smaller one; there are "
            f"{n:,} of {population:,}"
        )
    return table
