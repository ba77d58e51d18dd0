"""The process that runs the model, seen from the server: born, asked, and killed when it must not answer any more.

Inference lives in a process of its own so that a stop can end it for certain, whatever the runtime is doing, and so
that a crash of the runtime costs the answers that it was computing and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections import deque
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from basestone.serving.frames import Frame, packed, taken
from basestone.serving.nursery import Nursery, NurseryLost, is_running

LOAD_S = 180.0  # loading, compiling and warming up a model
ANSWER_S = 60.0  # one batch; a process that takes longer is taken for hung
GONE_S = 0.005  # between two looks at whether a killed process is gone


class WorkerLost(Exception):
    """The process died, hung, or was halted before it answered."""


class Line(asyncio.Protocol):
    """The connection to one process: questions are answered in the order in which they were put.

    Whoever no longer waits for an answer is passed over when it comes, so that giving up disturbs nobody else.
    """

    def __init__(self) -> None:
        """Connected by the event loop, in which it is made; ``greeting`` is what the process says unasked, first."""
        self.greeting: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._held, self._waiting = bytearray(), deque([self.greeting])
        self._transport: Any = None

    @classmethod
    async def over(cls, sock: socket.socket) -> Line:
        """A line over a connected socket."""
        return (await asyncio.get_running_loop().create_unix_connection(cls, sock=sock))[1]

    def ask(self, question: bytes) -> asyncio.Future[Frame]:
        """The answer to come; it fails with ConnectionError when nobody is there any more."""
        answer: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._waiting.append(answer)
        if self._transport.is_closing():
            self.connection_lost(None)
        else:
            self._transport.write(question)
        return answer

    def close(self) -> None:
        """Hangs up."""
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        self._held += data
        while (frame := taken(self._held)) is not None:
            answer = self._waiting.popleft()
            if not answer.done():
                answer.set_result(frame)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop."""
        while self._waiting:
            if not (answer := self._waiting.popleft()).done():
                answer.set_exception(ConnectionResetError())
                answer.exception()  # or asyncio complains where nobody waits any more


class Worker:
    """One process of the nursery."""

    def __init__(self, nursery: Nursery) -> None:
        """Nothing is started yet."""
        self._nursery = nursery
        self._pid: int | None = None
        self._halted = False
        self._line: Line | None = None
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
        self._line = await Line.over(sock)
        if self._halted:
            await self.halt()
            raise WorkerLost("the process was halted before it had loaded the model")
        self.described, _ = await self._answer(self._line.greeting, LOAD_S)

    async def predict(self, batch: NDArray[Any]) -> NDArray[Any]:
        """N×… inputs to N×K float32 logits; WorkerLost when there is no answer."""
        _, logits = await self.ask({}, batch)
        assert logits is not None
        return logits

    async def ask(self, header: Mapping[str, Any], array: NDArray[Any] | None = None) -> Frame:
        """One question and its answer; WorkerLost when there is none."""
        if self.pid is None or self._line is None:
            raise WorkerLost("no process is running the model")
        return await self._answer(self._line.ask(packed(header, array)), ANSWER_S)

    async def halt(self) -> None:
        """Kills the process and waits until the system says that it is gone; it can never answer again."""
        self._halted = True
        if self._pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        while is_running(self._pid):
            await asyncio.sleep(GONE_S)
        if self._line is not None:
            self._line.close()

    async def _answer(self, answer: asyncio.Future[Frame], limit_s: float) -> Frame:
        try:
            async with asyncio.timeout(limit_s):
                header, array = await answer
        except ConnectionError as error:
            await self.halt()
            raise WorkerLost(f"the process that runs the model ended {self._nursery.last_words}".strip()) from error
        except TimeoutError as error:
            await self.halt()
            raise WorkerLost(f"the process that runs the model did not answer within {limit_s:g} s") from error
        if "error" in header:
            raise WorkerLost(str(header["error"]))
        return header, array
