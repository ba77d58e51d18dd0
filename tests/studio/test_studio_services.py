"""The service of a run as the page reads it: from a lock, a notice, a switch and the record of a process."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fake_run import FakeRun

from basestone.core.artifact import write_json
from basestone.core.errors import UsageError
from basestone.serving.stop import Switch
from basestone.studio import services
from basestone.studio.services import read_service


@contextmanager
def living(tiny: FakeRun, **notice: Any) -> Iterator[None]:
    """A service as its files show it."""
    folder = tiny.path / "serving"
    folder.mkdir(exist_ok=True)
    write_json(folder / "server.json", {"pid": os.getpid(), "model": "tiny", **notice})
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def test_a_run_that_was_never_served(tiny: FakeRun) -> None:
    view = read_service(tiny.path.parent, "tiny")
    assert (view.state, view.alive, view.ours, view.url, view.stop) == ("none", False, False, "", None)


def test_it_answers_once_a_process_runs_the_model(tiny: FakeRun) -> None:
    root = tiny.path.parent
    with living(tiny, worker_pid=None):
        assert read_service(root, "tiny").state == "starting"
    with living(tiny, worker_pid=os.getpid(), url="http://127.0.0.1:1"):
        view = read_service(root, "tiny")
        assert (view.state, view.ours, view.url) == ("ready", False, "http://127.0.0.1:1")
    assert read_service(root, "tiny").state == "none"  # a notice without a lock is an old one


def test_a_stop_holds_only_when_it_is_seen_to_hold(tiny: FakeRun) -> None:
    """The switch alone proves nothing: the process must be gone, and a caller turned away."""
    Switch(tiny.path / "serving").stop("Li Na", "wrong labels")
    with living(tiny, worker_pid=os.getpid()):
        view = read_service(tiny.path.parent, "tiny")
        assert (view.state, view.ceased) == ("stopped", False) and view.stop and view.stop.by == "Li Na"
    gone = os.fork()
    if not gone:
        os._exit(0)
    os.waitpid(gone, 0)
    with living(tiny, worker_pid=gone):
        assert read_service(tiny.path.parent, "tiny").ceased
    view = read_service(tiny.path.parent, "tiny")
    assert view.state == "none" and view.stop is not None  # it will hold for whatever is served next


def test_a_service_that_did_not_start_says_why(tiny: FakeRun) -> None:
    root = tiny.path.parent
    services.serve(root, "tiny")
    deadline = time.monotonic() + 60
    while read_service(root, "tiny").state != "failed":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    view = read_service(root, "tiny")
    assert "must hold a finished model" in view.words and f"basestone serve {tiny.path} --port 0" in view.words
    with pytest.raises(UsageError, match="Only a run that was started here"):
        services.end(root, "tiny")
    assert json.loads((root / ".studio" / "services" / "tiny.json").read_text())["exit_code"] != 0


def test_what_the_gate_will_say_is_said_beforehand(tiny: FakeRun) -> None:
    (found,) = services.read_obstacles(services.RunFolder(tiny.path))
    assert "must hold a finished model and has none" in found.message
