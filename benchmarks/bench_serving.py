"""Our server beside a bare ASGI function, KServe's ModelServer and LitServe, on the same model, on loopback.

    python benchmarks/bench_serving.py RUN [--rounds 9] [--minutes 10] [--without litserve]

One caller: the median time of a request, and what each side adds to the bare function's in the same round. Sixteen
callers: answers a second. Overload, ours alone: an open loop at twice its own peak, measured just before and after;
answers a second by that peak, and what became of the rest. Memory, ours alone: over ``--minutes`` of four callers.

Only ours checks what it is sent, judges whether it knows, writes each decision into a chained log, and runs the model
in a process that can be killed; the times are with all of that. LitServe is not among what this project installs but
with ``make bench``; ``pip install --no-deps --target DIR litserve pyzmq psutil`` and PYTHONPATH=DIR will do, too.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from basestone.core.artifact import read_json
from basestone.core.run import RunFolder
from basestone.lifecycle.drilled import subject_of
from basestone.lifecycle.standing import standing
from serving_load import Caller, Flood, Make, awake, many_callers, one_caller, overload, soak
from side_by_side import alternate, folder_of, options, publish, ratio_chart, ratios, spread, table

PEERS = ("asgi", "kserve", "litserve")
OURS, BARE = "ours", "asgi"
HERE = Path(__file__).parent
PATH = "/v2/models/model/infer"
REQUESTS, CALLERS, PEAK_S, OVERLOAD_S, FLOODS, SOAKERS = 150, 16, 2.0, 10.0, 5, 4
START_S = 300.0


def main() -> None:
    parser = options(__doc__, rounds=9)
    parser.add_argument("run", help="a run folder whose model is served")
    parser.add_argument("--without", nargs="*", default=[], choices=PEERS, help="peers to leave out")
    parser.add_argument("--minutes", type=float, default=10.0, help="for which the memory is watched")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # servers that were started are ended then, too
    with tempfile.TemporaryDirectory(prefix="serving-") as state, contextlib.ExitStack() as ours:
        notice = ours.enter_context(our_server(asked.run, Path(state)))
        make = callers_of(asked.run, {OURS: int(urlsplit(notice()["url"]).port or 0)})[OURS]
        times = beside_peers(asked, make)
        found: dict[str, Any] = reported(*times)
        found |= alone(make, asked, lambda: [notice()["pid"], notice()["worker_pid"]])
    chart = ratio_chart(
        ratios(times[1], BARE), "Sixteen callers", ("time ÷ bare ASGI function (left is faster)", "server"), "in turn"
    )
    print(json.dumps({name: found[name] for name in ("overload", "memory")}, indent=2, default=asdict))
    publish("serving", found, chart, folder_of(asked))


Times = Mapping[str, list[float]]


def beside_peers(asked: argparse.Namespace, ours: Make) -> tuple[Times, Times]:
    """Every side in turn: seconds of a request of one caller, and seconds an answer among sixteen."""
    rounds = 2 if asked.quick else asked.rounds
    with contextlib.ExitStack() as stack:
        ports = {}
        for name in (peer for peer in PEERS if peer not in asked.without):
            ports[name] = free_port()
            words = [sys.executable, "serving_peers.py", name, asked.run, str(ports[name])]
            stack.enter_context(process(words, ports[name]))
        makes = callers_of(asked.run, ports) | {OURS: ours}
        for make in makes.values():
            asyncio.run(awake(make))
        singles = alternate(
            {
                name: lambda make=make: float(np.median(asyncio.run(one_caller(make, REQUESTS))))
                for name, make in makes.items()
            },
            rounds,
        )
        crowds = alternate(
            {
                name: lambda make=make: 1 / asyncio.run(many_callers(make, CALLERS, PEAK_S))
                for name, make in makes.items()
            },
            rounds,
        )
    return singles, crowds


def reported(singles: Times, crowds: Times) -> dict[str, Any]:
    """Both tables, printed, and what is published of them."""
    added = {
        name: spread([1e3 * (a - b) for a, b in zip(singles[name], singles[BARE], strict=True)]) for name in singles
    }
    times = {name: spread([1e3 * value for value in values]) for name, values in singles.items()}
    table("one caller, median of a request", "ms", times, ratios(singles, BARE), BARE)
    rates = {name: spread([1 / value for value in values]) for name, values in crowds.items()}
    table(f"{CALLERS} callers", "answers/s", rates, ratios(crowds, BARE), BARE)
    for name, one in added.items():
        print(f"{name} adds {one.median:+.2f} ms ({one.minimum:+.2f} … {one.maximum:+.2f})")
    if "litserve" in crowds:
        gain = spread([b / a for a, b in zip(crowds[OURS], crowds["litserve"], strict=True)])
        print(f"ours answers {gain.median:.2f} × as much as LitServe ({gain.minimum:.2f} … {gain.maximum:.2f})")
    return {"added_ms": added, "one_caller_s": singles, "answers_per_s_at_16": rates, "seconds_an_answer_at_16": crowds}


def alone(make: Make, asked: argparse.Namespace, pids: Any) -> dict[str, Any]:
    """Ours when nobody else runs: floods of twice its peak, each between two measurements of that, and its memory."""
    brief = asked.quick

    def peak() -> float:
        return float(np.median([asyncio.run(many_callers(make, CALLERS, PEAK_S)) for _ in range(1 if brief else 3)]))

    peaks, floods = [peak()], list[Flood]()
    for _ in range(2 if brief else FLOODS):
        floods.append(asyncio.run(overload(make, 2 * peaks[-1], 2.0 if brief else OVERLOAD_S)))
        peaks.append(peak())
    shares = [flood.answered_per_s / np.mean(peaks[place : place + 2]) for place, flood in enumerate(floods)]
    found = {"goodput_over_peak": spread(shares), "peaks_per_s": peaks, "floods": [asdict(one) for one in floods]}
    memory = asyncio.run(soak(make, SOAKERS, 4.0 if brief else 60 * asked.minutes, pids))
    return {"overload": found, "memory": memory}


def callers_of(run: str, ports: Mapping[str, int]) -> dict[str, Make]:
    """What connects to each server with the same request, for one image of the run's test split."""
    folder = RunFolder(Path(run))
    subject = subject_of(folder, standing(folder), 1)
    body = json.dumps({"inputs": [subject.tensor(subject.samples)]}).encode()
    return {name: lambda port=port: Caller(port, PATH, body) for name, port in ports.items()}


@contextlib.contextmanager
def our_server(run: str, state: Path) -> Iterator[Any]:
    """``basestone serve`` in a process of its own, with a worker; gives what reads its notice."""
    words = ["--port", "0", "--state", str(state), "--name", "model", "--allow-unproven", "a benchmark of the server"]
    command = [sys.executable, "-m", "basestone.cli", "serve", str(Path(run).resolve()), *words]

    def notice() -> dict[str, Any]:
        path = state / "server.json"
        return read_json(path) if path.exists() else {}

    with started(command, lambda: bool(notice().get("worker_pid"))):
        yield notice


@contextlib.contextmanager
def process(command: list[str], port: int) -> Iterator[None]:
    """A peer, listening."""

    def listens() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    with started(command, listens):
        yield


@contextlib.contextmanager
def started(command: list[str], ready: Any) -> Iterator[None]:
    """A process that is ready; it is ended, and whatever it started with it, when it is needed no more."""
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(command, stdout=log, stderr=log, cwd=HERE, start_new_session=True)
        try:
            deadline = time.monotonic() + START_S
            while not ready():
                if child.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    raise SystemExit(f"{command} did not start: {log.read().decode(errors='replace')[-2000:]}")
                time.sleep(0.1)
            yield
        finally:
            end(child)


def end(child: subprocess.Popen[bytes]) -> None:
    """Asks a process to end, then kills what is left of its session."""
    child.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(15)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


if __name__ == "__main__":
    main()
