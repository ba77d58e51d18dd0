"""The process that runs the model, kept alive and kept in check: replaced when it is lost, killed when it must stop."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from numpy.typing import NDArray

from basestone.serving.frames import Frame
from basestone.serving.journal import Journal
from basestone.serving.metrics import Metrics
from basestone.serving.nursery import Nursery
from basestone.serving.protocol import Refusal
from basestone.serving.stop import POLL_S, Stop, Switch
from basestone.serving.worker import Worker, WorkerLost

RESTART_S = 1.0  # after which a lost worker is started again, doubled each time up to a minute


class Keeper:
    """One worker as long as the switch allows it, none while it is on."""

    def __init__(
        self,
        nursery: Nursery,
        switch: Switch,
        journal: Journal,
        metrics: Metrics,
        *,
        on_worker: Callable[[int | None], object],
        on_stop: Callable[[], Awaitable[object]],
    ) -> None:
        """``on_worker`` hears of each new process's number; ``on_stop`` ends what else infers, or waits for it."""
        self.switch, self._nursery, self._journal, self._metrics = switch, nursery, journal, metrics
        self._on_worker, self._on_stop = on_worker, on_stop
        self.worker: Worker | None = None
        self.stopped: Stop | None = None
        self._starting: Worker | None = None
        self._changed, self._looking = asyncio.Event(), asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begins; in a running event loop."""
        self._tasks = [asyncio.create_task(duty) for duty in (self._watch_switch(), self._keep_worker())]

    async def close(self) -> None:
        """Ends, and the process with it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.worker:
            await self.worker.halt()
        self._nursery.close()

    @property
    def ready(self) -> bool:
        """Whether a question would be answered now."""
        return self.stopped is None and self.worker is not None and self.worker.pid is not None

    async def ask(self, question: Mapping[str, Any], array: NDArray[Any] | None) -> Frame:
        """One question to the model's process; WorkerLost when it has no answer."""
        if self.stopped is not None or self.worker is None:
            raise WorkerLost("no process is running the model")
        return await self.worker.ask(question, array)

    def require_answering(self) -> None:
        """Refusal 503 while the service is stopped or the model is not loaded."""
        if self.stopped is not None:
            raise Refusal(503, f"The service was stopped by {self.stopped.by}: {self.stopped.reason}")
        if not self.ready:
            raise Refusal(503, "The model is not loaded yet. Try again.", {"Retry-After": "1"})

    async def stop(self, by: str, reason: str) -> float:
        """Turns the switch and waits until inference has ceased; the seconds that it took."""
        started = time.monotonic()
        await asyncio.to_thread(self.switch.stop, by, reason)
        await self._look_at_switch()
        return time.monotonic() - started

    async def release(self, by: str, reason: str) -> None:
        """Lets the service answer again."""
        await self._journal(lambda queue: queue.log.append("released", {"by": by, "reason": reason}))
        self.switch.release()
        await self._look_at_switch()

    def look(self) -> None:
        """Makes the service look at its switch now."""
        self._changed.set()

    async def _watch_switch(self) -> None:
        """Looks at the file again and again; a signal makes it look at once."""
        while True:
            await self._look_at_switch()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), POLL_S)
            self._changed.clear()

    async def _look_at_switch(self) -> None:
        """Follows the file: a stop kills whatever infers, or is about to, before anything else happens."""
        async with self._looking:
            before, self.stopped = self.stopped, self.switch.read()
            found = self.stopped
            self._metrics.stopped.set(found is not None)
            if found is None or before is not None:
                return
            for worker in filter(None, (self.worker, self._starting)):
                await worker.halt()
            await self._on_stop()
            await self._journal(lambda queue: queue.log.append("stopped", {"by": found.by, "reason": found.reason}))

    async def _keep_worker(self) -> None:
        """Starts the worker, and again when it was lost; never while the service is stopped."""
        pause = RESTART_S
        while True:
            if self.stopped is not None or self.ready:
                await asyncio.sleep(0.05)
            elif await self._replace_worker():
                pause = RESTART_S
            else:
                await asyncio.sleep(pause)
                pause = min(60.0, 2 * pause)

    async def _replace_worker(self) -> bool:
        if self.worker:
            self._metrics.restarts.inc()
            await self.worker.halt()
        self.worker, self._starting = None, Worker(self._nursery)
        fresh = self._starting
        try:
            await fresh.start()
        except (WorkerLost, OSError) as error:
            why = str(error)
            await self._journal(lambda queue: queue.log.append("worker_failed", {"reason": why}))
            return False
        finally:
            self._starting = None
        if self.stopped is not None:
            await fresh.halt()
            return False
        self.worker = fresh
        self._on_worker(fresh.pid)
        await self._journal(lambda queue: queue.log.append("worker", fresh.described))
        return True
