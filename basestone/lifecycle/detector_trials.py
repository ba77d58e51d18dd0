"""Detectors of one adaptation side by side: what each finds in the test photographs, and what its parent finds in them.

A classifier's trial is a number for each sample; a detector's is a table of boxes, ``found-<trial>.parquet`` beside the
model, from which average precision follows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from basestone.core.evidence import read_records, write_records
from basestone.core.spec import DataSpec, ImageSpec

if TYPE_CHECKING:
    from torch import nn

    from basestone.lifecycle.adapt import Bench
    from basestone.measures.average_precision import ClassMatches


def finds_boxes(spec: DataSpec) -> TypeGuard[ImageSpec]:
    """Whether a model of these data is a detector."""
    return isinstance(spec, ImageSpec) and spec.head == "boxes"


def keep_found(bench: Bench, model: nn.Module, trial: str) -> None:
    """Writes what a trial's detector finds in the test photographs; nothing where there is nothing to be found."""
    if finds_boxes(bench.spec) and _can_be_judged(bench):
        write_records(_path(bench, trial), _found(bench, model, bench.spec))


def compared_found(bench: Bench, trials: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """``comparison.json`` of detectors: each trial's average precision, each method's difference to the first one."""
    from basestone.measures.average_precision import matched
    from basestone.measures.detector_methods import compare_detectors, precision

    if not _can_be_judged(bench):
        return {"trials": [*trials], "methods": {}}
    found: dict[str, list[Sequence[ClassMatches]]] = {}
    told: list[dict[str, Any]] = []
    for trial in trials:
        table = matched(read_records(_path(bench, f"{trial['method']}-{trial['seed']}")))
        found.setdefault(trial["method"], []).append(table)
        told.append({**trial, "test_accuracy": precision(table)})
    return {"trials": told, "unit": "map50_95", "methods": compare_detectors(found), **_before(bench, found)}


def _before(bench: Bench, found: Mapping[str, Sequence[Sequence[ClassMatches]]]) -> dict[str, Any]:
    """The parent's average precision where it knows every class by its name, by its answers of these; and each gain."""
    from basestone.lifecycle.restore import restore
    from basestone.measures.average_precision import matched
    from basestone.measures.detected import only_of
    from basestone.measures.detector_methods import compare_detectors

    parent, knew = restore(bench.corridor.folder, bench.parent.stage)
    if not (finds_boxes(knew) and {*bench.spec.class_names} <= {*knew.class_names}):
        return {}
    table = matched(only_of(_found(bench, parent, knew), knew.class_names, bench.spec.class_names))
    compared = compare_detectors({"": [table] * len(next(iter(found.values()))), **found})
    gained = {name: compared[name]["difference"] for name in found}
    n = bench.prepared.facts["counts"]["test"]
    return {"before": {"accuracy": compared[""]["accuracy"], "n": n, "gained": gained}}


def _found(bench: Bench, model: nn.Module, spec: ImageSpec) -> Mapping[str, Any]:
    """The records of ``measures.detected``, of all test photographs, with the normalisation that the model knows."""
    import numpy as np

    from basestone.measures.detected import collect_detected
    from basestone.measures.subject import Subject

    test, size = bench.split("test"), bench.section.fit.batch_size
    subject = Subject(model=model, mean=spec.mean, std=spec.std)
    return collect_detected(subject, test.raw, test.boxes, np.arange(len(test)), batch_size=size)


def _can_be_judged(bench: Bench) -> bool:
    """Whether the test split holds an object."""
    return "test" in bench.prepared.facts["counts"] and bool(bench.split("test").targets.any())


def _path(bench: Bench, trial: str) -> Path:
    return bench.folder / f"found-{trial}.parquet"
