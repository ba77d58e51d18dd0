"""``basestone serve`` in a process of its own, for the tests of what is served."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import contextmanager

from basestone.serving.probe import read_notice

UNPROVEN = "a test of the server itself"


@contextmanager
def server(run, folder, *words):
    """``basestone serve`` in a process of its own, ready to answer; its notice."""
    command = [sys.executable, "-m", "basestone.cli", "serve", str(run), "--port", "0", "--state", str(folder), *words]
    with (folder.parent / "serve.log").open("w") as log:
        process = subprocess.Popen([*command, "--allow-unproven", UNPROVEN], stderr=log, stdout=log)
    try:
        yield wait_ready(folder, process)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
    assert "Traceback" not in (folder.parent / "serve.log").read_text()


def wait_ready(folder, process=None, other_than=None):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process is None or process.poll() is None, (folder.parent / "serve.log").read_text()
        notice = read_notice(folder)
        if notice and notice.get("worker_pid") not in (None, other_than):
            return notice
        time.sleep(0.05)
    raise AssertionError((folder.parent / "serve.log").read_text())
