"""Runs that were started from the page: each a process of its own that outlives the page and the server.

``RUNS/.studio/NAME.json`` says how a run was started and how it ended, ``NAME.log`` what it printed. A warden
(``studio.warden``) holds ``NAME.alive`` locked for as long as the run lasts, so that a number which the system has
given to another process is never taken for the run's. Torch-free.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from basestone.core.artifact import write_json
from basestone.core.errors import UsageError

LOG_END = 24_000  # bytes of a log that are shown
_WARDENS: list[subprocess.Popen[bytes]] = []  # of this server; polled, so that the system can forget those that ended


@dataclass(frozen=True, kw_only=True)
class Process:
    """The last process that the page started for a run; ``exit_code`` is None while it runs, or when it was killed."""

    command: tuple[str, ...]
    started: float
    pid: int
    exit_code: int | None
    ended: float | None
    alive: bool
    log: Path


def folder_of(root: Path) -> Path:
    """Where the records lie: beside the runs, not in them, as a run folder's contents are attested."""
    return root / ".studio"


def read_process(root: Path, name: str) -> Process | None:
    """The record of the run ``name``; None when the page never started it."""
    path = folder_of(root) / f"{name}.json"
    try:
        held: dict[str, Any] = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return Process(
        command=tuple(held["command"]),
        started=float(held["started"]),
        pid=int(held["pid"]),
        exit_code=held.get("exit_code"),
        ended=held.get("ended"),
        alive=held.get("exit_code") is None and is_alive(path.with_suffix(".alive")),
        log=path.with_suffix(".log"),
    )


def is_alive(path: Path) -> bool:
    """Whether a warden holds this file; wardens wait for a look to end, so a look disturbs none."""
    if not path.exists():
        return False
    with path.open() as held:
        try:
            fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def start(root: Path, name: str, words: Sequence[str]) -> Process:
    """Runs ``basestone WORDS`` for the run ``name``; returns when its warden has taken over.

    Raises:
        UsageError: a process of this run, started from the page, is alive.
    """
    known = read_process(root, name)
    if known and known.alive:
        raise UsageError(f"Only one process may work on '{name}', and one does. Stop it first.")
    record = folder_of(root) / f"{name}.json"
    record.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "basestone.cli", *words]
    write_json(record, {"command": ["basestone", *words], "started": time.time(), "pid": 0, "exit_code": None})
    _WARDENS[:] = [warden for warden in _WARDENS if warden.poll() is None]
    warden = subprocess.Popen(
        [sys.executable, "-m", "basestone.studio.warden", str(record), *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    _WARDENS.append(warden)
    return _taken_over(root, name)


def _taken_over(root: Path, name: str, patience_s: float = 60.0) -> Process:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        process = read_process(root, name)
        if process and (process.pid or process.exit_code is not None):
            return process
        time.sleep(0.05)
    raise UsageError(f"The run '{name}' did not start within {patience_s:.0f} s. See {folder_of(root) / name}.log.")


def stop(root: Path, name: str) -> None:
    """Asks a run to stop as Ctrl-C does: it finishes its step, saves, and can be resumed. UsageError: none is alive."""
    process = read_process(root, name)
    if process is None or not process.alive:
        raise UsageError(f"Only a run that was started here and is running can be stopped; '{name}' is not.")
    os.kill(process.pid, signal.SIGINT)


def log_end(root: Path, name: str) -> str:
    """The last lines that a run printed; empty when the page did not start it."""
    try:
        with (folder_of(root) / f"{name}.log").open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - LOG_END))
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    return text if size <= LOG_END else text.partition("\n")[2]
