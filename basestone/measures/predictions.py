"""The recorded predictions of a clean split, checked once for every measure that reads them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from basestone.core.evidence import Records, RecordsMissing


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """N samples: identity, true class, predicted class, top-label confidence in 0–1."""

    index: NDArray[np.int64]
    label: NDArray[np.int64]
    prediction: NDArray[np.int64]
    confidence: NDArray[np.float64]

    def __len__(self) -> int:
        """The number of samples."""
        return len(self.index)

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Which predictions are right."""
        return self.prediction == self.label


def clean_predictions(records: Records, table: str) -> Predictions:
    """``clean_test`` or ``clean_train``; RecordsMissing when it is empty or a model's output was not a number."""
    columns = records.table(table)
    if not len(columns["index"]):
        raise RecordsMissing(f"'{table}' holds no sample")
    bad = np.flatnonzero(~np.isfinite(columns["confidence"]) | ~np.isfinite(columns["loss"]))
    if len(bad):
        raise RecordsMissing(
            f"the model's output must be finite; in '{table}' {len(bad)} of {len(columns['index'])} are not "
            f"(first: index {columns['index'][bad[0]]})"
        )
    return Predictions(
        index=columns["index"],
        label=columns["label"],
        prediction=columns["prediction"],
        confidence=columns["confidence"],
    )


def confusion_matrix(label: NDArray[np.int64], prediction: NDArray[np.int64], num_classes: int) -> NDArray[np.int64]:
    """K×K counts: true class down, predicted class across."""
    cells = np.bincount(label * num_classes + prediction, minlength=num_classes**2)
    return cells.reshape(num_classes, num_classes)
