from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from basestone.core.errors import UsageError
from basestone.studio import processes
from basestone.studio.processes import folder_of, log_end, read_process, start, stop


def wait_for(what: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def watched(root: Path, program: str) -> subprocess.Popen[bytes]:
    """A warden beside a small program, as ``start`` leaves it beside a run."""
    record = folder_of(root) / "tiny.json"
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps({"command": ["basestone", "run"], "started": 1.0, "pid": 0, "exit_code": None}))
    return subprocess.Popen(
        [sys.executable, "-m", "basestone.studio.warden", str(record), sys.executable, "-c", program]
    )


def process(root: Path):
    found = read_process(root, "tiny")
    assert found is not None
    return found


def test_a_run_leaves_its_words_and_how_it_ended(tmp_path: Path) -> None:
    start(tmp_path, "tiny", ["check", "no-such-recipe"])
    wait_for(lambda: process(tmp_path).exit_code is not None)
    ended = process(tmp_path)
    assert (ended.exit_code, ended.alive, ended.command[0]) == (2, False, "basestone")
    log = log_end(tmp_path, "tiny")
    assert log.startswith("$ basestone check no-such-recipe\n") and "A recipe must be a file" in log


def test_a_request_to_stop_reaches_the_run_as_ctrl_c(tmp_path: Path) -> None:
    program = (
        "import signal, sys, time; signal.signal(signal.SIGINT, lambda *_: sys.exit(130)); print('up', flush=True)\n"
        "time.sleep(60)"
    )
    warden = watched(tmp_path, program)
    wait_for(lambda: "up" in log_end(tmp_path, "tiny"))
    assert process(tmp_path).alive and process(tmp_path).pid == warden.pid
    with pytest.raises(UsageError, match="Only one process may work on 'tiny'"):
        start(tmp_path, "tiny", ["check", "digits"])
    stop(tmp_path, "tiny")
    assert warden.wait(30) == 130
    assert process(tmp_path).exit_code == 130 and not process(tmp_path).alive


def test_a_run_that_is_killed_is_not_alive_whoever_has_its_number_now(tmp_path: Path) -> None:
    warden = watched(tmp_path, "import time; print('up', flush=True); time.sleep(60)")
    wait_for(lambda: "up" in log_end(tmp_path, "tiny"))
    child = int(subprocess.check_output(["ps", "-o", "pid=", "--ppid", str(warden.pid)]).split()[0])
    warden.kill()
    warden.wait(30)
    os.kill(child, signal.SIGKILL)
    record = folder_of(tmp_path) / "tiny.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"pid": os.getpid()}))
    wait_for(lambda: not process(tmp_path).alive)
    with pytest.raises(UsageError, match="Only a run that was started here"):
        stop(tmp_path, "tiny")


def test_a_death_by_signal_is_written_down(tmp_path: Path) -> None:
    warden = watched(tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert warden.wait(30) == 137 and process(tmp_path).exit_code == 137


def test_what_was_never_started_has_no_process_and_no_log(tmp_path: Path) -> None:
    assert read_process(tmp_path, "tiny") is None and log_end(tmp_path, "tiny") == ""
    with pytest.raises(UsageError, match="Only a run that was started here"):
        stop(tmp_path, "tiny")


def test_a_torn_record_is_none(tmp_path: Path) -> None:
    folder_of(tmp_path).mkdir()
    (folder_of(tmp_path) / "tiny.json").write_text('{"command": ')
    assert read_process(tmp_path, "tiny") is None


def test_of_a_long_log_whole_last_lines_are_shown(tmp_path: Path) -> None:
    folder_of(tmp_path).mkdir()
    (folder_of(tmp_path) / "tiny.log").write_text("".join(f"line {number}\n" for number in range(9_999)))
    shown = log_end(tmp_path, "tiny")
    assert len(shown) <= processes.LOG_END and shown.endswith("line 9998\n") and shown.startswith("line ")
