"""Requests in, batches out: whatever waits while the model is busy goes to it together, and nothing waits for company.

So a single caller is answered at once, and sixteen share batches. The queue is bounded by time, not by a number: it
holds what the model, at the pace measured lately, can answer within ``longest_wait_s``. Whoever comes beyond that is
told when to come again, instead of waiting for an answer that would come too late.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
PACE = 0.2  # weight of the newest batch in the measured pace


class Full(Exception):
    """The queue holds all that can be answered in time; ``retry_after_s`` is when there will be room."""

    def __init__(self, retry_after_s: float) -> None:
        """Seconds from now."""
        self.retry_after_s = retry_after_s
        super().__init__(f"the queue is full; there will be room in {retry_after_s:.1f} s")


class Expired(Exception):
    """The request's deadline passed before the model got to it."""


@dataclass(eq=False)
class _Waiting:
    samples: Array
    deadline: float
    counts: bool = True  # among what waits: not yet taken, and nobody left
    answer: asyncio.Future[Array] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def fits(self, other: _Waiting) -> bool:
        return self.samples.shape[1:] == other.samples.shape[1:] and self.samples.dtype == other.samples.dtype


class Batcher:
    """``await submit(samples, deadline)``; one batch at a time goes to ``run``."""

    def __init__(
        self,
        run: Callable[[Array], Awaitable[Array]],
        *,
        max_batch: int = 32,
        longest_wait_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``run`` turns N×… samples into N×K logits and is never called twice at once."""
        self._run, self.max_batch, self.longest_wait_s, self.clock = run, max_batch, longest_wait_s, clock
        self._queue: deque[_Waiting] = deque()
        self.depth = 0  # samples that wait
        self._wake = asyncio.Event()
        self._per_sample_s: float | None = None
        self._task: asyncio.Task[None] | None = None
        self.batch_sizes: deque[int] = deque(maxlen=1000)

    def start(self) -> None:
        """Begins to work on what is submitted; in a running event loop."""
        self._task = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Ends the work; what waits is cancelled."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.fail(asyncio.CancelledError())

    def fail(self, error: BaseException) -> None:
        """Answers all that waits with ``error``: the model was stopped or lost."""
        while self._queue:
            waiting = self._pop()
            if not waiting.answer.done():
                waiting.answer.cancel() if isinstance(error, asyncio.CancelledError) else waiting.answer.set_exception(
                    error
                )

    @property
    def expected_wait_s(self) -> float:
        """How long one more sample would wait at the pace measured lately; 0 before anything was measured."""
        return self.depth * (self._per_sample_s or 0.0)

    def refuse_if_full(self) -> None:
        """Full, when the queue holds all that can be answered in time. Cheap: asked before a body is even read."""
        if len(self._queue) > self.max_batch and self.expected_wait_s > self.longest_wait_s:
            raise Full(self.expected_wait_s)

    async def submit(self, samples: Array, deadline: float = math.inf) -> Array:
        """N×… samples to N×K logits. ``deadline``: by ``clock``.

        Raises:
            Full: at once, when the answer would come too late.
            Expired: the deadline passed while it waited.
        """
        if not 0 < len(samples) <= self.max_batch:
            raise ValueError(f"a request must hold 1 to {self.max_batch} samples; got {len(samples)}.")
        self.refuse_if_full()
        if self.clock() > deadline:
            raise Expired("the deadline had passed before the request was queued")
        waiting = _Waiting(samples, deadline)
        self._queue.append(waiting)
        self.depth += len(samples)
        self._wake.set()
        try:
            return await waiting.answer
        finally:
            self._count_out(waiting)

    def _pop(self) -> _Waiting:
        """The oldest that waits, waiting no more."""
        waiting = self._queue.popleft()
        self._count_out(waiting)
        return waiting

    def _count_out(self, waiting: _Waiting) -> None:
        if waiting.counts:
            waiting.counts, self.depth = False, self.depth - len(waiting.samples)

    async def _work(self) -> None:
        while True:
            await self._wake.wait()
            batch = self._next()
            if not batch:
                self._wake.clear()
                continue
            await self._answer(batch)

    def _next(self) -> list[_Waiting]:
        """The oldest requests that fit into one batch; whoever left or came too late is dropped on the way."""
        chosen: list[_Waiting] = []
        room = self.max_batch
        while self._queue:
            head = self._queue[0]
            if head.answer.done():
                self._pop()
            elif self.clock() > head.deadline:
                self._pop().answer.set_exception(Expired("the deadline passed while the request waited"))
            elif len(head.samples) > room or (chosen and not chosen[0].fits(head)):
                break
            else:
                chosen.append(self._pop())
                room -= len(head.samples)
        return chosen

    async def _answer(self, batch: list[_Waiting]) -> None:
        samples = batch[0].samples if len(batch) == 1 else np.concatenate([one.samples for one in batch])
        started = self.clock()
        try:
            logits = await self._run(samples)
        except asyncio.CancelledError:
            for waiting in batch:
                waiting.answer.cancel()
            raise
        except Exception as error:
            for waiting in batch:
                if not waiting.answer.done():
                    waiting.answer.set_exception(error)
            return
        self._measure((self.clock() - started) / len(samples), len(samples))
        place = 0
        for waiting in batch:
            if not waiting.answer.done():
                waiting.answer.set_result(logits[place : place + len(waiting.samples)])
            place += len(waiting.samples)

    def _measure(self, per_sample_s: float, size: int) -> None:
        before = self._per_sample_s
        self._per_sample_s = per_sample_s if before is None else (1 - PACE) * before + PACE * per_sample_s
        self.batch_sizes.append(size)
