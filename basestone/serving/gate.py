"""May this run be served? Every reason why not, from what a door found in the run's folder.

A model is fit to serve when its signed report says that the standard is met, all of it still is what was signed, and no
waiver that this rests on has run out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

MAX_AGE_DAYS = 365  # of verdicts; data drift, and so do libraries
LEAST_REASON = 10  # characters

Why = Literal["unaudited", "unsigned", "changed", "failed", "expired", "unowned", "drifted"]


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a run's folder shows of its audited model.

    ``verdicts``: of the signed audit, None where there is none. ``digest``: of the model's stage as its files are now.
    ``changed``: its files that are not what its manifest says. ``signature``: the check of the model's own signature
    (``verified``, ``reason``). ``attestation``: the faults of the report's; None where there is no report. ``drift``:
    what ``serving.watch`` found of live inputs since the audit, None where they are like those of the audit.
    """

    run: str
    verdicts: Mapping[str, Any] | None
    digest: str
    changed: Sequence[str]
    signature: Mapping[str, Any]
    attestation: Sequence[str] | None
    drift: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Obstacle:
    """One reason not to serve, and what to do about it."""

    why: Why
    message: str


def obstacles(found: Found, today: date, max_age_days: int = MAX_AGE_DAYS) -> list[Obstacle]:
    """Everything that forbids serving; empty for a model that is fit."""
    return [*_integrity(found), *_standing(found, today, max_age_days)]


def _integrity(found: Found) -> Iterator[Obstacle]:
    if found.changed:
        yield Obstacle(
            why="changed",
            message=f"The model's files must be those that were audited, and {', '.join(found.changed)} changed "
            "afterwards. Restore them, or run the recipe again.",
        )
    if found.signature.get("verified") is not True:
        yield Obstacle(
            why="unsigned",
            message=f"The model must be signed by a key that you trust, and is not: {found.signature.get('reason')}. "
            "Run the recipe again to sign it, or name the signer's key with --key.",
        )
    if found.attestation is None:
        yield Obstacle(
            why="unsigned",
            message=f"The verdicts must be in a signed report, and {found.run} has none. "
            f"Make it with: basestone report {found.run}",
        )
    elif found.attestation:
        more = f", and {len(found.attestation) - 1} more" if len(found.attestation) > 1 else ""
        yield Obstacle(
            why="unsigned",
            message=f"The signed report must hold, and does not: {found.attestation[0]}{more}. "
            f"See all of it with: basestone verify {found.run}",
        )


def _standing(found: Found, today: date, max_age_days: int) -> Iterator[Obstacle]:
    verdicts = found.verdicts
    if verdicts is None:
        yield Obstacle(
            why="unaudited",
            message=f"A model must be audited before it is served, and {found.run} has no finished audit. "
            f"Run it with: basestone audit {found.run}",
        )
        return
    if verdicts["subject"]["sha256"] != found.digest:
        yield Obstacle(
            why="changed",
            message=f"The verdicts must be about this model, {found.digest[:12]}, and are about "
            f"{verdicts['subject']['sha256'][:12]}. Audit it again.",
        )
    if verdicts["outcome"] != "met":
        named = ", ".join(verdicts["open"]) or "no clause passed"
        yield Obstacle(
            why="failed",
            message=f"The standard {verdicts['standard']} ({verdicts['profile']}) must be met, and is not: {named}. "
            "Mend the model, or waive a clause in the recipe with an owner, a reason and an expiry.",
        )
    until = date.fromisoformat(verdicts["judged_on"]) + timedelta(days=max_age_days)
    if until < today:
        yield Obstacle(
            why="expired",
            message=f"Verdicts hold for {max_age_days} days, and these are of {verdicts['judged_on']}. Audit it again.",
        )
    if found.drift:
        yield Obstacle(
            why="drifted",
            message=f"Verdicts hold for inputs like those of the audit, and since {found.drift['at'][:10]} those that "
            f"come in are not: {', '.join(found.drift['clauses'])} are open again. Audit on data like them.",
        )
    for waiver in verdicts["waived"]:
        yield from _waiver(waiver, today)


def _waiver(waiver: Mapping[str, Any], today: date) -> Iterator[Obstacle]:
    clause = waiver["clause"]
    if not str(waiver.get("owner") or "").strip():
        yield Obstacle(
            why="unowned",
            message=f"A waiver must name who answers for it, and that of {clause} names nobody. "
            "Write its owner in the recipe and audit again.",
        )
    if date.fromisoformat(waiver["expires"]) < today:
        yield Obstacle(
            why="expired",
            message=f"The waiver of {clause} expired on {waiver['expires']} ({waiver.get('owner') or 'no owner'}). "
            "Renew it in the recipe and audit again, or meet the clause.",
        )


def reason_fault(reason: str) -> str | None:
    """Why ``reason`` is none for serving without proof, or None."""
    if len(reason.strip()) < LEAST_REASON:
        return f"--allow-unproven needs a reason of at least {LEAST_REASON} characters; got '{reason}'."
    return None
