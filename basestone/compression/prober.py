"""A candidate in a process of its own, asked over pipes: whatever it does to itself, the caller learns of it.

One JSON object a line each way. The child is ``python -m basestone.lifecycle.probe``.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

LIMIT_S = 600.0  # for one question: a compilation may take minutes


class ProbeFailed(Exception):
    """The child died, hung, or said what went wrong."""


class Prober:
    """``with Prober(request) as prober: prober.ask({"do": "time", ...})``; the child is stopped on leaving."""

    def __init__(self, request: Mapping[str, Any], errors: Path, command: list[str] | None = None) -> None:
        """``request`` tells the child which variant to load; its standard error goes to the file ``errors``."""
        self.errors = errors
        self.request = dict(request)
        self.command = command or [sys.executable, "-m", "basestone.lifecycle.probe"]

    def __enter__(self) -> Self:
        """Starts the child and lets it load the model."""
        environment = os.environ | {"TORCHINDUCTOR_COMPILE_THREADS": "1"}
        with self.errors.open("w") as errors:
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": errors}
            self._child = subprocess.Popen(self.command, **pipes, text=True, env=environment)
        try:
            self.ask(self.request)
        except ProbeFailed:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops the child."""
        self._stop()

    def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """The child's answer; ProbeFailed with the reason when there is none."""
        pipe_in, pipe_out = self._child.stdin, self._child.stdout
        assert pipe_in is not None
        assert pipe_out is not None
        watchdog = threading.Timer(LIMIT_S, self._child.kill)
        watchdog.start()
        try:
            pipe_in.write(json.dumps(question) + "\n")
            pipe_in.flush()
            line = pipe_out.readline()
        except BrokenPipeError:
            line = ""
        finally:
            watchdog.cancel()
        if not line:
            raise ProbeFailed(self._obituary())
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ProbeFailed(str(answer["error"]))
        return answer

    def _stop(self) -> None:
        if self._child.poll() is None:
            self._child.terminate()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        try:
            self._child.wait(10)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def _obituary(self) -> str:
        code = self._child.wait()
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        last = self.errors.read_text(errors="replace").strip().splitlines()[-1:]
        return f"the process ended with {how}" + (f": {last[0]}" if last else "")
