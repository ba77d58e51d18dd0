"""The review queue: what the service left to people, what they decided, and what they overrode.

A case is settled when ``REVIEWERS`` people gave it the same label, each without seeing the others'. The tables are for
looking things up; every row of them is also a row of the chained log, and ``faults`` finds where they differ. A
decision is on the disk before it is acknowledged. The schema is a contract: the studio reads the same file.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from basestone.core.agreement import krippendorff_alpha
from basestone.core.chain import chain_faults
from basestone.core.errors import UsageError, did_you_mean
from basestone.serving.log import Log

REVIEWERS = 2
SCHEMA = """
CREATE TABLE IF NOT EXISTS ticket (
  id TEXT PRIMARY KEY, seq INTEGER NOT NULL, at TEXT NOT NULL, request TEXT NOT NULL, digest TEXT NOT NULL,
  media TEXT NOT NULL, input BLOB NOT NULL, prediction TEXT NOT NULL, confidence REAL NOT NULL, reasons TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS decision (
  seq INTEGER PRIMARY KEY, ticket TEXT NOT NULL REFERENCES ticket(id), reviewer TEXT NOT NULL, label TEXT NOT NULL,
  note TEXT NOT NULL, at TEXT NOT NULL, UNIQUE (ticket, reviewer));
CREATE TABLE IF NOT EXISTS override (
  seq INTEGER PRIMARY KEY, digest TEXT NOT NULL, label TEXT NOT NULL, reviewer TEXT NOT NULL, reason TEXT NOT NULL,
  at TEXT NOT NULL);
"""


@dataclass(frozen=True, kw_only=True)
class Doubtful:
    """A sample for people: ``media`` is its MIME type, ``input`` its bytes, ``digest`` that of what the model saw."""

    id: str
    request: str
    digest: str
    media: str
    input: bytes
    prediction: str
    confidence: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the log says of one request: the ``kind`` of its row, its body, and the samples that go to people."""

    told: Mapping[str, Any]
    tickets: Sequence[Doubtful] = ()
    kind: str = "answer"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A doubtful sample with what people said of it; ``label`` is theirs once it is settled."""

    ticket: Doubtful
    at: str
    decisions: Mapping[str, str]
    label: str | None

    @property
    def state(self) -> str:
        """``open``, ``disputed`` (two people differ), or ``settled``."""
        if self.label is not None:
            return "settled"
        return "disputed" if len(set(self.decisions.values())) > 1 else "open"


class ReviewQueue:
    """The queue in ``path``; any number of processes may work on it at once."""

    def __init__(self, path: Path, labels: Sequence[str], *, read_only: bool = False) -> None:
        """``labels`` are what a reviewer may answer."""
        self.log = Log(path, SCHEMA, read_only=read_only)
        self.labels = tuple(labels)

    def close(self) -> None:
        """Closes the file."""
        self.log.close()

    def file(self, answers: Iterable[Answer]) -> None:
        """Writes down answered requests and their doubtful samples, all or nothing."""
        with self.log.transaction() as db:
            for answer in answers:
                self.log.add(answer.kind, answer.told)
                for ticket in answer.tickets:
                    row = self.log.add("ticket", _logged(ticket))
                    db.execute(
                        "INSERT INTO ticket VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                        [
                            *(ticket.id, row.seq, row.at, ticket.request, ticket.digest, ticket.media, ticket.input),
                            *(ticket.prediction, ticket.confidence, json.dumps(ticket.reasons)),
                        ],
                    )

    def decide(self, ticket: str, reviewer: str, label: str, note: str = "") -> Case:
        """One person's label; on the disk when it returns.

        Raises:
            UsageError: no such ticket, label or reviewer's name; or this person has decided, or it is settled.
        """
        self._require_label(label)
        _require_name(reviewer)
        case = self.case(ticket)
        if case.label is not None:
            raise UsageError(f"Ticket {ticket} is settled as '{case.label}'. To correct an answer, override it.")
        if reviewer in case.decisions:
            raise UsageError(
                f"A case needs the labels of different people, and {reviewer} has decided ticket {ticket} before."
            )
        with self.log.transaction(durable=True) as db:
            row = self.log.add("decision", {"ticket": ticket, "reviewer": reviewer, "label": label, "note": note})
            values = [row.seq, ticket, reviewer, label, note, row.at]
            db.execute("INSERT INTO decision VALUES (?, ?, ?, ?, ?, ?)", values)
        return self.case(ticket)

    def override(self, digest: str, label: str, reviewer: str, reason: str) -> None:
        """From now on the sample of this digest is answered with ``label``, whatever the model says."""
        self._require_label(label)
        _require_name(reviewer)
        if not reason.strip():
            raise UsageError("An override must say why; give a reason.")
        body = {"digest": digest, "label": label, "reviewer": reviewer, "reason": reason}
        with self.log.transaction(durable=True) as db:
            row = self.log.add("override", body)
            db.execute(
                "INSERT INTO override VALUES (?, ?, ?, ?, ?, ?)", [row.seq, digest, label, reviewer, reason, row.at]
            )

    def overrides(self) -> dict[str, str]:
        """Digest → label, the newest of each."""
        return dict(self.log.db.execute("SELECT digest, label FROM override ORDER BY seq").fetchall())

    def case(self, ticket: str) -> Case:
        """One case; UsageError when there is none of that id."""
        found = self._cases("WHERE id = ?", [ticket])
        if not found:
            raise UsageError(f"There is no ticket '{ticket[:64]}'.")
        return found[0]

    def cases(self) -> list[Case]:
        """Every case, the oldest first."""
        return self._cases("", [])

    def waiting(self, reviewer: str) -> list[Case]:
        """The cases that this person can still decide, the oldest first."""
        return [case for case in self.cases() if case.label is None and reviewer not in case.decisions]

    def counts(self) -> dict[str, int]:
        """How many cases are open, disputed and settled."""
        return {"open": 0, "disputed": 0, "settled": 0} | Counter(case.state for case in self.cases())

    def agreement(self) -> float:
        """Krippendorff's α over all cases with two labels or more."""
        return krippendorff_alpha(case.decisions for case in self.cases())

    def faults(self, anchors: Sequence[Mapping[str, Any]] = ()) -> list[str]:
        """What is wrong with the log's chain, and every table row that is not as the log has it."""
        return [*chain_faults(self.log.rows(), anchors), *self._table_faults()]

    def _table_faults(self) -> Iterable[str]:
        logged = {(row.kind, row.seq): row for row in self.log.rows()}
        stored: dict[tuple[str, int], dict[str, Any]] = {}
        for case in self.cases():
            (seq,) = self.log.db.execute("SELECT seq FROM ticket WHERE id = ?", [case.ticket.id]).fetchone()
            stored["ticket", seq] = _logged(case.ticket)
        for table, names in (
            ("decision", ("ticket", "reviewer", "label", "note")),
            ("override", ("digest", "label", "reviewer", "reason")),
        ):
            for seq, *values in self.log.db.execute(f"SELECT seq, {', '.join(names)} FROM {table}"):
                stored[table, seq] = dict(zip(names, values, strict=True))
        for key in sorted({*stored, *(key for key in logged if key[0] in ("ticket", "decision", "override"))}):
            if key not in stored:
                yield f"{key[0]} of row {key[1]} is in the log and was taken out of its table"
            elif key not in logged or logged[key].content != stored[key]:
                yield f"{key[0]} of row {key[1]} is not as the log has it"

    def _cases(self, where: str, values: list[Any]) -> list[Case]:
        decisions: dict[str, dict[str, str]] = {}
        for ticket, reviewer, label in self.log.db.execute("SELECT ticket, reviewer, label FROM decision ORDER BY seq"):
            decisions.setdefault(ticket, {})[reviewer] = label
        rows = self.log.db.execute(f"SELECT * FROM ticket {where} ORDER BY seq", values).fetchall()
        return [_case(row, decisions.get(row[0], {})) for row in rows]

    def _require_label(self, label: str) -> None:
        if label not in self.labels:
            raise UsageError(f"There is no label '{label[:64]}'.{did_you_mean(label, self.labels)}")


def _case(row: Sequence[Any], decisions: Mapping[str, str]) -> Case:
    ticket = Doubtful(
        id=row[0],
        request=row[3],
        digest=row[4],
        media=row[5],
        input=row[6],
        prediction=row[7],
        confidence=row[8],
        reasons=tuple(json.loads(row[9])),
    )
    votes = Counter(decisions.values()).most_common(1)
    label = votes[0][0] if votes and votes[0][1] >= REVIEWERS else None
    return Case(ticket=ticket, at=row[2], decisions=dict(decisions), label=label)


def _logged(ticket: Doubtful) -> dict[str, Any]:
    """A ticket as the log has it: its input by SHA-256."""
    return {
        "id": ticket.id,
        "request": ticket.request,
        "digest": ticket.digest,
        "media": ticket.media,
        "input_sha256": hashlib.sha256(ticket.input).hexdigest(),
        "prediction": ticket.prediction,
        "confidence": ticket.confidence,
        "reasons": list(ticket.reasons),
    }


def _require_name(reviewer: str) -> None:
    if not 0 < len(reviewer.strip()) <= 64:
        raise UsageError("A reviewer must have a name of 1 to 64 characters.")
