"""Our server beside a bare ASGI function, KServe's ModelServer and LitServe, on the same model, on loopback.

    python benchmarks/bench_serving.py RUN [--rounds 9] [--without litserve]

One caller: the median time of a request, and what each side adds to the bare function's in the same round. Sixteen
callers: answers a second. Overload, ours alone: an open loop at twice its own peak; answers a second by that peak, what
became of the rest, and the server's memory before and after.

Only ours checks what it is sent, judges whether it knows, writes each decision into a chained log, and runs the model
in a process that can be killed; the times are with all of that.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from basestone.core.artifact import read_json
from basestone.core.run import RunFolder
from basestone.lifecycle.standing import standing
from side_by_side import alternate, folder_of, options, publish, ratio_chart, ratios, spread, table

PEERS = ("asgi", "kserve", "litserve")
OURS, BARE = "ours", "asgi"
HERE = Path(__file__).parent
REQUESTS, CALLERS, PEAK_S, OVERLOAD_S = 60, 16, 2.0, 10.0


class Caller:
    """One kept-alive connection that sends the same request and reads the answer; as little client as possible."""

    def __init__(self, port: int, path: str, body: bytes) -> None:
        """Not yet connected."""
        lines = (f"POST {path} HTTP/1.1", "host: 127.0.0.1", "content-type: application/json")
        self.port = port
        self.request = "\r\n".join((*lines, f"content-length: {len(body)}", "", "")).encode() + body

    async def open(self) -> None:
        """Connects."""
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)

    async def ask(self) -> int:
        """The status of one answer."""
        self.writer.write(self.request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        lines = head.decode().lower().split("\r\n")
        length = next(int(line[15:]) for line in lines if line.startswith("content-length:"))
        await self.reader.readexactly(length)
        return int(lines[0].split()[1])

    def close(self) -> None:
        """Hangs up."""
        self.writer.close()


@contextlib.contextmanager
def process(command: list[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A server, listening."""
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(command, stdout=log, stderr=log, cwd=HERE)
        try:
            for _ in range(3000):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                if child.poll() is not None:
                    log.seek(0)
                    raise SystemExit(f"{command} ended: {log.read().decode()[-2000:]}")
                time.sleep(0.1)
            yield child
        finally:
            child.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(15)
            child.kill()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


async def one_caller(caller: Caller) -> float:
    """The median seconds of a request."""
    await caller.open()
    seconds = []
    for _ in range(REQUESTS):
        started = time.perf_counter()
        status = await caller.ask()
        assert status == 200, status
        seconds.append(time.perf_counter() - started)
    caller.close()
    return float(np.median(seconds))


async def many_callers(make: Any, seconds: float) -> float:
    """Answers a second of ``CALLERS`` who ask without a pause."""
    count, ends = 0, time.perf_counter() + seconds

    async def call() -> None:
        nonlocal count
        caller = make()
        await caller.open()
        while time.perf_counter() < ends:
            count += await caller.ask() == 200
        caller.close()

    await asyncio.gather(*(call() for _ in range(CALLERS)))
    return count / seconds


async def overload(make: Any, rate: float, seconds: float) -> dict[str, Any]:
    """An open loop: requests are sent when they are due, each on a connection that is free or new."""
    rng, started, idle = np.random.default_rng(0), time.perf_counter(), list[Caller]()
    due = np.cumsum(rng.exponential(1 / rate, int(rate * seconds)))
    found: list[tuple[int, float]] = []

    async def one(at: float) -> None:
        await asyncio.sleep(max(0.0, started + at - time.perf_counter()))
        caller = idle.pop() if idle else make()
        if not hasattr(caller, "writer"):
            await caller.open()
        try:
            status = await asyncio.wait_for(caller.ask(), 30)
            idle.append(caller)
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            status = 0
        found.append((status, time.perf_counter() - started - at))

    await asyncio.gather(*(one(float(at)) for at in due))
    for caller in idle:
        caller.close()
    statuses = Counter(status for status, _ in found)
    slowest = max(seconds for status, seconds in found if status == 200)
    wall = time.perf_counter() - started
    return {"offered_per_s": rate, "answered_per_s": statuses[200] / wall, "statuses": statuses, "slowest_s": slowest}


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def main() -> None:
    parser = options(__doc__, rounds=9)
    parser.add_argument("run", help="a run folder whose model is served")
    parser.add_argument("--without", nargs="*", default=[], choices=PEERS)
    asked = parser.parse_args()
    rounds = 2 if asked.quick else asked.rounds
    shape = _shape(asked.run)
    data = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    tensor = {"name": "image", "shape": [1, *shape], "datatype": "UINT8", "data": data.ravel().tolist()}
    body = json.dumps({"inputs": [tensor]}).encode()
    with contextlib.ExitStack() as stack, tempfile.TemporaryDirectory(prefix="serving-") as state:
        ports: dict[str, tuple[int, str]] = {}
        for name in (peer for peer in PEERS if peer not in asked.without):
            port = free_port()
            stack.enter_context(process([sys.executable, "serving_peers.py", name, asked.run, str(port)], port))
            ports[name] = port, "/v2/models/model/infer"
        words = ["--port", "0", "--state", state, "--name", "model", "--allow-unproven", "a benchmark of the server"]
        command = [sys.executable, "-m", "basestone.cli", "serve", str(Path(asked.run).resolve()), *words]
        child = stack.enter_context(_ours(command, Path(state)))
        port = int(urlsplit(read_json(Path(state) / "server.json")["url"]).port or 0)
        ports[OURS] = port, "/v2/models/model/infer"

        def make(name: str) -> Caller:
            return Caller(*ports[name], body)

        singles = alternate({name: lambda name=name: asyncio.run(one_caller(make(name))) for name in ports}, rounds)
        many = {name: lambda name=name: 1 / asyncio.run(many_callers(lambda: make(name), PEAK_S)) for name in ports}
        crowds = alternate(many, rounds)
        peak = 1 / float(np.median(crowds[OURS]))
        before = resident_bytes(child.pid)
        flood = asyncio.run(overload(lambda: make(OURS), 2 * peak, 2.0 if asked.quick else OVERLOAD_S))
        flood |= {
            "goodput_over_peak": flood["answered_per_s"] / peak,
            "grown_bytes": resident_bytes(child.pid) - before,
        }
    added = {name: spread([1e3 * (a - b) for a, b in zip(singles[name], singles[BARE], strict=True)]) for name in ports}
    times = {name: spread([1e3 * value for value in values]) for name, values in singles.items()}
    table("one caller, median of a request", "ms", times, ratios(singles, BARE), BARE)
    rates = {name: spread([1 / value for value in values]) for name, values in crowds.items()}
    table(f"{CALLERS} callers", "answers/s", rates, ratios(crowds, BARE), BARE)
    print({name: f"{found.median:+.2f} ms" for name, found in added.items()}, flood, file=sys.stderr)
    chart = ratio_chart(
        ratios(crowds, BARE), "Sixteen callers", ("time ÷ bare ASGI function (left is faster)", "server"), "in turn"
    )
    found = {"added_ms": added, "one_caller_s": singles, "seconds_an_answer_at_16": crowds, "overload": flood}
    publish("serving", found, chart, folder_of(asked))


@contextlib.contextmanager
def _ours(command: list[str], state: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (state / "log").open("w") as log:
        child = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            for _ in range(3000):
                notice = state / "server.json"
                if notice.exists() and read_json(notice).get("worker_pid"):
                    break
                if child.poll() is not None:
                    raise SystemExit((state / "log").read_text()[-2000:])
                time.sleep(0.1)
            yield child
        finally:
            child.terminate()
            child.wait(30)


def _shape(run: str) -> tuple[int, ...]:
    folder = RunFolder(Path(run))
    spec = read_json(folder.stage(standing(folder).subject.stage) / "model.json")["spec"]
    return spec["channels"], spec["height"], spec["width"]


if __name__ == "__main__":
    main()
