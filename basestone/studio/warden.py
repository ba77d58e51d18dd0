"""Stands beside one run: passes a request to stop on to it, and writes down how it ended.

``python -m basestone.studio.warden RECORD COMMAND…``; started by ``studio.processes`` in a session of its own.
"""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

from basestone.core.artifact import write_json


def watch(record: Path, command: list[str]) -> int:
    """Runs the command, its output appended to the log beside ``record``; returns its exit code (128 + signal)."""
    held = json.loads(record.read_text())
    with record.with_suffix(".alive").open("w") as alive, record.with_suffix(".log").open("ab") as log:
        fcntl.flock(alive, fcntl.LOCK_EX)
        log.write(f"$ {shlex.join(held['command'])}\n".encode())
        log.flush()
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

        def pass_on(number: int, frame: FrameType | None) -> None:
            child.send_signal(number)

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, pass_on)
        write_json(record, {**held, "pid": os.getpid()})
        code = child.wait()
        code = code if code >= 0 else 128 - code
        write_json(record, {**held, "pid": os.getpid(), "exit_code": code, "ended": time.time()})
    return code


if __name__ == "__main__":
    sys.exit(watch(Path(sys.argv[1]), sys.argv[2:]))
