import io

import pytest
from rich.console import Console

from basestone.tracking import progress
from basestone.tracking.progress import ProgressTracker


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 100.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def plain():
    text = io.StringIO()
    return ProgressTracker(Console(file=text, force_terminal=False, width=60)), text


def at(done, total=100, **values):
    return {"event": "progress", "stage": "pretrain", "done": done, "total": total, "unit": "steps", **values}


def test_off_a_terminal_a_line_at_a_tenth_but_not_within_five_seconds(clock):
    tracker, text = plain()
    for second in range(1, 101):  # one step in 0.3 s: a tenth takes 3 s
        clock.now += 0.3
        tracker.log(at(second))
    lines = text.getvalue().splitlines()
    # The first step sets the clock; 5 s are 17 steps, and the last step always has its line.
    assert lines == [f"pretrain: {done}/100 steps" for done in (18, 35, 52, 69, 86, 100)]


def test_off_a_terminal_long_work_has_a_line_a_minute(clock):
    tracker, text = plain()
    for second in range(0, 200):
        clock.now += 1
        tracker.log(at(second, 100_000))
    assert text.getvalue().splitlines() == [f"pretrain: {done}/100000 steps" for done in (60, 120, 180)]


def test_a_line_shows_what_is_known(clock):
    tracker, text = plain()
    tracker.log({"event": "step", "stage": "pretrain", "step": 1, "loss": 2.34567, "images_per_s": 123.4})
    tracker.log({"event": "validation", "stage": "pretrain", "step": 1, "loss": 9.0, "accuracy": 0.5})
    tracker.log({"event": "epoch", "stage": "pretrain", "step": 1, "loss": 9.0})
    tracker.log(at(100))
    assert text.getvalue() == "pretrain: 100/100 steps  loss 2.346  images/s 123.4  accuracy 0.5\n"


def test_stages_and_warnings_are_told_and_values_do_not_leak_into_the_next_stage(clock):
    tracker, text = plain()
    tracker.log(at(100, loss=1.0))
    tracker.log({"event": "stage", "stage": "pretrain", "state": "finished", "wall_s": 12.34})
    tracker.log({"event": "stage", "stage": "audit", "state": "started"})
    tracker.log({"event": "warning", "stage": "audit", "message": "[odd] markup is text"})
    tracker.log(at(5, 5) | {"stage": "audit", "unit": "images"})
    assert text.getvalue().splitlines() == [
        "pretrain: 100/100 steps  loss 1",
        "pretrain: finished in 12.3 s",
        "audit: started",
        "audit: warning: [odd] markup is text",
        "audit: 5/5 images",
    ]


@pytest.mark.parametrize("no_color", [True, False])
def test_on_a_terminal_a_bar_with_the_time_left(no_color, monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    text = io.StringIO()
    tracker = ProgressTracker(Console(file=text, force_terminal=True, width=160, no_color=no_color))
    for done in (1, 50, 100):
        tracker.log(at(done, loss=0.5, images_per_s=99.0))
    tracker.close()
    shown = text.getvalue()
    assert "pretrain" in shown and "100/100 steps" in shown and "loss 0.5  images/s 99" in shown and "left" in shown
    assert ("\x1b[38" in shown) != no_color
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") == 1  # the cursor comes back


def test_stderr_is_the_place(capsys):
    ProgressTracker().log({"event": "stage", "stage": "prepare", "state": "unchanged"})
    out, err = capsys.readouterr()
    assert out == "" and err == "prepare: unchanged\n"
