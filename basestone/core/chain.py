"""Rows bound to one another by hashes, so that none is changed, removed or moved unnoticed.

A row's hash is SHA-256 over its number, time, kind, body and the hash of the row before (Haber & Stornetta 1991,
Journal of Cryptology 3). A changed row no longer has its hash; a removed or re-ordered one breaks the chain.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from basestone.core.evidence import canonical_json

GENESIS = "0" * 64
_canonical = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row as it is stored."""

    seq: int
    at: str
    kind: str
    body: str
    previous: str
    hash: str

    @property
    def content(self) -> dict[str, Any]:
        """The body as JSON."""
        return json.loads(self.body)


def row_hash(seq: int, at: str, kind: str, body: str, previous: str) -> str:
    """SHA-256 (hex) of a row's content and of the hash before it, as canonical JSON (RFC 8785).

    Of whole numbers and text Python's own encoder makes the same bytes, and many times faster.
    """
    return hashlib.sha256(_canonical([seq, at, kind, body, previous]).encode()).hexdigest()


def next_row(last: Row | None, kind: str, body: Mapping[str, Any], at: str | None = None) -> Row:
    """The row that continues ``last`` (None: the first one); ``at``: None for now."""
    seq, previous = (1, GENESIS) if last is None else (last.seq + 1, last.hash)
    when, text = at or now(), canonical_json(dict(body)).decode()
    held = row_hash(seq, when, kind, text, previous)
    return Row(seq=seq, at=when, kind=kind, body=text, previous=previous, hash=held)


def rows_of(columns: Mapping[str, Sequence[Any]]) -> list[Row]:
    """The rows of a table with a column for each field."""
    names = ("seq", "at", "kind", "body", "previous", "hash")
    fields = zip(*(columns[name] for name in names), strict=True)
    return [
        Row(seq=int(seq), at=at, kind=kind, body=body, previous=previous, hash=held)
        for seq, at, kind, body, previous, held in fields
    ]


def now() -> str:
    """The time in UTC, ISO 8601 with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def chain_faults(rows: Iterable[Row], anchors: Sequence[Mapping[str, Any]] = ()) -> list[str]:
    """Everything that is wrong with a log, in words; empty for an intact one.

    ``anchors``: signed heads, each with ``seq`` and ``hash``, whose signatures the caller has checked.
    """
    faults, previous, expected = list[str](), GENESIS, 1
    hashes: dict[int, str] = {}
    for row in rows:
        if row.seq != expected:
            faults.append(f"row {expected} must follow row {expected - 1} and row {row.seq} does: rows are missing")
        if row.previous != previous:
            faults.append(f"row {row.seq} must continue the row before it and does not: removed or re-ordered rows")
        if row.hash != row_hash(row.seq, row.at, row.kind, row.body, row.previous):
            faults.append(f"row {row.seq} was changed after it had been written")
        previous, expected, hashes[row.seq] = row.hash, row.seq + 1, row.hash
    for anchor in anchors:
        if hashes.get(anchor["seq"]) != anchor["hash"]:
            found = "is another one" if anchor["seq"] in hashes else "is gone"
            faults.append(f"row {anchor['seq']} was signed as it was then, and now {found}")
    return faults
