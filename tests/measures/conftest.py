"""Records as an audit would leave them, from plain columns."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from basestone.core.evidence import Records, write_records

MakeRecords = Callable[..., Records]


@pytest.fixture
def make_records(tmp_path: Path) -> MakeRecords:
    """``make_records(clean_test={...}, facts={...})`` writes the tables and facts into a fresh folder."""
    count = iter(range(1_000))

    def make(facts: dict[str, Any] | None = None, **tables: dict[str, Any]) -> Records:
        folder = tmp_path / f"audit{next(count)}"
        folder.mkdir()
        for name, columns in tables.items():
            write_records(folder / "samples" / f"{name}.parquet", columns)
        (folder / "facts.json").write_text(json.dumps(facts or {}))
        return Records(folder)

    return make


@pytest.fixture
def clean() -> Callable[..., dict[str, Any]]:
    """Columns of ``clean_test`` from labels, predictions and confidences."""

    def columns(label: Any, prediction: Any, confidence: Any = 0.9, index: Any = None) -> dict[str, Any]:
        label, prediction = np.asarray(label, np.int64), np.asarray(prediction, np.int64)
        confidence = np.broadcast_to(np.asarray(confidence, np.float64), label.shape).copy()
        right = np.where(prediction == label, confidence, 1 - confidence)
        index = np.arange(len(label)) if index is None else np.asarray(index)
        loss = -np.log(np.maximum(right, 1e-12))
        return {"index": index, "label": label, "prediction": prediction, "confidence": confidence, "loss": loss}

    return columns
