"""Verify: judge a run again from its evidence. Needs no model, no data and no trust in whoever made the run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basestone.core.artifact import Manifest
from basestone.core.evidence import RecordsMissing
from basestone.core.run import RunFolder

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


@dataclass(frozen=True)
class Finding:
    """One check: what was looked at, whether it held, and what was expected when it did not."""

    what: str
    ok: bool
    detail: str = ""


def verify(folder: Path, public_key: Path | None = None) -> list[Finding]:
    """Checks signature, every digest and Merkle root, and recomputes every measurement and verdict from the records."""
    from basestone.reporting.keys import load_public
    from basestone.reporting.verification import check_attestation

    run = RunFolder(folder)
    key = load_public(public_key) if public_key else None
    findings = [Finding(found.what, found.ok, found.detail) for found in check_attestation(run, key)]
    return findings + recompute(run, key)


def recompute(run: RunFolder, key: Ed25519PublicKey | None = None) -> list[Finding]:
    """Compares every audit's and drill's measurements and verdicts with those that follow from its records.

    A drill is no part of the report: it is signed on its own, and that signature is checked here.
    """
    try:
        manifests = run.manifests()
        judged = [stage for stage, manifest in manifests.items() if manifest.kind in ("audit", "drill")]
        drills = [_signature(run, stage, key) for stage in judged if manifests[stage].kind == "drill"]
        reviews = [finding for stage in judged for finding in _reviewers(run, stage)]
        return drills + reviews + [finding for stage in judged for finding in _judge_again(run, stage, manifests)]
    except Exception as error:  # whatever a spoilt file makes its reader raise
        return [Finding("verdicts from their records", ok=False, detail=f"cannot be recomputed: {error}")]


def _signature(run: RunFolder, stage: str, key: Ed25519PublicKey | None) -> Finding:
    from basestone.reporting.verification import check_files

    told = check_files(run.stage(stage), key)
    return Finding(f"signature of stages/{stage}", told["verified"], told["reason"])


def _reviewers(run: RunFolder, stage: str) -> list[Finding]:
    """Whether the signatures of an audit's reviews are what its records say of them."""
    from basestone.core.chain import rows_of
    from basestone.reporting.reviews import check_signatures

    try:
        columns, told = run.records(stage).table("reviews"), run.records(stage).fact("review_signatures")
    except RecordsMissing:
        return []
    found = check_signatures(rows_of({name: column.tolist() for name, column in columns.items()}))
    detail = ", ".join(f"{one['reviewer']}: {one['reason']}" for one in found)
    return [Finding(f"signatures of the reviews in stages/{stage}", ok=found == told, detail=detail)]


def _judge_again(run: RunFolder, audit: str, manifests: dict[str, Manifest]) -> list[Finding]:
    from basestone.lifecycle.assess import judge_records
    from basestone.standard.recorded import read_standard

    standard = read_standard(manifests[audit].facts["standard"])
    subject = manifests[manifests[audit].facts["subject"]]
    measurements, verdicts = judge_records(run.stage(audit), standard, subject)
    return [
        _compare(f"stages/{audit}/measurements.json", measurements, run.measurements(audit)),
        _compare(f"stages/{audit}/verdicts.json", verdicts, run.verdicts(audit)),
    ]


def _compare(name: str, computed: dict[str, Any], recorded: dict[str, Any]) -> Finding:
    different = [key for key in {**recorded, **computed} if not _agree(computed.get(key), recorded.get(key))]
    if different:
        return Finding(name, ok=False, detail=f"{', '.join(different)} must follow from the records and does not")
    return Finding(name, ok=True, detail="follows from the records")


def _agree(one: Any, other: Any) -> bool:
    """Equal as JSON, where two floats agree to nine digits: another machine may add in another order."""
    match one, other:
        case float(), int() | float():
            return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
        case (list() | tuple(), list() | tuple()):
            return len(one) == len(other) and all(map(_agree, one, other))
        case dict(), dict():
            return one.keys() == other.keys() and all(_agree(one[key], other[key]) for key in one)
        case _:
            return one == other
