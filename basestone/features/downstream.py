"""Classical estimators on stored features: chosen on validation data, fitted on the training split, judged on the test.

scikit-learn does the work. Features are N×D float32, labels N positions of classes.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.evidence import Interval
from basestone.features.estimators import Family

FOLDS = 5

Features = NDArray[np.float32]
Labels = NDArray[np.int64]
Bounds = Callable[[int, int], Interval]


@dataclass(frozen=True, kw_only=True)
class Table:
    """One split: features with their labels."""

    features: Features
    labels: Labels


@dataclass(frozen=True, kw_only=True)
class Judged:
    """``found``: one entry of ``downstream.json``. ``predictions``: N test classes (or clusters).

    ``tensors``: a linear estimator as plain numbers; empty for any other.
    """

    found: dict[str, Any]
    predictions: Labels
    tensors: Mapping[str, NDArray[np.float32]]


def judge(family: Family, tables: Mapping[str, Table], bounds: Bounds) -> Judged:
    """Chooses among the candidates, fits the best on ``tables["train"]`` and judges it on ``tables["test"]``.

    ``bounds``: of a proportion from k of n.
    """
    started = time.perf_counter()
    options, tried, how = choose(family, tables)
    fitted, converged = _fit(family, options, tables["train"])
    predictions = np.asarray(fitted.predict(tables["test"].features), np.int64)
    found: dict[str, Any] = {"options": options, "chosen_by": how, "tried": tried, "converged": converged}
    found["fit_s"] = time.perf_counter() - started
    if family.clusters:
        found |= _clustering(np.asarray(fitted.predict(tables["train"].features)), predictions, tables, bounds)
    else:
        found["accuracy"] = _share(predictions == tables["test"].labels, bounds)
    return Judged(found=found, predictions=predictions, tensors={} if family.clusters else linear(fitted))


def choose(family: Family, tables: Mapping[str, Table]) -> tuple[dict[str, Any], list[dict[str, Any]], str]:
    """The best candidate, all of them with their accuracies, and how it was chosen; the first of equals wins.

    By the validation split; by stratified cross-validation of the training split where there is none.
    """
    if len(family.candidates) == 1:
        return family.candidates[0], [], "given"
    held_out = "validation" in tables
    score = _on_validation if held_out else _by_folds
    tried = [{"options": options, "accuracy": score(family, options, tables)} for options in family.candidates]
    best = max(tried, key=lambda one: one["accuracy"])
    return best["options"], tried, "validation" if held_out else f"{FOLDS}-fold cross-validation"


def linear(fitted: Any) -> dict[str, NDArray[np.float32]]:
    """``weight`` K×D and ``bias`` K on raw features, the standardisation folded in; empty if it is not linear.

    Two classes have a single row: above 0 is the second.
    """
    scaler, last = fitted[:-1], fitted[-1]
    weight = getattr(last, "coef_", None)
    if weight is None or getattr(last, "kernel", "linear") != "linear" or hasattr(last, "support_"):
        return {}
    mean, scale = (scaler[0].mean_, scaler[0].scale_) if len(scaler) else (0.0, 1.0)
    raw = weight / scale
    bias = np.broadcast_to(last.intercept_, len(raw)) - raw @ np.broadcast_to(mean, raw.shape[1])
    # safetensors writes an array's memory as it lies, and scikit-learn's lie column by column
    return {"weight": raw.astype(np.float32, order="C"), "bias": bias.astype(np.float32)}


def majority(tables: Mapping[str, Table], bounds: Bounds) -> dict[str, Any]:
    """The accuracy of always naming the training split's most frequent class."""
    return _share(tables["test"].labels == np.bincount(tables["train"].labels).argmax(), bounds)


def _on_validation(family: Family, options: dict[str, Any], tables: Mapping[str, Table]) -> float:
    fitted, _ = _fit(family, options, tables["train"])
    return float((fitted.predict(tables["validation"].features) == tables["validation"].labels).mean())


def _by_folds(family: Family, options: dict[str, Any], tables: Mapping[str, Table]) -> float:
    from sklearn.model_selection import StratifiedKFold

    table, right = tables["train"], 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a class with fewer samples than folds: it is in some of them
        parts = list(StratifiedKFold(FOLDS).split(table.features, table.labels))
    for rest, held_out in parts:
        fitted, _ = _fit(family, options, Table(features=table.features[rest], labels=table.labels[rest]))
        right += int((fitted.predict(table.features[held_out]) == table.labels[held_out]).sum())
    return right / len(table.labels)


def _fit(family: Family, options: dict[str, Any], table: Table) -> tuple[Any, bool]:
    """The fitted pipeline, and whether its iterations came to an end."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    made = family.make(**options)
    pipeline = make_pipeline(StandardScaler(), made) if family.standardise else make_pipeline(made)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pipeline.fit(table.features, None if family.clusters else table.labels)
    return pipeline, not any(issubclass(one.category, ConvergenceWarning) for one in caught)


def _clustering(train: Labels, test: Labels, tables: Mapping[str, Table], bounds: Bounds) -> dict[str, Any]:
    """How test clusters agree with classes.

    ``purity``: the share of test samples whose cluster's most frequent *training* class is theirs. Differs: usually the
    classes of the judged samples themselves name a cluster, which flatters small clusters and has no bounds.
    """
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    labels = tables["test"].labels
    counts = np.zeros((max(train.max(), test.max()) + 1, tables["train"].labels.max() + 1), np.int64)
    np.add.at(counts, (train, tables["train"].labels), 1)
    return {
        "nmi": float(normalized_mutual_info_score(labels, test)),
        "ari": float(adjusted_rand_score(labels, test)),
        "purity": _share(counts.argmax(1)[test] == labels, bounds),
    }


def _share(right: NDArray[np.bool_], bounds: Bounds) -> dict[str, Any]:
    interval = bounds(int(right.sum()), len(right))
    return {"value": float(right.mean()), "n": len(right), "interval": asdict(interval)}
