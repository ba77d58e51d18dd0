"""Those who ask in ``bench_serving.py``: one caller, many, more than can be answered, and some for many minutes."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

PATIENCE_S = 30.0  # after which a request counts as hanging
SAMPLE_S = 5.0  # between two looks at the memory
PAGE = 4096


class Caller:
    """One kept-alive connection that sends the same request and reads the answer; as little client as possible."""

    def __init__(self, port: int, path: str, body: bytes) -> None:
        """Not yet connected."""
        lines = (f"POST {path} HTTP/1.1", "host: 127.0.0.1", "content-type: application/json")
        self.port = port
        self.request = "\r\n".join((*lines, f"content-length: {len(body)}", "", "")).encode() + body
        self.connected = False

    async def ask(self) -> int:
        """The status of one answer."""
        if not self.connected:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
            self.connected = True
        self.writer.write(self.request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        lines = head.decode().lower().split("\r\n")
        length = next(int(line[15:]) for line in lines if line.startswith("content-length:"))
        await self.reader.readexactly(length)
        return int(lines[0].split()[1])

    def close(self) -> None:
        """Hangs up."""
        if self.connected:
            self.writer.close()


Make = Callable[[], Caller]


async def awake(make: Make, limit_s: float = 180.0) -> None:
    """Waits until a server answers 200; some listen long before they can."""
    started, found = time.perf_counter(), "nothing"
    while time.perf_counter() - started < limit_s:
        caller = make()
        try:
            found = await asyncio.wait_for(caller.ask(), 20)
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            found = repr(error)
        caller.close()
        if found == 200:
            return
        await asyncio.sleep(0.2)
    raise SystemExit(f"port {make().port} did not answer within {limit_s:g} s: {found}")


async def one_caller(make: Make, requests: int) -> list[float]:
    """The seconds of each of so many requests, one after the other."""
    caller, seconds = make(), list[float]()
    for _ in range(requests):
        started = time.perf_counter()
        status = await caller.ask()
        seconds.append(time.perf_counter() - started)
        assert status == 200, status
    caller.close()
    return seconds


async def many_callers(make: Make, callers: int, seconds: float) -> float:
    """Answers a second of those who ask without a pause."""
    started = time.perf_counter()

    async def call() -> int:
        caller, answered = make(), 0
        while time.perf_counter() < started + seconds:
            status = await caller.ask()
            answered += status == 200
        caller.close()
        return answered

    return sum(await asyncio.gather(*(call() for _ in range(callers)))) / (time.perf_counter() - started)


@dataclass(frozen=True, kw_only=True)
class Flood:
    """What became of an open loop: 200s a second, how many ended how (0: never), the slowest answer and refusal.

    ``failures``: why some never ended. Times count from when a request was due. ``sender_late_s``: how late the sender
    itself was at worst; where that is most of the times above, the sender was short of CPU, not the server.
    """

    offered_per_s: float
    answered_per_s: float
    statuses: dict[int, int]
    failures: dict[str, int]
    slowest_answer_s: float
    slowest_refusal_s: float
    sender_late_s: float


class Line(asyncio.Protocol):
    """One connection of an open loop; cheap, as it shares the machine with the server that it asks.

    ``done(line, status, seconds)`` when an answer is whole; status 0 when the connection ended before.
    """

    def __init__(self, request: bytes, done: Callable[[Line, int, float], object], due: float) -> None:
        """Not yet connected; ``due``: when its first request should have been sent, by ``perf_counter``."""
        self._request, self._done = request, done
        self._transport: Any = None
        self._held = b""
        self._due: float | None = due  # of the request under way

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asks at once."""
        self._transport = transport
        self._transport.write(self._request)

    def ask(self, due: float) -> None:
        """The next request."""
        self._due = due
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Part of an answer."""
        self._held += data
        head, found, body = self._held.partition(b"\r\n\r\n")
        if found and len(body) == int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]):
            self._held = b""
            self._end(int(head[9:12]))

    def connection_lost(self, exc: Exception | None) -> None:
        """The server, or the end."""
        self._end(0)

    def close(self) -> None:
        """Hangs up."""
        self._due = None
        if self._transport is not None:
            self._transport.close()

    def _end(self, status: int) -> None:
        if self._due is not None:
            seconds, self._due = time.perf_counter() - self._due, None
            self._done(self, status, seconds)


class Crowd:
    """The lines of an open loop, and what became of the requests: status and seconds of each."""

    def __init__(self, caller: Caller) -> None:
        """``caller``: whom they are like."""
        self._caller = caller
        self._lines, self._idle, self._opening = list[Line](), list[Line](), list[asyncio.Task[Any]]()
        self.found, self.failures = list[tuple[int, float]](), Counter[str]()

    def ask(self, due: float) -> None:
        """A request on a line that is free or new."""
        if self._idle:
            self._idle.pop().ask(due)
            return
        line = Line(self._caller.request, self._done, due)
        opened = asyncio.get_running_loop().create_connection(lambda: line, "127.0.0.1", self._caller.port)
        self._lines.append(line)
        self._opening.append(asyncio.ensure_future(opened))

    def _done(self, line: Line, status: int, took: float) -> None:
        self.found.append((status if took < PATIENCE_S else 0, took))
        self._idle += [line] if status else []
        self.failures.update([] if status else ["the connection ended"])

    async def end(self, asked: int) -> None:
        """When so many have their answer, or nobody waits any longer."""
        limit = time.perf_counter() + PATIENCE_S
        while len(self.found) < asked and time.perf_counter() < limit:
            await asyncio.sleep(0.01)

    async def leave(self) -> None:
        """Hangs up."""
        for one in await asyncio.gather(*self._opening, return_exceptions=True):
            self.failures.update([repr(one)[:80]] if isinstance(one, BaseException) else [])
        for line in self._lines:
            line.close()


async def overload(make: Make, rate: float, seconds: float) -> Flood:
    """Requests are sent when they are due, whatever became of those before."""
    crowd, late = Crowd(make()), 0.0
    due = np.cumsum(np.random.default_rng(0).exponential(1 / rate, int(rate * seconds)))
    started = time.perf_counter()
    for place, at in enumerate(map(float, started + due)):
        if (wait := at - time.perf_counter()) > 0 or place % 16 == 0:
            await asyncio.sleep(max(0.0, wait))
        late = max(late, time.perf_counter() - at)
        crowd.ask(at)
    await crowd.end(len(due))
    wall = time.perf_counter() - started
    await crowd.leave()
    statuses = Counter(status for status, _ in crowd.found) + Counter({0: len(due) - len(crowd.found)})
    return Flood(
        offered_per_s=len(due) / float(due[-1]),
        answered_per_s=statuses[200] / wall,
        statuses=dict(statuses),
        failures=dict(crowd.failures.most_common(5)),
        slowest_answer_s=max((took for status, took in crowd.found if status == 200), default=0.0),
        slowest_refusal_s=max((took for status, took in crowd.found if status == 429), default=0.0),
        sender_late_s=late,
    )


async def soak(make: Make, callers: int, seconds: float, pids: Callable[[], list[int]]) -> dict[str, Any]:
    """Resident memory of a server's processes while some callers ask without a pause; slope by least squares.

    The first fifth is left out: caches fill up, and allocators keep what they once had.
    """
    asking = asyncio.create_task(many_callers(make, callers, seconds))
    started, seen = time.perf_counter(), list[tuple[float, float]]()
    while not asking.done():
        await asyncio.wait([asking], timeout=min(SAMPLE_S, seconds / 20))
        seen.append((time.perf_counter() - started, sum(map(resident_bytes, pids())) / 2**20))
    late = np.array([one for one in seen if one[0] >= seconds / 5 and one[0] <= seconds])
    slope = float(np.polyfit(late[:, 0] / 60, late[:, 1], 1)[0]) if len(late) > 1 else 0.0
    return {
        "minutes": seconds / 60,
        "answers": round((await asking) * seconds),
        "first_mib": round(float(late[0, 1]), 1),
        "last_mib": round(float(late[-1, 1]), 1),
        "most_mib": round(float(late[:, 1].max()), 1),
        "mib_a_minute": round(slope, 3),
    }


def resident_bytes(pid: int) -> int:
    """Of one process; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except FileNotFoundError:
        return 0
