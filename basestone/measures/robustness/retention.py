"""How much accuracy the common corruptions leave: acc_corrupted / acc_clean, each on the same images.

The corrupted copies of an image (75), a document (55) or a recording (60) stand and fall together, so the *source* is
the cluster that is resampled, with its clean result. 'Family' in ROB-1 means each corruption type, averaged over its
five severities.

**Bounds of the worst type.** The minimum of fifteen estimates is biased downward and so are its bootstrap draws;
neither is used for bounds. The lower bound is the least of the types' own lower bounds: it exceeds the true minimum
only if the bound of the truly worst type does, which has probability 5 % (intersection-union, Berger 1982; no
correction). The upper bound must hold for all types at once, as any one of them can pull it too low: it is the least
of *simultaneous* upper bounds, estimate + q · standard error, with q the 95 % point of the largest studentized
deviation over the types (max-t, Romano & Wolf 2005).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from basestone.core.evidence import CONFIDENCE, Interval, Measurement, Records, RecordsMissing
from basestone.measures.bootstrap import DRAWS, decidable, describe, ratio_draws, ratio_interval
from basestone.measures.predictions import clean_predictions
from basestone.measures.robustness import FAMILIES, SEVERITIES, SPEECH_FAMILIES, TEXT_FAMILIES
from basestone.measures.sequence import least_ratio_sequence, ratio_sequence

_SEED = 0
MIN_RIGHT = 20  # with fewer, some of 2,000 draws would hold none, and have no ratio
TYPES = tuple(name for names in FAMILIES.values() for name in names)
TEXT_TYPES = tuple(name for names in TEXT_FAMILIES.values() for name in names)
SPEECH_TYPES = tuple(name for names in SPEECH_FAMILIES.values() for name in names)


def corruption_retention_mean(records: Records) -> Measurement:
    """Mean over all corruptions × 5 severities of corrupted over clean accuracy; 1 means that nothing is lost."""
    clean, corrupted = correctness(records)
    mean = corrupted.mean((1, 2))
    value = float(mean.mean() / clean.mean())
    if records.sequential("corrupted"):
        interval = ratio_sequence(mean, clean)
        return _measurement("corruption_retention_mean", value, interval, clean, corrupted, records)
    low, high = (ratio_draws(mean[:, None], clean, add=add, seed=_SEED)[:, 0] for add in (0, 1))
    interval = ratio_interval(low, high, mean - value * clean, seed=_SEED)
    return _measurement("corruption_retention_mean", value, interval, clean, corrupted, records)


def corruption_retention_worst(records: Records) -> Measurement:
    """The least retention among the corruption types, each averaged over its severities."""
    clean, corrupted = correctness(records)
    by_type = corrupted.mean(2)
    value = float((by_type.mean(0) / clean.mean()).min())
    bounds = least_ratio_sequence if records.sequential("corrupted") else worst_interval
    interval = bounds(by_type, clean)
    return _measurement("corruption_retention_worst", value, interval, clean, corrupted, records)


def types_of(records: Records) -> tuple[str, ...]:
    """The corruptions of text or speech where the records name one of them, else those of images."""
    named = records.table("corrupted")["corruption"]
    return next((types for types in (TEXT_TYPES, SPEECH_TYPES) if len(named) and named[0] in types), TYPES)


def correctness(records: Records) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Per source image or document: right when clean (N), right under each type and severity (N×T×5)."""
    table = records.table("corrupted")
    types = types_of(records)
    index, place = np.unique(table["index"], return_inverse=True)
    kind = _positions(table["corruption"], types)
    level = _positions(table["severity"], SEVERITIES)
    seen = np.zeros((len(index), len(types), len(SEVERITIES)), np.int64)
    np.add.at(seen, (place, kind, level), 1)
    if not (seen == 1).all():
        raise RecordsMissing(
            f"every source image must be seen once under each of {len(types)} corruptions × 5 severities; "
            f"{int((seen != 1).sum())} of {seen.size} cells are not"
        )
    corrupted = np.zeros(seen.shape)
    corrupted[place, kind, level] = table["correct"]
    predictions = clean_predictions(records, "clean_test")
    order = np.argsort(predictions.index)
    at = np.minimum(np.searchsorted(predictions.index, index, sorter=order), len(order) - 1)
    if not (predictions.index[order[at]] == index).all():
        raise RecordsMissing("every corrupted image must have its clean prediction in 'clean_test'; some have none")
    clean = predictions.correct[order[at]].astype(np.float64)
    if clean.sum() < MIN_RIGHT:
        raise RecordsMissing(
            f"retention is a share of the clean accuracy and needs at least {MIN_RIGHT} images that are right when "
            f"clean; {int(clean.sum())} of {len(clean)} are"
        )
    return clean, corrupted


def worst_interval(by_type: NDArray[np.float64], clean: NDArray[np.float64], draws: int = DRAWS) -> Interval:
    """Bounds of the least retention from corrupted (N×T) and clean (N) correctness; see the module's docstring."""
    low, high = (ratio_draws(by_type, clean, add=add, seed=_SEED, draws=draws) for add in (0, 1))
    ratios = (by_type.sum(0) + 1) / (clean.sum() + 1)  # of the sample that the upper draws come from
    error = high.std(0)
    studentized = (ratios - high) / np.where(error > 0, error, np.inf)
    q = float(np.quantile(studentized.max(1), CONFIDENCE))
    worst = by_type[:, int(by_type.sum(0).argmin())]
    return Interval(
        lower=float(np.quantile(low, 1 - CONFIDENCE, axis=0).min()),
        upper=float((ratios + q * error).min()),
        method=f"min over types, max-t above; add-one {describe(draws, len(clean), _SEED)}",
        decidable=decidable(worst - worst.sum() / clean.sum() * clean, len(clean)),
    )


def _measurement(
    name: str,
    value: float,
    interval: Interval,
    clean: NDArray[np.float64],
    corrupted: NDArray[np.float64],
    records: Records,
) -> Measurement:
    by_type = corrupted.mean((0, 2)) / clean.mean()
    retained = {kind: float(by_type[i]) for i, kind in enumerate(types_of(records))}
    worst = min(retained, key=lambda kind: retained[kind])
    detail = {"clean_accuracy": float(clean.mean()), "worst": worst, "by_corruption": retained}
    detail |= records.sequential("corrupted")
    return Measurement(measure=name, value=value, unit="fraction", n=len(clean), interval=interval, detail=detail)


def _positions(values: NDArray[np.generic], known: tuple[str, ...] | tuple[int, ...]) -> NDArray[np.int64]:
    place = {name: i for i, name in enumerate(known)}
    strange = sorted({str(value) for value in values.tolist() if value not in place})
    if strange:
        raise RecordsMissing(f"'corrupted' may name only {list(known)}; it also names {strange}")
    return np.array([place[value] for value in values.tolist()], np.int64)
