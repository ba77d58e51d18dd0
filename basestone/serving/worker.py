"""The process that runs the model, seen from the server: started, asked, and killed when it must not answer any more.

Inference lives in a process of its own so that a stop can end it for certain, whatever the runtime is doing, and so
that a crash of the runtime costs the answers that it was computing and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from basestone.serving.frames import packed, receive

START_S = 180.0  # importing a runtime and compiling a model
ANSWER_S = 60.0  # one batch; a process that takes longer is taken for hung


class WorkerLost(Exception):
    """The process died, hung, or was halted before it answered."""


class Worker:
    """One child process; one question at a time, which the batcher sees to."""

    def __init__(self, command: Sequence[str], request: Mapping[str, Any], errors: Path) -> None:
        """``command`` starts the child, ``request`` tells it what to load, its standard error goes to ``errors``."""
        self._command, self._request, self._errors = list(command), dict(request), errors
        self._child: asyncio.subprocess.Process | None = None
        self.described: dict[str, Any] = {}

    @property
    def pid(self) -> int | None:
        """The process, while it runs."""
        return self._child.pid if self._child and self._child.returncode is None else None

    async def start(self) -> dict[str, Any]:
        """Starts the child and waits until the model is loaded and warm; what it says of itself.

        Raises:
            WorkerLost: it could not load the model; the message is its last line.
        """
        pipe = asyncio.subprocess.PIPE
        with self._errors.open("w") as errors:
            self._child = await asyncio.create_subprocess_exec(*self._command, stdin=pipe, stdout=pipe, stderr=errors)
        self.described, _ = await self._ask(packed(self._request), START_S)
        return self.described

    async def predict(self, batch: NDArray[Any]) -> NDArray[Any]:
        """N×… inputs to N×K float32 logits; WorkerLost when there is no answer."""
        _, logits = await self._ask(packed({}, batch), ANSWER_S)
        assert logits is not None
        return logits

    async def halt(self) -> None:
        """Kills the child and waits until the system says that it is gone; nothing to do where there is none."""
        if self._child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._child.pid, signal.SIGKILL) if self._child.returncode is None else None
        await self._child.wait()

    async def _ask(self, frame: bytes, limit_s: float) -> tuple[dict[str, Any], NDArray[Any] | None]:
        child = self._child
        if child is None or child.stdin is None or child.stdout is None or child.returncode is not None:
            raise WorkerLost("no process is running the model")
        try:
            async with asyncio.timeout(limit_s):
                child.stdin.write(frame)
                await child.stdin.drain()
                header, array = await receive(child.stdout)
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError) as error:
            await self.halt()
            raise WorkerLost(self._obituary(child.returncode, isinstance(error, TimeoutError))) from error
        if "error" in header:
            raise WorkerLost(str(header["error"]))
        return header, array

    def _obituary(self, code: int | None, hung: bool) -> str:
        how = "did not answer in time" if hung else f"ended with code {code}"
        last = self._errors.read_text(errors="replace").strip().splitlines()[-1:] if self._errors.exists() else []
        return f"the process that runs the model {how}" + (f": {last[0]}" if last else "")
