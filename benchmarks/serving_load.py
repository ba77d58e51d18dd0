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


async def overload(make: Make, rate: float, seconds: float) -> Flood:
    """Requests are sent when they are due, each on a connection that is free or new."""
    rng, started, idle = np.random.default_rng(0), time.perf_counter(), list[Caller]()
    due = np.cumsum(rng.exponential(1 / rate, int(rate * seconds)))
    found, late, failures = list[tuple[int, float]](), list[float](), Counter[str]()

    async def one(at: float) -> None:
        await asyncio.sleep(max(0.0, started + at - time.perf_counter()))
        late.append(time.perf_counter() - started - at)
        caller = idle.pop() if idle else make()
        try:
            status = await asyncio.wait_for(caller.ask(), PATIENCE_S)
            idle.append(caller)
        except (TimeoutError, OSError, asyncio.IncompleteReadError) as error:
            status = 0
            failures[repr(error)[:80]] += 1
        found.append((status, time.perf_counter() - started - at))

    await asyncio.gather(*(one(float(at)) for at in due))
    wall = time.perf_counter() - started
    for caller in idle:
        caller.close()
    statuses = Counter(status for status, _ in found)
    return Flood(
        offered_per_s=len(due) / float(due[-1]),
        answered_per_s=statuses[200] / wall,
        statuses=dict(statuses),
        failures=dict(failures.most_common(5)),
        slowest_answer_s=max((took for status, took in found if status == 200), default=0.0),
        slowest_refusal_s=max((took for status, took in found if status != 200), default=0.0),
        sender_late_s=max(late),
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
