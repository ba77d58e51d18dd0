import json
import math
import os
import signal
import subprocess
import sys
import threading

import pytest

from basestone.core.run import RunFolder
from basestone.tracking.jsonl import JsonlTracker


def step(number, stage="pretrain", **values):
    return {"event": "step", "stage": stage, "step": number, **values}


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_one_object_a_line_with_its_time(tmp_path):
    tracker = JsonlTracker(tmp_path / "run/events.jsonl")
    tracker.log(step(1, loss=0.5, name="größe"))
    tracker.log(step(2, accuracy=None))
    found = read(tracker.path)  # before closing: nothing is held back
    assert [{key: value for key, value in event.items() if key != "time"} for event in found] == [
        step(1, loss=0.5, name="größe"),
        step(2, accuracy=None),
    ]
    assert found[0]["time"] <= found[1]["time"]
    tracker.close()


def test_what_only_a_display_needs_is_not_kept(tmp_path):
    tracker = JsonlTracker(tmp_path / "e")
    tracker.log({"event": "progress", "stage": "a", "done": 1, "total": 2, "unit": "steps"})
    tracker.log({"event": "stage", "stage": "a", "state": "unchanged"})
    assert read(tmp_path / "e") == []


@pytest.mark.parametrize("torn", ['{"event": "st', '{"event": "step", "step": 2}', "é"[:1]])
def test_a_torn_last_line_is_cut_off_and_the_journal_goes_on(tmp_path, torn):
    path = tmp_path / "e"
    path.write_text('{"event": "step", "step": 1}\n' + torn)
    tracker = JsonlTracker(path)
    tracker.log(step(2))
    assert [event["step"] for event in read(path)] == [1, 2]


def test_a_journal_that_is_one_torn_line_starts_anew(tmp_path):
    (tmp_path / "e").write_text('{"event"')
    JsonlTracker(tmp_path / "e").log(step(1))
    assert [event["step"] for event in read(tmp_path / "e")] == [1]


def test_resuming_forgets_the_stages_later_steps_only(tmp_path):
    tracker = JsonlTracker(RunFolder(tmp_path).events)
    for number in (1, 2, 3):
        tracker.log(step(number))
        tracker.log(step(number, "adapt"))
    tracker.log({"event": "warning", "stage": "pretrain", "message": "m"})
    tracker.log({"event": "fit", "stage": "pretrain", "step": 2})
    tracker.log(step(3, again=True))
    tracker.close()
    events = list(RunFolder(tmp_path).read_events())
    steps = [(event["stage"], event["step"]) for event in events if event["event"] == "step"]
    assert sorted(steps) == [(stage, number) for stage in ("adapt", "pretrain") for number in (1, 2, 3)]
    assert events[-1]["again"] and [event["event"] for event in events].count("warning") == 1


def test_nothing_is_rewritten_when_there_is_nothing_to_forget(tmp_path):
    tracker = JsonlTracker(tmp_path / "e")
    tracker.log(step(1))
    inode = (tmp_path / "e").stat().st_ino
    tracker.resume("pretrain", 1)
    assert (tmp_path / "e").stat().st_ino == inode


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_json_is_refused(tmp_path, value):
    tracker = JsonlTracker(tmp_path / "e")
    with pytest.raises(ValueError, match="not JSON compliant"):
        tracker.log(step(1, loss=value))
    assert read(tmp_path / "e") == []


def test_lines_of_several_writers_do_not_mix(tmp_path):
    def write(name):
        tracker = JsonlTracker(tmp_path / "e")
        for number in range(200):
            tracker.log(step(number, name, filling="x" * 500))

    JsonlTracker(tmp_path / "e").log(step(0, "first"))
    threads = [threading.Thread(target=write, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read(tmp_path / "e")) == 401


def test_a_killed_process_leaves_what_it_logged(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from basestone.tracking.jsonl import JsonlTracker\n"
        "t = JsonlTracker(Path(sys.argv[1]))\n"
        "for n in range(50): t.log({'event': 'step', 'stage': 'a', 'step': n})\n"
        f"os.kill(os.getpid(), {int(signal.SIGKILL)})"
    )
    process = subprocess.run([sys.executable, "-c", code, os.fspath(tmp_path / "e")], check=False)
    assert process.returncode == -signal.SIGKILL
    assert [event["step"] for event in read(tmp_path / "e")] == list(range(50))
