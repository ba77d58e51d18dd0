"""Verify: judge a run again from its evidence. Needs no model, no data and no trust in whoever made the run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from basestone.core.errors import BasestoneError
from basestone.core.run import RunFolder


@dataclass(frozen=True)
class Finding:
    """One check: what was looked at, whether it held, and what was expected when it did not."""

    what: str
    ok: bool
    detail: str = ""


def verify(folder: Path, public_key: Path | None = None) -> list[Finding]:
    """Checks signature, every digest and Merkle root, and recomputes every measurement and verdict from the records."""
    from basestone.reporting.attest import check_attestation
    from basestone.reporting.keys import load_public

    run = RunFolder(folder)
    key = load_public(public_key) if public_key else None
    findings = [Finding(found.what, found.ok, found.detail) for found in check_attestation(run, key)]
    return findings + recompute(run)


def recompute(run: RunFolder) -> list[Finding]:
    """Compares the recorded measurements and verdicts with those that follow from the records."""
    from basestone.lifecycle.assess import judge_records
    from basestone.standard.profile import StandardInForce

    try:
        audit = run.stage_of_kind("audit")
        manifest, manifests = run.manifest(audit), run.manifests()
        assert manifest is not None
        standard = StandardInForce.from_json(manifest.facts["standard"])
        subject = manifests[manifest.facts["subject"]]
        measurements, verdicts = judge_records(run.stage(audit), standard, subject)
        recorded = run.measurements(audit), run.verdicts(audit)
    except (BasestoneError, KeyError, TypeError, ValueError) as error:
        return [Finding("verdicts", ok=False, detail=f"cannot be recomputed: {error}")]
    return [
        _compare(f"stages/{audit}/measurements.json", measurements, recorded[0]),
        _compare(f"stages/{audit}/verdicts.json", verdicts, recorded[1]),
    ]


def _compare(name: str, computed: Any, recorded: Any) -> Finding:
    """Equal as JSON; on a difference the detail names the first entry that differs."""
    different = [key for key in recorded if _plain(computed.get(key)) != _plain(recorded[key])]
    detail = f"{', '.join(different)} does not follow from the records" if different else "follows from the records"
    return Finding(name, ok=not different and computed.keys() == recorded.keys(), detail=detail)
