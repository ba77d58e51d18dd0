"""The only thread that touches the log's file: the server hands it work and goes on serving.

What waits is written in the order in which it came. Whoever needs to know that it is written awaits it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from basestone.core.artifact import sync
from basestone.core.evidence import canonical_json
from basestone.serving.review import ReviewQueue

T = TypeVar("T")
Sign = Callable[[dict[str, Any]], dict[str, Any]]
ANCHOR_EVERY = 500  # rows


class Journal:
    """``await journal(work)`` runs ``work(queue)`` in the thread that owns the review queue."""

    def __init__(self, open_queue: Callable[[], ReviewQueue], anchors: Path, sign: Sign | None) -> None:
        """``sign`` makes a signed statement of the log's head; ``anchors`` is the file that collects them."""
        self._thread = ThreadPoolExecutor(1, "journal")
        self._anchors, self._sign, self._anchored = anchors, sign, 0
        self.queue = self._thread.submit(open_queue).result()

    async def __call__(self, work: Callable[[ReviewQueue], T]) -> T:
        """What ``work`` returns or raises."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, work)

    def _run(self, work: Callable[[ReviewQueue], T]) -> T:
        done = work(self.queue)
        if self.queue.log.head["seq"] >= self._anchored + ANCHOR_EVERY:
            self._anchor()
        return done

    def _anchor(self) -> None:
        head = self.queue.log.head
        self._anchored = head["seq"]
        if self._sign is None:
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
