"""A run's service in the test's own process, its model in one of its own: REST without a socket."""

from __future__ import annotations

import time
from contextlib import contextmanager

import pytest

from basestone.lifecycle.serve import Options, make_access, make_offer, make_service
from basestone.lifecycle.standing import standing

START_S = 120.0


@contextmanager
def served_inside(run, folder, **choices):
    """A client of the ready service, as FastAPI's; ``folder`` is the service's own."""
    testclient = pytest.importorskip("fastapi.testclient")
    from basestone.serving.app import build_app
    from basestone.serving.server import Post

    options, found = (
        Options(state=folder, name="model", unproven="a test of the server itself", **choices),
        standing(run),
    )
    offer, post = make_offer(run, found, options), Post(folder=folder, host="127.0.0.1", port=0)
    folder.mkdir(parents=True)
    app = build_app(lambda: make_service(run, found, offer, post, options), make_access(options))
    with testclient.TestClient(app, base_url="http://127.0.0.1") as client:
        deadline = time.monotonic() + START_S
        while client.get("/v2/health/ready").status_code != 200:
            assert time.monotonic() < deadline, (folder / "worker.log").read_text()
            time.sleep(0.05)
        yield client


def infer(client, **tensor):
    """The outputs of one request by name."""
    answer = client.post("/v2/models/model/infer", json={"inputs": [tensor]})
    assert answer.status_code == 200, answer.text
    return {one["name"]: one["data"] for one in answer.json()["outputs"]}
