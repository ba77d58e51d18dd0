"""Standing: what a run's folder shows of its model, and whether that is enough to serve it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basestone.core.artifact import Manifest, read_json
from basestone.core.errors import ArtifactError, BasestoneError, UsageError
from basestone.core.run import RunFolder
from basestone.lifecycle.drift import about
from basestone.lifecycle.environment import keys_folder
from basestone.lifecycle.keys import signing_key
from basestone.recipe.schema import LEAVES_MODEL
from basestone.serving.gate import MAX_AGE_DAYS, Found, Obstacle, obstacles, reason_fault

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The stage whose model would be served, the audit that speaks of it, and everything that forbids serving."""

    subject: Manifest
    audit: str | None
    obstacles: Sequence[Obstacle]


def standing(
    run: RunFolder, key: Path | None = None, max_age_days: int = MAX_AGE_DAYS, state: Path | None = None
) -> Standing:
    """What may be served of a run; ``key`` is the public key to trust, None this user's own.

    ``state`` holds the service's log, by which live inputs may have left the audited distribution; None: the run's own.
    """
    from basestone.reporting.keys import load_public
    from basestone.reporting.verification import ATTESTATION, check_attestation, check_files
    from basestone.serving.watch import read_finding

    trusted = load_public(key) if key else signing_key(keys_folder()).public_key()
    manifests = run.manifests()
    audit = _audit_of(run, manifests, trusted)
    verdicts = run.verdicts(audit) if audit else None
    subject = _subject(run, manifests, verdicts)
    reported = (run.report / ATTESTATION).exists()
    found = Found(
        run=str(run.path),
        verdicts=verdicts,
        digest=subject.digest,
        changed=subject.changed_files(run.stage(subject.stage)),
        signature=check_files(run.stage(subject.stage), trusted),
        attestation=[f"{one.what} {one.detail}" for one in check_attestation(run, trusted) if not one.ok]
        if reported
        else None,
        drift=read_finding(state_folder(run.path, state) / "review.db", about(run, subject, audit)),
    )
    return Standing(subject=subject, audit=audit, obstacles=obstacles(found, date.today(), max_age_days))


def state_folder(run: Path, state: Path | None = None) -> Path:
    """Where a run's service keeps its log, its review queue and its switch."""
    return state or run / "serving"


def _audit_of(run: RunFolder, manifests: Mapping[str, Manifest], trusted: Ed25519PublicKey) -> str | None:
    """The audit that the signed report is about; where no signature holds, the last one."""
    from basestone.reporting.dsse import open_envelope
    from basestone.reporting.verification import ATTESTATION

    audits = [stage for stage, manifest in manifests.items() if manifest.kind == "audit"]
    try:
        signed = open_envelope(read_json(run.report / ATTESTATION), [trusted])["predicate"].get("audit")
    except (BasestoneError, UnicodeDecodeError):
        signed = None
    return signed if signed in audits else audits[-1] if audits else None


def _subject(run: RunFolder, manifests: Mapping[str, Manifest], verdicts: Mapping[str, Any] | None) -> Manifest:
    named = verdicts["subject"]["stage"] if verdicts else None
    models = [stage for stage, manifest in manifests.items() if manifest.kind in LEAVES_MODEL]
    if named is None and not models:
        raise ArtifactError(f"{run.path} must hold a finished model and has none. Run its recipe first.")
    return manifests[named or models[-1]]


def require_permission(refused: Sequence[Obstacle], unproven: str | None) -> None:
    """UsageError with every obstacle, unless there is a reason to serve all the same."""
    if unproven is not None and (fault := reason_fault(unproven)):
        raise UsageError(fault)
    if refused and unproven is None:
        listed = "\n".join(f"  {one.why}: {one.message}" for one in refused)
        raise UsageError(f"This model may not be served:\n{listed}\nTo serve it all the same: --allow-unproven REASON")
