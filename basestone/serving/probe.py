"""Has inference really ceased? Asked from outside, by what a caller would see and what the system says of processes."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from basestone.core.artifact import read_json
from basestone.core.errors import ArtifactError
from basestone.serving.nursery import is_running
from basestone.serving.server import NOTICE, is_served
from basestone.serving.stop import LIMIT_S

PROBE_S = 2.0  # for one request
STEP_S = 0.05


def read_notice(folder: Path) -> dict[str, Any] | None:
    """What the service that lives in the folder tells of itself; None where none does."""
    if not is_served(folder):
        return None
    try:
        return read_json(folder / NOTICE)
    except ArtifactError:
        return {}


def halted(notice: Mapping[str, Any]) -> bool:
    """Whether the model's process is gone and a request for inference is turned away as stopped."""
    worker = notice.get("worker_pid")
    return not (worker and is_running(worker)) and status_of(notice) in (503, None)


def status_of(notice: Mapping[str, Any]) -> int | None:
    """The status that a request for inference gets; it needs no key, as a stop comes before keys. None: no answer."""
    if "url" not in notice:
        return None
    address = urlsplit(notice["url"])
    host, port = address.hostname or "127.0.0.1", address.port
    if address.scheme == "https":
        trusting = ssl._create_unverified_context()  # our own process on this machine; nothing secret is sent
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, port, timeout=PROBE_S, context=trusting
        )
    else:
        connection = http.client.HTTPConnection(host, port, timeout=PROBE_S)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        body = json.dumps({"inputs": []})
        path = f"/v2/models/{notice['model']}/infer"
        connection.request("POST", path, body, {"content-type": "application/json"})
        return connection.getresponse().status
    return None


def halt(folder: Path, limit_s: float = LIMIT_S) -> dict[str, Any]:
    """Makes the service look at its switch, and watches; kills it when it does not obey in half of ``limit_s``.

    ``{"halted", "seconds", "how"}``: ``how`` is ``not running``, ``switch`` or ``killed``.
    """
    started = time.monotonic()
    notice = read_notice(folder)
    if notice is None:
        return {"halted": True, "seconds": 0.0, "how": "not running"}
    _signal(notice.get("pid"), signal.SIGUSR1)
    if _until(lambda: halted(notice), started + limit_s / 2):
        return {"halted": True, "seconds": round(time.monotonic() - started, 3), "how": "switch"}
    for name in ("worker_pid", "pid"):
        _signal(notice.get(name), signal.SIGKILL)
    gone = _until(lambda: not is_served(folder) and halted(notice), started + limit_s)
    return {"halted": gone, "seconds": round(time.monotonic() - started, 3), "how": "killed"}


def _until(holds: Any, deadline: float) -> bool:
    while not (found := holds()) and time.monotonic() < deadline:
        time.sleep(STEP_S)
    return found


def _signal(pid: int | None, number: signal.Signals) -> None:
    if pid:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
