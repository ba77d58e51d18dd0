"""The service's log: append-only, and each row bound to the one before it, so that no row changes unnoticed.

A row's hash is SHA-256 over its number, time, kind, body and the hash of the row before (Haber & Stornetta 1991, J.
Cryptology 3). A changed row no longer has its hash, a removed or re-ordered one breaks the chain. Whoever can write the
file could make a whole new chain; therefore the last hash is signed from time to time (``anchors.jsonl``), which also
finds rows that were cut off the end.

SQLite in WAL mode: a committed row survives ``kill -9`` of any process. Several processes may append. ``body`` is
canonical JSON. Nothing is ever deleted here; triggers refuse it.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from basestone.core.errors import ArtifactError
from basestone.core.evidence import canonical_json

GENESIS = "0" * 64
SCHEMA = """
CREATE TABLE IF NOT EXISTS log (
  seq INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL,
  previous TEXT NOT NULL, hash TEXT NOT NULL);
CREATE TRIGGER IF NOT EXISTS log_is_never_changed BEFORE UPDATE ON log
  BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER IF NOT EXISTS log_is_never_cut BEFORE DELETE ON log
  BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
"""


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
    """SHA-256 (hex) of a row's content and of the hash before it."""
    return hashlib.sha256(canonical_json([seq, at, kind, body, previous])).hexdigest()


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


class Log:
    """The log in one SQLite file, which other tables of the service share."""

    def __init__(self, path: Path, schema: str = "", *, read_only: bool = False) -> None:
        """Opens or makes ``path``; ``schema`` adds tables. ArtifactError when it is no log."""
        self.path = path
        try:
            if read_only:
                self.db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
                self.db.execute("PRAGMA journal_mode=WAL")
                self.db.execute("PRAGMA synchronous=NORMAL")
                self.db.executescript(SCHEMA + schema)
        except sqlite3.DatabaseError as error:
            raise ArtifactError(f"{path} must be a log of this service and cannot be opened ({error}).") from error

    def close(self) -> None:
        """Closes the file."""
        self.db.close()

    @contextmanager
    def transaction(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """All or nothing, and alone: no other process appends in between. ``durable``: on the disk before it returns.

        Without ``durable`` a commit survives the death of every process, and not a power cut within seconds of it.
        """
        self.db.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield self.db
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    def append(self, kind: str, body: Mapping[str, Any], *, durable: bool = True) -> Row:
        """Writes one row in a transaction of its own."""
        with self.transaction(durable=durable):
            return self.add(kind, body)

    def add(self, kind: str, body: Mapping[str, Any]) -> Row:
        """Writes one row; within ``transaction`` only."""
        last = self.db.execute("SELECT seq, hash FROM log ORDER BY seq DESC LIMIT 1").fetchone() or (0, GENESIS)
        seq, previous = last[0] + 1, last[1]
        at, text = now(), canonical_json(dict(body)).decode()
        made = Row(
            seq=seq, at=at, kind=kind, body=text, previous=previous, hash=row_hash(seq, at, kind, text, previous)
        )
        self.db.execute("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?)", (seq, at, kind, text, previous, made.hash))
        return made

    def rows(self, kind: str | None = None, *, after: int = 0) -> Iterator[Row]:
        """The rows in order, of one kind where it is given."""
        where, values = ("AND kind = ?", [kind]) if kind else ("", [])
        for row in self.db.execute(f"SELECT * FROM log WHERE seq > ? {where} ORDER BY seq", [after, *values]):
            yield Row(seq=row[0], at=row[1], kind=row[2], body=row[3], previous=row[4], hash=row[5])

    @property
    def head(self) -> dict[str, Any]:
        """``seq`` and ``hash`` of the last row; 0 and zeros of an empty log."""
        found = self.db.execute("SELECT seq, hash FROM log ORDER BY seq DESC LIMIT 1").fetchone() or (0, GENESIS)
        return {"seq": found[0], "hash": found[1]}


def now() -> str:
    """The time in UTC, ISO 8601 with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")
