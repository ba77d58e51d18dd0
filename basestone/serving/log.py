"""The service's log: append-only, and each row bound to the one before it, so that no row changes unnoticed.

The chain is that of ``core.chain``. Whoever can write the file could make a whole new one; therefore the last hash is
signed from time to time (``anchors.jsonl``), which also finds rows that were cut off the end.

SQLite in WAL mode: a committed row survives ``kill -9`` of any process. Several processes may append. ``body`` is
canonical JSON. Nothing is ever deleted here; triggers refuse it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from basestone.core.chain import GENESIS, Row, next_row
from basestone.core.errors import ArtifactError

SCHEMA = """
CREATE TABLE IF NOT EXISTS log (
  seq INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL,
  previous TEXT NOT NULL, hash TEXT NOT NULL);
CREATE TRIGGER IF NOT EXISTS log_is_never_changed BEFORE UPDATE ON log
  BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER IF NOT EXISTS log_is_never_cut BEFORE DELETE ON log
  BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
"""


class Log:
    """The log in one SQLite file, which other tables of the service share."""

    def __init__(self, path: Path, schema: str = "", *, read_only: bool = False) -> None:
        """Opens or makes ``path``; ``schema`` adds tables. ArtifactError when it is no log."""
        self.path, self._durable = path, None
        self._last: Row | None = None  # of the log, within a transaction
        try:
            if read_only:
                self.db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
                self.db.execute("PRAGMA journal_mode=WAL")
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
        if durable is not self._durable:
            self.db.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            self._durable = durable
        self.db.execute("BEGIN IMMEDIATE")
        self._last = None
        try:
            yield self.db
            self.db.execute("COMMIT")
        except BaseException:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            raise

    def append(self, kind: str, body: Mapping[str, Any], *, durable: bool = True) -> Row:
        """Writes one row in a transaction of its own."""
        with self.transaction(durable=durable):
            return self.add(kind, body)

    def add(self, kind: str, body: Mapping[str, Any]) -> Row:
        """Writes one row; within ``transaction`` only."""
        self._last = made = next_row(self._last or self._newest(), kind, body)
        values = (made.seq, made.at, made.kind, made.body, made.previous, made.hash)
        self.db.execute("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?)", values)
        return made

    def _newest(self) -> Row | None:
        stored = self.db.execute("SELECT * FROM log ORDER BY seq DESC LIMIT 1").fetchone()
        return None if stored is None else _row(stored)

    def rows(self, kind: str | None = None, *, after: int = 0) -> Iterator[Row]:
        """The rows in order, of one kind where it is given."""
        where, values = ("AND kind = ?", [kind]) if kind else ("", [])
        for row in self.db.execute(f"SELECT * FROM log WHERE seq > ? {where} ORDER BY seq", [after, *values]):
            yield _row(row)

    @property
    def version(self) -> int:
        """A number that changes when another connection has written to the file."""
        return self.db.execute("PRAGMA data_version").fetchone()[0]

    @property
    def written(self) -> int:
        """How many rows, of whatever table, this connection has written."""
        return self.db.total_changes

    @property
    def head(self) -> dict[str, Any]:
        """``seq`` and ``hash`` of the last row; 0 and zeros of an empty log."""
        last = self._newest()
        return {"seq": 0, "hash": GENESIS} if last is None else {"seq": last.seq, "hash": last.hash}


def _row(stored: Sequence[Any]) -> Row:
    seq, at, kind, body, previous, held = stored
    return Row(seq=seq, at=at, kind=kind, body=body, previous=previous, hash=held)
