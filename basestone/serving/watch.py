"""Follows the service's log with the monitor of drift, beside the requests and never in their way.

What it finds is a row ``reopened`` of the log: the clauses that were judged on samples of the audited distribution say
nothing about those that come in now. ``drift.json`` is for those who look on; the log is what counts, and whoever has
it and the audit's records comes to the same result.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from basestone.core.artifact import write_json
from basestone.core.chain import Row
from basestone.serving.drift import Monitor
from basestone.serving.journal import Journal
from basestone.serving.log import Log
from basestone.serving.review import ReviewQueue

STATE, REOPENED = "drift.json", "reopened"
LOOK_S = 2.0
AT_ONCE = 500  # rows, so that no request waits long for the log


@dataclass(kw_only=True)
class Watch:
    """``subject``: ``digest`` of the model and of its ``audit``, to which rows must belong; ``clauses``: at stake."""

    monitor: Monitor
    subject: Mapping[str, str]
    clauses: Sequence[str]
    mine: bool = False
    written: bool = False
    seen: int = 0

    def read(self, rows: Iterable[Row]) -> None:
        """The next rows of the log."""
        for row in rows:
            self.seen = row.seq
            if row.kind == "started":
                self.mine = self._is_mine(row)
            elif row.kind == REOPENED and self._is_mine(row):
                self.written = True
            elif row.kind == "answer" and self.mine:
                for place, sample in enumerate(row.content["samples"]):
                    self.monitor.see(sample, f"{row.hash}:{place}", row.at)

    def _is_mine(self, row: Row) -> bool:
        return all(row.content.get(name) == value for name, value in self.subject.items())

    @property
    def finding(self) -> dict[str, Any] | None:
        """What the row ``reopened`` says; None while there is nothing to say."""
        alarm = self.monitor.alarm
        return None if alarm is None else {**self.subject, **asdict(alarm), "clauses": [*self.clauses]}

    def to_json(self) -> dict[str, Any]:
        """The content of ``drift.json``."""
        return {**self.subject, **self.monitor.to_json(), "clauses": [*self.clauses], "finding": self.finding}


async def keep_watch(journal: Journal, watch: Watch, path: Path, tell: Callable[[Mapping[str, Any]], object]) -> None:
    """Reads whatever the log gains, until it is cancelled; ``tell`` hears of a finding, once in each service's life."""
    told, shown = False, -1
    while True:
        rows = await journal(lambda queue: list(islice(queue.log.rows(after=watch.seen), AT_ONCE)))
        await asyncio.to_thread(watch.read, rows)
        if len(rows) == AT_ONCE:
            continue
        if (found := watch.finding) and not watch.written:
            await journal(partial(_write, found))
            watch.written = True
        if found and not told:
            told = True
            tell(found)
        if watch.monitor.samples + watch.monitor.repeats != shown:
            shown = watch.monitor.samples + watch.monitor.repeats
            await asyncio.to_thread(write_json, path, watch.to_json())
        await asyncio.sleep(LOOK_S)


def _write(finding: Mapping[str, Any], queue: ReviewQueue) -> None:
    queue.log.append(REOPENED, finding)


def read_finding(log: Path, subject: Mapping[str, str]) -> dict[str, Any] | None:
    """The row ``reopened`` about this model and audit; None where there is none, or no log."""
    if not log.exists():
        return None
    held = Log(log, read_only=True)
    try:
        mine = [row.content for row in held.rows(REOPENED)]
    finally:
        held.close()
    return next((one for one in mine if all(one.get(name) == value for name, value in subject.items())), None)
