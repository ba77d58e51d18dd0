"""The journal of a run: ``events.jsonl``, one JSON object a line, never torn and never doubled.

A line is one ``write`` to a file opened for appending, so that a killed process leaves whole lines and at most one torn
last one, which the next opening removes. A fit that resumes at step k repeats the steps after k: what an earlier
attempt said of them is dropped.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from basestone.core.artifact import write_atomically

UNKEPT = ("progress", "stage")


class JsonlTracker:
    """Appends every event with a ``time`` (Unix seconds), but for those that only a display needs.

    ``progress`` is worth nothing later; ``stage`` says what the manifests say, and would add lines to an attested
    journal each time that a finished run is looked at.
    """

    def __init__(self, path: Path) -> None:
        """Opens or continues the journal at ``path``."""
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        _mend(path)
        self._open()

    def log(self, event: Mapping[str, Any]) -> None:
        """Writes one line.

        Raises:
            ValueError: the event is not made of JSON types (NaN included).
        """
        if event["event"] in UNKEPT:
            return
        if event["event"] == "fit":
            self.resume(event["stage"], event["step"])
        line = json.dumps({**event, "time": round(time.time(), 3)}, ensure_ascii=False, allow_nan=False)
        remaining = f"{line}\n".encode()
        while remaining:  # a full disk or a signal may cut a write short
            remaining = remaining[os.write(self._file, remaining) :]

    def resume(self, stage: str, step: int) -> None:
        """Forgets what was said of this stage's steps after ``step``; the file is replaced as a whole."""
        lines = self.path.read_bytes().splitlines(keepends=True)
        kept = [line for line in lines if not _is_after(line, stage, step)]
        if len(kept) < len(lines):
            os.close(self._file)
            write_atomically(self.path, lambda temporary: temporary.write_bytes(b"".join(kept)))
            self._open()

    def close(self) -> None:
        """Forces everything to the disk."""
        os.fsync(self._file)
        os.close(self._file)

    def _open(self) -> None:
        self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)


def _is_after(line: bytes, stage: str, step: int) -> bool:
    event = json.loads(line)
    return event.get("stage") == stage and event.get("step", 0) > step


def _mend(path: Path) -> None:
    """Cuts off a last line without its end."""
    content = path.read_bytes() if path.exists() else b""
    if content and not content.endswith(b"\n"):
        os.truncate(path, content.rfind(b"\n") + 1)
