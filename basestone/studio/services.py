"""A run's service as its files and processes say: whether it answers, who stopped it, and whether that really holds.

Torch-free, and no lock is taken: looking at a service can never keep one from starting.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from basestone.core.errors import ArtifactError, BasestoneError
from basestone.core.run import RunFolder
from basestone.lifecycle.standing import standing, state_folder
from basestone.serving.gate import Obstacle
from basestone.serving.nursery import is_running
from basestone.serving.probe import halted
from basestone.serving.server import LOCK, NOTICE
from basestone.serving.stop import Stop, Switch
from basestone.serving.watch import STATE
from basestone.studio import processes
from basestone.studio.processes import Process, read_process
from basestone.studio.runs import STOPPED, is_locked

ServiceState = Literal["none", "starting", "ready", "stopped", "failed"]


@dataclass(frozen=True, kw_only=True)
class ServiceView:
    """``process``: the one that the page started, if it did. ``ceased``: of a stopped service, seen from outside.

    ``words``: the last that a service said which did not start.
    """

    state: ServiceState
    alive: bool
    ours: bool
    url: str
    stop: Stop | None
    ceased: bool
    words: str


def record_of(name: str) -> str:
    """Under which name ``studio.processes`` keeps the service of a run; no run can be called so."""
    return f"services/{name}"


def read_service(root: Path, name: str) -> ServiceView:
    """The state of the service of the run ``name``."""
    folder, process = state_folder(root / name), read_process(root, record_of(name))
    held = is_locked(folder / LOCK)
    notice = _notice(folder) if held else {}
    ours = bool(process and process.alive)
    stop = Switch(folder).read()
    state = _state(held or ours, stop, notice, process)
    return ServiceView(
        state=state,
        alive=held or ours,
        ours=ours,
        url=str(notice.get("url", "")),
        stop=stop,
        ceased=state == "stopped" and halted(notice),
        words=processes.log_end(root, record_of(name)) if state == "failed" else "",
    )


def _state(alive: bool, stop: Stop | None, notice: Mapping[str, Any], process: Process | None) -> ServiceState:
    if not alive:
        failed = process is not None and process.exit_code not in (None, 0, STOPPED)
        return "failed" if failed else "none"
    if stop is not None:
        return "stopped"
    worker = notice.get("worker_pid")
    return "ready" if worker and is_running(worker) else "starting"


def _notice(folder: Path) -> dict[str, Any]:
    return _json(folder / NOTICE) or {}


def read_drift(run: Path) -> dict[str, Any] | None:
    """What the service's monitor of drift wrote last; None where there is nothing yet."""
    return _json(state_folder(run) / STATE)


def drift_stamp(run: Path) -> int:
    """Changes whenever ``read_drift`` would."""
    path = state_folder(run) / STATE
    return path.stat().st_mtime_ns if path.exists() else 0


def _json(path: Path) -> dict[str, Any] | None:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def read_obstacles(run: RunFolder) -> list[Obstacle]:
    """Everything that forbids serving, as the gate will say it; one more where the gate cannot even be asked."""
    try:
        return [*standing(run).obstacles]
    except (BasestoneError, OSError) as error:
        return [Obstacle(why="changed", message=str(error), zh=str(error))]


def serve(root: Path, name: str, unproven: str = "") -> None:
    """Starts ``basestone serve`` on a free port, as a process that outlives the page. UsageError while one is alive."""
    words = ["serve", str(root / name), "--port", "0", *(["--allow-unproven", unproven] if unproven else [])]
    processes.start(root, record_of(name), words)


def end(root: Path, name: str) -> None:
    """Ends the service as Ctrl-C does: open requests are answered. UsageError when the page did not start it."""
    processes.stop(root, record_of(name))


def open_cases(run: Path) -> int | None:
    """How many cases wait for people; None where nothing was ever served."""
    from basestone.lifecycle.review import queue_of

    try:
        with queue_of(run) as queue:
            counts = queue.counts()
    except (ArtifactError, OSError):
        return None
    return counts["open"] + counts["disputed"]


def stamp(run: Path) -> tuple[int, ...]:
    """Changes whenever the service's log has."""
    files = [state_folder(run) / name for name in ("review.db", "review.db-wal")]
    return tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in files)
