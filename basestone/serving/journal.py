"""The only thread that touches the log's file: the server hands it work and goes on serving.

What waits is written in the order in which it came. Whoever needs to know that it is written awaits it. Answers that
are ready at the same time share one transaction, and one way to the thread and back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from basestone.core.artifact import sync
from basestone.core.evidence import canonical_json
from basestone.serving.review import Answer, ReviewQueue

T = TypeVar("T")
Sign = Callable[[dict[str, Any]], dict[str, Any]]
Waiting = tuple[Answer, "asyncio.Future[None]"]
ANCHOR_EVERY = 500  # rows


class Journal:
    """``await journal(work)`` runs ``work(queue)`` in the thread that owns the review queue."""

    def __init__(self, open_queue: Callable[[], ReviewQueue], anchors: Path, sign: Sign | None) -> None:
        """``sign`` makes a signed statement of the log's head; ``anchors`` is the file that collects them."""
        self._thread = ThreadPoolExecutor(1, "journal")
        self._anchors, self._sign, self._anchored = anchors, sign, -ANCHOR_EVERY  # signs what it finds
        self._waiting = list[Waiting]()
        self.queue = self._thread.submit(open_queue).result()

    async def __call__(self, work: Callable[[ReviewQueue], T]) -> T:
        """What ``work`` returns or raises."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, work)

    async def file(self, answer: Answer) -> None:
        """Returns when the answer is written down, together with all that are ready by the loop's next turn."""
        loop = asyncio.get_running_loop()
        written: asyncio.Future[None] = loop.create_future()
        self._waiting.append((answer, written))
        if len(self._waiting) == 1:
            loop.call_soon(self._file, loop)
        await written

    def _file(self, loop: asyncio.AbstractEventLoop) -> None:
        waiting, self._waiting = self._waiting, []
        answers = [answer for answer, _ in waiting]
        done = self._thread.submit(self._run, lambda queue: queue.file(answers))
        done.add_done_callback(lambda done: loop.call_soon_threadsafe(_settle, done, waiting))

    def _run(self, work: Callable[[ReviewQueue], T]) -> T:
        done = work(self.queue)
        if self.queue.log.written >= self._anchored + ANCHOR_EVERY:
            self._anchor()
        return done

    def _anchor(self) -> None:
        self._anchored, head = self.queue.log.written, self.queue.log.head
        if self._sign is None or head["seq"] == 0:
            return
        with self._anchors.open("ab") as file:
            file.write(canonical_json(self._sign(head)) + b"\n")
        sync(self._anchors)

    async def anchor(self) -> None:
        """Signs the head as it is now."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._anchor)

    def close(self) -> None:
        """Signs the head and closes the file, when all that waits is written."""
        self._thread.submit(self._anchor).result()
        self._thread.submit(self.queue.close).result()
        self._thread.shutdown()


def _settle(done: Future[None], waiting: list[Waiting]) -> None:
    """Tells those who still wait."""
    for _, written in waiting:
        if written.done():
            continue
        if (error := done.exception()) is None:
            written.set_result(None)
        else:
            written.set_exception(error)
