"""Assess: from an audit's records to its measurements and verdicts. The audit and ``verify`` both come through here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from basestone.core.artifact import Manifest, write_json
from basestone.core.evidence import Records

if TYPE_CHECKING:
    from basestone.standard.profile import StandardInForce


def judge_records(folder: Path, standard: StandardInForce, subject: Manifest) -> tuple[dict[str, Any], dict[str, Any]]:
    """``measurements.json`` and ``verdicts.json`` as they follow from the records in ``folder``; no model needed."""
    from basestone.measures import measure
    from basestone.standard.judge import judge

    records = Records(folder)
    measurements = {name: measure(name, records) for name in standard.measures}
    verdicts = judge(standard, measurements, subject={"stage": subject.stage, "sha256": subject.digest})
    return {name: measurement.to_json() for name, measurement in measurements.items()}, verdicts


def assess(folder: Path, standard: StandardInForce, subject: Manifest) -> dict[str, Any]:
    """Writes both files and returns the verdicts."""
    measurements, verdicts = judge_records(folder, standard, subject)
    write_json(folder / "measurements.json", measurements)
    write_json(folder / "verdicts.json", verdicts)
    return verdicts
