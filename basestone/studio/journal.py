"""A journal as it grows: only what was added since the last look is read, and a curve stays short however long the run.

Torch-free. The journal is ``events.jsonl`` of a run (``tracking.jsonl``): lines are appended whole, the file is
replaced when a fit resumes at an earlier step, and a killed process may leave a torn last line.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from basestone.tracking.scalars import scalars

MOST_POINTS = 400  # of one curve, before neighbours are averaged


@dataclass(frozen=True, kw_only=True)
class News:
    """What a look at a journal found: whole events, and whether they are all there is (the file was replaced)."""

    events: tuple[dict[str, Any], ...]
    afresh: bool


class JournalTail:
    """Reads a journal from where it stopped; a file that is not there yet has no events."""

    def __init__(self, path: Path) -> None:
        """Nothing is read before ``read``."""
        self.path = path
        self._inode, self._offset = 0, 0

    def read(self) -> News:
        """The events since the last call; a line that does not end yet is left for later, one that is no event out."""
        try:
            with self.path.open("rb") as file:
                afresh = self._moved_on(file.fileno())
                file.seek(self._offset)
                added = file.read()
        except FileNotFoundError:
            afresh, self._inode, self._offset = self._offset > 0, 0, 0
            return News(events=(), afresh=afresh)
        whole = added[: added.rfind(b"\n") + 1]
        self._offset += len(whole)
        return News(events=tuple(_events(whole.splitlines())), afresh=afresh)

    def _moved_on(self, descriptor: int) -> bool:
        """Whether this is another file than the last time, or a shorter one: it is then read from its beginning."""
        now = os.fstat(descriptor)
        other = self._offset > 0 and (now.st_ino != self._inode or now.st_size < self._offset)
        if other:
            self._offset = 0
        self._inode = now.st_ino
        return other


def _events(lines: Iterable[bytes]) -> Iterable[dict[str, Any]]:
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and "event" in event:
            yield event


@dataclass
class Curve:
    """Points of one curve, by step; when there are too many, neighbours are replaced by their mean."""

    points: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    latest: tuple[float, float] = (0.0, 0.0)
    _block: int = 1
    _open: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])

    def add(self, step: float, value: float) -> None:
        """One more point, to the right of the others."""
        self.latest = step, value
        self._open.append((step, value))
        if len(self._open) == self._block:
            self.points.append(_mean(self._open))
            self._open.clear()
        if len(self.points) >= MOST_POINTS:
            self.points = [_mean(self.points[at : at + 2]) for at in range(0, len(self.points), 2)]
            self._block *= 2

    def drawn(self) -> list[list[float]]:
        """``[step, value]`` pairs to draw, the latest point among them."""
        ends = [self.latest] if self._open else []
        return [[step, value] for step, value in (*self.points, *ends)]


def _mean(points: list[tuple[float, float]]) -> tuple[float, float]:
    return points[-1][0], sum(value for _, value in points) / len(points)


@dataclass(frozen=True, order=True)
class CurveName:
    """Which curve: ``trial`` is empty where a stage trains once; ``quantity`` is as ``tracking.scalars`` has it."""

    stage: str
    trial: str
    quantity: str


class Curves:
    """Every curve of a run, and how far each training is."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self.curves: dict[CurveName, Curve] = {}
        self.warnings: list[str] = []
        self._lengths: dict[tuple[str, str], int] = {}
        self._steps: dict[tuple[str, str], int] = {}

    def add(self, events: Iterable[Mapping[str, Any]]) -> bool:
        """Takes in more events; whether there is anything new to draw."""
        before = sum(len(curve.points) + len(curve._open) for curve in self.curves.values())
        for event in events:
            training = str(event.get("stage", "")), str(event.get("trial", ""))
            if event["event"] == "fit":
                self._begin(training, event)
            elif event["event"] == "warning":
                self.warnings.append(f"{training[0]}: {event.get('message', '')}")
            for name, value in scalars(event).items():
                self.curves.setdefault(CurveName(*training, name), Curve()).add(float(event["step"]), value)
                self._steps[training] = int(event["step"])
        return before != sum(len(curve.points) + len(curve._open) for curve in self.curves.values())

    def _begin(self, training: tuple[str, str], event: Mapping[str, Any]) -> None:
        """A fit that begins at step 0 begins anew: what an earlier one of the same name left is not part of it."""
        self._lengths[training], self._steps[training] = int(event["max_steps"]), int(event["step"])
        if not event["step"]:
            for name in [name for name in self.curves if (name.stage, name.trial) == training]:
                del self.curves[name]

    @property
    def stages(self) -> list[str]:
        """Stages that have curves, in the order in which they began."""
        return list(dict.fromkeys(name.stage for name in self.curves))

    def progress(self, stage: str) -> tuple[int, int]:
        """(Done, all) steps of the training of ``stage`` that was heard of last; zeros where there is none."""
        mine = [training for training in self._steps if training[0] == stage]
        return (self._steps[mine[-1]], self._lengths.get(mine[-1], 0)) if mine else (0, 0)


def read_curves(path: Path) -> Curves:
    """The curves of a journal as it is now."""
    curves = Curves()
    curves.add(JournalTail(path).read().events)
    return curves
