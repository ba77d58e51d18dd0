"""Whether a run's files are what they were, cannot run code when they are read, and still give the same answers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from basestone.core.artifact import Manifest, file_digest
from basestone.core.evidence import Measurement, Records, RecordsMissing
from basestone.measures.formats import SAFE_FORMATS, file_format
from basestone.measures.interval import exact

TOLERANCE = 1e-4  # of a logit: fp32 sums in another order differ by less, another model by more


def collect_artifacts(run_path: Path, manifests: Mapping[str, Manifest]) -> dict[str, Any]:
    """The columns of ``artifacts``: every file that the manifests (by stage) name, as it lies there now.

    A file that is gone has an empty digest and the format ``missing``, and is neither safe nor intact.
    """
    named = [
        (os.path.normpath(Path("stages", stage, name)), digest)
        for stage, manifest in manifests.items()
        for name, digest in sorted(manifest.files.items())
    ]
    paths = [run_path / name for name, _ in named]
    actual = [file_digest(path) if path.is_file() else "" for path in paths]
    formats = [file_format(path) for path in paths]
    expected = [digest for _, digest in named]
    return {
        "path": [Path(name).as_posix() for name, _ in named],
        "expected": expected,
        "actual": actual,
        "format": formats,
        "safe": np.array([kind in SAFE_FORMATS for kind in formats], np.int64),
        "intact": np.array([a == b for a, b in zip(actual, expected, strict=True)], np.int64),
    }


def safe_files(records: Records) -> Measurement:
    """The share of the model's and its data's files whose format cannot run code when it is read."""
    table = _artifacts(records)
    unsafe = table["path"][table["safe"] == 0].tolist()
    return _census("safe_files", float(np.mean(table["safe"] != 0)), len(table["path"]), {"unsafe": unsafe})


def signed_files(records: Records) -> Measurement:
    """1 when the signature verifies and every file's digest is the recorded one, else 0."""
    table, signature = _artifacts(records), records.fact("signature")
    changed = table["path"][(table["intact"] == 0) | (table["actual"] != table["expected"])].tolist()
    verified = signature.get("verified") is True
    detail = {"verified": verified, "reason": signature.get("reason"), "changed": changed}
    return _census("signed_files", float(verified and not changed), len(table["path"]), detail)


def replay_agreement(records: Records) -> Measurement:
    """The share of the pinned inputs whose replayed logits differ by at most 1e-4, with the same prediction.

    A census of the pinned inputs, so the interval is exact. A difference that is not a number is a disagreement.
    """
    table = records.table("replay")
    if not len(table["index"]):
        raise RecordsMissing("'replay' holds no input")
    same = (table["max_abs_diff"] <= TOLERANCE) & (table["same_prediction"] == 1)
    finite = table["max_abs_diff"][np.isfinite(table["max_abs_diff"])]
    detail = {"tolerance": TOLERANCE, "largest_difference": float(finite.max()) if len(finite) else None}
    return _census("replay_agreement", float(np.mean(same)), len(same), detail)


def _artifacts(records: Records) -> dict[str, Any]:
    table = records.table("artifacts")
    if not len(table["path"]):
        raise RecordsMissing("'artifacts' holds no file")
    return table


def _census(name: str, value: float, n: int, detail: dict[str, Any]) -> Measurement:
    return Measurement(measure=name, value=value, unit="fraction", n=n, interval=exact(value), detail=detail)
