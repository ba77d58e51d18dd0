"""The process that runs the model, seen from the server: born, asked, and killed when it must not answer any more.

Inference lives in a process of its own so that a stop can end it for certain, whatever the runtime is doing, and so
that a crash of the runtime costs the answers that it was computing and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import Any

from numpy.typing import NDArray

from basestone.serving.frames import Frame, packed, receive
from basestone.serving.nursery import Nursery, NurseryLost, is_running

LOAD_S = 180.0  # loading, compiling and warming up a model
ANSWER_S = 60.0  # one batch; a process that takes longer is taken for hung
GONE_S = 0.005  # between two looks at whether a killed process is gone


class WorkerLost(Exception):
    """The process died, hung, or was halted before it answered."""


class Worker:
    """One process of the nursery; one question at a time, which the batcher sees to."""

    def __init__(self, nursery: Nursery) -> None:
        """Nothing is started yet."""
        self._nursery = nursery
        self._pid: int | None = None
        self._halted = False
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self.described: dict[str, Any] = {}

    @property
    def pid(self) -> int | None:
        """The process, as long as it was not lost."""
        return None if self._halted else self._pid

    async def start(self) -> None:
        """Waits until the model is loaded and warm; ``described`` is then what the process says of itself.

        Raises:
            WorkerLost: it could not load the model, or was halted meanwhile.
        """
        try:
            self._pid, sock = await self._nursery.born()
        except NurseryLost as error:
            raise WorkerLost(str(error)) from error
        self._reader, self._writer = await asyncio.open_unix_connection(sock=sock)
        if self._halted:
            await self.halt()
            raise WorkerLost("the process was halted before it had loaded the model")
        self.described, _ = await self._answer(LOAD_S)

    async def predict(self, batch: NDArray[Any]) -> NDArray[Any]:
        """N×… inputs to N×K float32 logits; WorkerLost when there is no answer."""
        if self.pid is None or self._writer is None:
            raise WorkerLost("no process is running the model")
        self._writer.write(packed({}, batch))
        _, logits = await self._answer(ANSWER_S)
        assert logits is not None
        return logits

    async def halt(self) -> None:
        """Kills the process and waits until the system says that it is gone; it can never answer again."""
        self._halted = True
        if self._pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        while is_running(self._pid):
            await asyncio.sleep(GONE_S)
        if self._writer is not None:
            self._writer.close()

    async def _answer(self, limit_s: float) -> Frame:
        assert self._reader is not None
        try:
            async with asyncio.timeout(limit_s):
                header, array = await receive(self._reader)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            await self.halt()
            raise WorkerLost(f"the process that runs the model ended {self._nursery.last_words}".strip()) from error
        except TimeoutError as error:
            await self.halt()
            raise WorkerLost(f"the process that runs the model did not answer within {limit_s:g} s") from error
        if "error" in header:
            raise WorkerLost(str(header["error"]))
        return header, array
