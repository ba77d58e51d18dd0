"""How well a model predicts a number: the share of its variance that is explained, against always saying the mean.

R² = 1 − Σ(y − ŷ)² / Σ(y − ȳ)², where ȳ is the mean of the *training* labels, so that nothing of the test split helps
the baseline ("out-of-sample R²"; Campbell & Thompson 2008, Review of Financial Studies 21, eq. 1). It is a ratio of two
sums over documents, which are drawn again together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from basestone.core.evidence import Measurement, Records, RecordsMissing
from basestone.measures.bootstrap import cluster_bootstrap, cluster_totals, percentile_interval, resampled_totals

if TYPE_CHECKING:
    from basestone.measures.subject import Columns, Progress, Raw, Subject


def collect_quantities(
    subject: Subject,
    raw: Raw,
    targets: ArrayLike,
    positions: ArrayLike,
    mean: float,
    *,
    batch_size: int = 250,
    progress: Progress | None = None,
) -> Columns:
    """The columns of ``quantities_test`` and ``quantities_train``: index, target, prediction, and the ``baseline``.

    ``targets`` (N or N×1) cover the whole split; ``mean`` is that of the training labels.
    """
    from basestone.measures.subject import batches

    index = np.asarray(positions, np.int64)
    answers = [subject.logits(raw(part)).numpy()[:, 0] for part in batches(index, batch_size, progress)]
    return {
        "index": index,
        "target": np.asarray(targets, np.float64).reshape(-1)[index],
        "prediction": np.concatenate(answers).astype(np.float64),
        "baseline": np.full(len(index), mean),
    }


def compare_quantities(before: Columns, after: Columns) -> Columns:
    """The columns of ``replay``: how far an answer moved, relative to the largest one or to 1."""
    scale = max(1.0, float(np.abs(before["prediction"]).max()))
    moved = np.abs(before["prediction"] - after["prediction"]) / scale
    return {"index": before["index"], "max_abs_diff": moved, "same_prediction": np.ones(len(moved), np.int64)}


def r_squared(records: Records) -> Measurement:
    """The explained share of the variance of the test labels; at most 1, below 0 worse than saying the mean."""
    table = _table(records, "quantities_test")
    value, interval = cluster_bootstrap(_explained, _squares(table), table["index"])
    error = np.abs(table["prediction"] - table["target"])
    detail = {
        "root_mean_squared_error": math.sqrt(float(np.square(error).mean())),
        "mean_absolute_error": float(error.mean()),
        "deviation_of_labels": float(table["target"].std()),
    }
    return Measurement(
        measure="r_squared", value=value, unit="fraction", n=len(error), interval=interval, detail=detail
    )


def r_squared_gap(records: Records) -> Measurement:
    """R² on training samples minus R² on test samples; two independent samples, each resampled by itself."""
    tables = [_table(records, name) for name in ("quantities_train", "quantities_test")]
    totals = [cluster_totals(_squares(table), table["index"]) for table in tables]
    (train, test), least = (_explained(total.sum(0)) for total in totals), min(map(len, totals))
    draws = [_explained(resampled_totals(total, seed=seed)) for seed, total in enumerate(totals)]
    return Measurement(
        measure="r_squared_gap",
        value=float(train - test),
        unit="fraction",
        n=least,
        interval=percentile_interval(draws[0] - draws[1], least, seed=0),
        detail={"train_r_squared": float(train), "test_r_squared": float(test)},
    )


def explained_shares(predictions: ArrayLike, targets: ArrayLike, mean: float) -> NDArray[np.float64]:
    """What every sample adds to R²: 1 − its squared error over the mean squared distance to ``mean``.

    Their mean is R². ValueError when all labels are the mean.
    """
    target = np.asarray(targets, np.float64)
    variance = float(np.square(target - mean).mean())
    if not variance > 0:
        raise ValueError("the labels must differ from the training mean, and none does")
    return 1 - np.square(np.asarray(predictions, np.float64) - target) / variance


def telling_quantities(records: Records, count: int) -> list[dict[str, Any]]:
    """Up to ``count`` samples with the largest errors: index, label and prediction as written, explained share."""
    table = _table(records, "quantities_test")
    share = explained_shares(table["prediction"], table["target"], float(table["baseline"][0]))
    return [
        {
            "index": int(table["index"][row]),
            "label": f"{table['target'][row]:.4g}",
            "prediction": f"{table['prediction'][row]:.4g}",
            "confidence": float(share[row]),
        }
        for row in np.argsort(share, kind="stable")[:count].tolist()
    ]


def _table(records: Records, name: str) -> Mapping[str, NDArray[Any]]:
    table = records.table(name)
    if not len(table["index"]):
        raise RecordsMissing(f"'{name}' holds no sample")
    return table


def _squares(table: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
    """N×2: the squared error, and the squared distance to the training mean."""
    return np.square(
        np.column_stack([table["prediction"] - table["target"], table["baseline"] - table["target"]])
    ).astype(np.float64)


def _explained(totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """R² of …×2 totals."""
    return 1 - totals[..., 0] / totals[..., 1]
