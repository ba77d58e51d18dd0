"""Changes planted in a log, to see whether they are found: a changed, a removed and a re-ordered row."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from basestone.core.chain import Row, chain_faults

Change = Callable[[list[Row], int], list[Row]]


def changed(rows: list[Row], place: int) -> list[Row]:
    """One row says something else."""
    return [*rows[:place], replace(rows[place], body='{"planted":true}'), *rows[place + 1 :]]


def removed(rows: list[Row], place: int) -> list[Row]:
    """One row is gone, and those behind it are numbered anew."""
    return [*rows[:place], *(replace(row, seq=row.seq - 1) for row in rows[place + 1 :])]


def reordered(rows: list[Row], place: int) -> list[Row]:
    """Two neighbours have changed places, and numbers."""
    one, other = rows[place], rows[place + 1]
    return [*rows[:place], replace(other, seq=one.seq), replace(one, seq=other.seq), *rows[place + 2 :]]


CHANGES: dict[str, Change] = {"changed": changed, "removed": removed, "reordered": reordered}


def plant(rows: Sequence[Row], times: int = 20) -> dict[str, list[object]]:
    """The columns of ``tampering``: each change at up to ``times`` places, and whether the chain told."""
    found: dict[str, list[object]] = {"change": [], "seq": [], "found": []}
    steps = range(times if len(rows) > 2 else 0)
    places = sorted({round(step * (len(rows) - 2) / max(1, times - 1)) for step in steps})
    for name, change in CHANGES.items():
        for place in places:
            told = bool(chain_faults(change(list(rows), place)))
            for column, value in zip(found, (name, rows[place].seq, int(told)), strict=True):
                found[column].append(value)
    return found


def rewrite_row(path: Path, seq: int = 5) -> None:
    """Rewrites one row of the log in ``path`` as somebody would who can write the file."""
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DROP TRIGGER log_is_never_changed")
        db.execute("UPDATE log SET body = '{\"rewritten\":true}' WHERE seq = ?", [seq])
