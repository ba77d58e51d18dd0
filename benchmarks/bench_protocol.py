"""What answering one v2 request costs in CPU time, sockets aside: a bare function, KServe's application, and ours.

    python benchmarks/bench_protocol.py RUN [--rounds 9]

Each application is called as uvicorn calls it, with the same request for one sample, and runs the same model. Counted
is CPU time of this process, and of the process that runs the model in ours, so that other work on the machine hardly
matters. Ours checks, judges, writes into its log and crosses to another process meanwhile; the others do none of that.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from basestone.core.run import RunFolder
from basestone.lifecycle.drilled import subject_of
from basestone.lifecycle.serve import Options, make_access, make_offer, make_service
from basestone.lifecycle.standing import standing
from side_by_side import alternate, folder_of, options, publish, ratio_chart, ratios, spread, table

BARE, OURS, KSERVE = "bare function", "ours", "KServe"
REQUESTS = 100
TICKS = os.sysconf("SC_CLK_TCK")
App = Callable[[Any, Any, Any], Awaitable[None]]


async def ask(app: App, path: str, body: bytes) -> dict[str, Any]:
    """One request, as uvicorn would hand it over; the answer's JSON."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[Any] = []
    done = asyncio.Event()

    async def receive() -> Any:
        if messages:
            return messages.pop()
        await done.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "headers": headers}
    scope |= {"query_string": b"", "root_path": "", "scheme": "http", "http_version": "1.1", "asgi": {"version": "3.0"}}
    scope |= {"server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1), "state": {}}
    await app(scope, receive, send)
    done.set()
    assert sent[0]["status"] == 200, sent
    return json.loads(b"".join(message.get("body", b"") for message in sent[1:]))


def kserve_app(run: str) -> App:
    """KServe's application as its ModelServer builds it, with the run's model."""
    sys.argv = sys.argv[:1]
    from kserve import ModelServer
    from kserve.model_server import app
    from kserve.protocol.rest.server import RESTServer

    from serving_peers import kserve_model

    server = ModelServer(enable_grpc=False, enable_latency_logging=False)
    server.register_model(kserve_model(run))
    rest = RESTServer("kserve.model_server:app", server.dataplane, server.model_repository_extension, 8080)
    rest.create_application()
    return app


def cpu_s(worker: int) -> float:
    """CPU time of this process and of the worker so far."""
    fields = Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()
    return time.process_time() + (int(fields[11]) + int(fields[12])) / TICKS


async def measure(asked: Any, run: RunFolder, state: Path) -> None:
    from basestone.serving.app import build_app
    from basestone.serving.server import Post
    from serving_peers import bare_app

    found, choices = standing(run), Options(state=state, name="model", unproven="a benchmark of the server")
    post = Post(folder=state, host="127.0.0.1", port=0)
    offer = make_offer(run, found, choices)
    app = build_app(lambda: make_service(run, found, offer, post, choices), make_access(choices))
    async with app.behind.router.lifespan_context(app.behind):
        service = app.behind.state.service
        while not service.ready:
            await asyncio.sleep(0.1)
        applications = {BARE: bare_app(asked.run), OURS: app, KSERVE: kserve_app(asked.run)}
        subject, loop = subject_of(run, found, 1), asyncio.get_running_loop()
        body = json.dumps({"inputs": [subject.tensor(subject.samples)]}).encode()

        async def side(application: App) -> float:
            started = cpu_s(service.keeper.worker.pid)
            for _ in range(REQUESTS):
                await ask(application, "/v2/models/model/infer", body)
            return (cpu_s(service.keeper.worker.pid) - started) / REQUESTS

        def call(application: App) -> float:
            return asyncio.run_coroutine_threadsafe(side(application), loop).result()

        sides = {name: lambda made=made: call(made) for name, made in applications.items()}
        times = await asyncio.to_thread(alternate, sides, 2 if asked.quick else asked.rounds)
    milliseconds = {name: spread([1e3 * value for value in values]) for name, values in times.items()}
    added = {name: spread([1e3 * (a - b) for a, b in zip(times[name], times[BARE], strict=True)]) for name in times}
    found_ratios = ratios(times, BARE)
    table("CPU time of one request", "ms", milliseconds, found_ratios, BARE)
    print({name: f"{one.median:+.2f} ms" for name, one in added.items()}, file=sys.stderr)
    chart = ratio_chart(found_ratios, "CPU time of one request", ("÷ bare function", "application"), "in turn")
    publish("protocol", {"cpu_ms": milliseconds, "added_ms": added}, chart, folder_of(asked))


def main() -> None:
    parser = options(__doc__, rounds=9)
    parser.add_argument("run", help="a run folder whose model is served")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="protocol-") as place:
        asyncio.run(measure(asked, RunFolder(Path(asked.run)), Path(place)))


if __name__ == "__main__":
    main()
