"""Signing reviews, and checking who signed them: a DSSE envelope over the head of the chain, as a row of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from basestone.core.chain import Row, next_row
from basestone.core.errors import ArtifactError, BasestoneError
from basestone.core.reviews import SIGNATURE
from basestone.reporting.dsse import open_envelope, sign_statement, statement
from basestone.reporting.keys import key_id, parse_public

REVIEW_TYPE = "https://basestone.dev/attestation/review/v1"


def signature_row(last: Row, reviewer: str, subject: Mapping[str, str], key: Ed25519PrivateKey) -> Row:
    """What closes a reviewer's rows; ``subject``: path and SHA-256 of the evidence that was reviewed."""
    predicate = {"reviewer": reviewer, "head": {"seq": last.seq, "hash": last.hash}}
    envelope = sign_statement(statement(subject, REVIEW_TYPE, predicate), key)
    return next_row(last, SIGNATURE, {"reviewer": reviewer, "envelope": envelope})


def check_signatures(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Every reviewer by name: ``{reviewer, key_id, verified, reason}``. Never raises for what it finds."""
    by_name: dict[str, list[Row]] = {}
    for row in rows:
        by_name.setdefault(str(row.content["reviewer"]), []).append(row)
    return [_checked(name, mine) for name, mine in sorted(by_name.items())]


def _checked(reviewer: str, mine: Sequence[Row]) -> dict[str, Any]:
    told = {"reviewer": reviewer, "key_id": None, "verified": False}
    if mine[-1].kind != SIGNATURE:
        return told | {"reason": "the last rows are not signed"}
    try:
        keys = {_signer(reviewer, row) for row in mine if row.kind == SIGNATURE}
    except (BasestoneError, KeyError, TypeError) as error:
        return told | {"reason": str(error)}
    if len(keys) > 1:
        return told | {"reason": "signed with several keys"}
    return told | {"key_id": keys.pop(), "verified": True, "reason": f"{len(mine)} rows are as signed"}


def _signer(reviewer: str, row: Row) -> str:
    """The key that signed a signature row's envelope; ArtifactError when it closes anything but the row before."""
    content = open_envelope(row.content["envelope"])
    predicate = content["predicate"]
    closes = {"seq": row.seq - 1, "hash": row.previous}
    if content["predicateType"] != REVIEW_TYPE or predicate["reviewer"] != reviewer or predicate["head"] != closes:
        raise ArtifactError(f"row {row.seq} must sign the row before it for {reviewer}, and signs something else")
    return key_id(parse_public(predicate["publicKey"], f"row {row.seq}"))
