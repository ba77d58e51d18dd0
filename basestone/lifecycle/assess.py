"""Assess: from an audit's records to its measurements and verdicts. The audit and ``verify`` both come through here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from basestone.core.artifact import Manifest, file_digest, write_json
from basestone.core.evidence import Records

if TYPE_CHECKING:
    from basestone.standard.profile import StandardInForce


def judge_records(folder: Path, standard: StandardInForce, subject: Manifest) -> tuple[dict[str, Any], dict[str, Any]]:
    """``measurements.json`` and ``verdicts.json`` as they follow from the records in ``folder``; no model needed."""
    from basestone.measures import measure
    from basestone.standard.judge import judge

    records = Records(folder)
    measurements = {name: measure(name, records) for name in standard.measures}
    identity = {"stage": subject.stage, "sha256": subject.digest}
    verdicts = judge(standard, measurements, subject=identity, evidence=evidence(folder, standard))
    return {name: measurement.to_json() for name, measurement in measurements.items()}, verdicts


def evidence(folder: Path, standard: StandardInForce) -> dict[str, dict[str, str]]:
    """Record → path relative to the run, and SHA-256, of the file that holds it."""
    tables = {name: folder / "samples" / f"{name}.parquet" for name in standard.records}
    files = {name: path if path.exists() else folder / "facts.json" for name, path in tables.items()}
    return {
        name: {"path": f"stages/{path.relative_to(folder.parent).as_posix()}", "sha256": file_digest(path)}
        for name, path in files.items()
        if path.exists()
    }


def assess(folder: Path, standard: StandardInForce, subject: Manifest) -> dict[str, Any]:
    """Writes both files and returns the verdicts."""
    measurements, verdicts = judge_records(folder, standard, subject)
    write_json(folder / "measurements.json", measurements)
    write_json(folder / "verdicts.json", verdicts)
    return verdicts
