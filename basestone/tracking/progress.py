"""How far a run is, for a person: a bar with the time left on a terminal, now and then a plain line elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

LINE_EVERY_S = 5.0  # at most, off a terminal …
LINE_AT_LEAST_EVERY_S = 60.0  # … and at least, where a tenth of the work takes longer


class ProgressTracker:
    """Shows stage, done/total, loss, accuracy, images/s and the time left, on stderr.

    Off a terminal it prints a line when a tenth of the work is done or a minute has passed, never more than one in
    5 s, and one at the end. Colours follow rich's rules (NO_COLOR, TERM).
    """

    def __init__(self, console: Console | None = None) -> None:
        """``console`` is where to show it; None: stderr."""
        self._console = console or Console(stderr=True)
        self._values: dict[str, float] = {}
        self._work = "", ""
        self._live: tuple[Progress, TaskID] | None = None
        self._line_at, self._line_done = 0.0, 0

    def log(self, event: Mapping[str, Any]) -> None:
        """Shows what concerns a person and passes over the rest."""
        kind = event["event"]
        if kind in {"step", "progress"}:
            self._keep(event, {"loss": "loss", "images_per_s": "images/s"})
        elif kind == "validation":
            self._keep(event, {"accuracy": "accuracy"})
        if kind == "progress":
            stage = " ".join(filter(None, (event["stage"], event.get("trial"))))
            self._progress(stage, event["done"], event["total"], event["unit"])
        elif kind == "stage":
            self._stage(event)
        elif kind == "warning":
            self._say(f"{event['stage']}: warning: {event['message']}")

    def close(self) -> None:
        """Leaves the terminal as it was found, the last bar standing."""
        if self._live is not None:
            self._live[0].stop()
            self._live = None

    def _keep(self, event: Mapping[str, Any], names: Mapping[str, str]) -> None:
        self._values |= {shown: event[name] for name, shown in names.items() if event.get(name) is not None}

    def _stage(self, event: Mapping[str, Any]) -> None:
        self.close()
        self._values, self._work = {}, ("", "")
        seconds = f" in {event['wall_s']:.1f} s" if "wall_s" in event else ""
        self._say(f"{event['stage']}: {event['state']}{seconds}")

    def _progress(self, stage: str, done: int, total: int, unit: str) -> None:
        begins = (stage, unit) != self._work
        self._work = stage, unit
        if self._console.is_terminal:
            self._bar(begins, done, total)
        else:
            self._line(begins, done, total)

    def _bar(self, begins: bool, done: int, total: int) -> None:
        if begins or self._live is None:
            self.close()
            bar = _new_bar(self._console)
            self._live = bar, bar.add_task(self._work[0], total=total, completed=done, unit=self._work[1], values="")
            bar.start()
        bar, task = self._live
        bar.update(task, completed=done, total=total, values=self._shown())

    def _line(self, begins: bool, done: int, total: int) -> None:
        now = time.monotonic()
        if begins:
            self._line_at, self._line_done = now, done
        waited, moved = now - self._line_at, done - self._line_done
        due = waited >= LINE_EVERY_S and (10 * moved >= total or waited >= LINE_AT_LEAST_EVERY_S)
        if due or done == total:
            stage, unit = self._work
            self._say(f"{stage}: {done}/{total} {unit}  {self._shown()}".rstrip())
            self._line_at, self._line_done = now, done

    def _shown(self) -> str:
        return "  ".join(f"{name} {value:.4g}" for name, value in self._values.items())

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)


def _new_bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.completed:.0f}/{task.total:.0f} {task.fields[unit]}", markup=False),
        TextColumn("{task.fields[values]}", markup=False),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        refresh_per_second=4,
    )
