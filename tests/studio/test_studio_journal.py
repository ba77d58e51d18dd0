from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from basestone.studio.journal import MOST_POINTS, Curve, CurveName, Curves, JournalTail, read_curves
from basestone.tracking.jsonl import JsonlTracker


def step(number: int, loss: float = 1.0, **more) -> dict:
    return {"event": "step", "stage": "pretrain", "step": number, "epoch": 1, "loss": loss, **more}


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_a_journal_that_is_not_there_yet_has_no_events(tmp_path: Path) -> None:
    tail = JournalTail(tmp_path / "events.jsonl")
    assert tail.read().events == ()
    append(tail.path, json.dumps(step(1)) + "\n")
    assert [event["step"] for event in tail.read().events] == [1]


def test_only_what_is_new_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tail = JournalTail(tmp_path / "events.jsonl")
    append(tail.path, "".join(json.dumps(step(number)) + "\n" for number in range(500)))
    assert len(tail.read().events) == 500
    append(tail.path, json.dumps(step(500)) + "\n")
    parsed: list[bytes] = []
    monkeypatch.setattr("basestone.studio.journal.json.loads", lambda line: parsed.append(line) or {"event": "step"})
    tail.read()
    assert len(parsed) == 1 and b'"step": 500' in parsed[0]


def test_a_line_that_is_not_whole_is_read_once_it_is(tmp_path: Path) -> None:
    tail = JournalTail(tmp_path / "events.jsonl")
    line = json.dumps(step(7))
    append(tail.path, line[:20])
    assert tail.read().events == ()
    append(tail.path, line[20:] + "\n")
    assert [event["step"] for event in tail.read().events] == [7]
    assert tail.read().events == ()


def test_a_torn_last_line_that_the_next_process_removes_is_never_taken_for_an_event(tmp_path: Path) -> None:
    tail = JournalTail(tmp_path / "events.jsonl")
    append(tail.path, json.dumps(step(1)) + "\n" + '{"event": "st')
    assert len(tail.read().events) == 1
    tracker = JsonlTracker(tail.path)  # mends the file
    tracker.log(step(2))
    tracker.close()
    news = tail.read()
    assert [event["step"] for event in news.events] == [2] and not news.afresh


def test_what_is_no_event_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('garbage\n[1, 2]\n{"no": "event"}\n\xff\n' + json.dumps(step(1)) + "\n", encoding="latin-1")
    assert [event["step"] for event in JournalTail(path).read().events] == [1]


def test_a_journal_that_a_resumed_fit_replaces_is_read_afresh(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    tracker, tail = JsonlTracker(path), JournalTail(path)
    for number in (1, 2, 3, 4):
        tracker.log(step(number))
    assert len(tail.read().events) == 4
    tracker.log({"event": "fit", "stage": "pretrain", "step": 2, "max_steps": 9, "steps_per_epoch": 3})
    tracker.log(step(3, loss=0.5))
    news = tail.read()
    assert news.afresh
    assert [event.get("step") for event in news.events] == [1, 2, 2, 3]


def test_a_journal_that_was_cut_or_removed_is_read_afresh(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    append(path, json.dumps(step(1)) + "\n" + json.dumps(step(2)) + "\n")
    tail = JournalTail(path)
    tail.read()
    os.truncate(path, len(json.dumps(step(1))) + 1)
    assert tail.read().afresh
    path.unlink()
    gone = tail.read()
    assert gone.afresh and gone.events == ()


def test_curves_are_told_apart_by_stage_trial_and_quantity() -> None:
    curves = Curves()
    curves.add([step(1, 2.0, lr=0.1), step(1, 4.0, trial="lora-0"), {**step(1, 1.5), "event": "validation"}])
    assert {name: curve.drawn() for name, curve in curves.curves.items()} == {
        CurveName("pretrain", "", "train/loss"): [[1, 2.0]],
        CurveName("pretrain", "", "train/lr"): [[1, 0.1]],
        CurveName("pretrain", "lora-0", "train/loss"): [[1, 4.0]],
        CurveName("pretrain", "", "validation/loss"): [[1, 1.5]],
    }


def test_a_fit_that_begins_anew_drops_what_was_drawn_and_one_that_resumes_keeps_it() -> None:
    fit = {"event": "fit", "stage": "pretrain", "step": 0, "max_steps": 8, "steps_per_epoch": 2}
    curves = Curves()
    curves.add([fit, step(1), step(2), {**fit, "step": 2}, step(3)])
    assert len(curves.curves[CurveName("pretrain", "", "train/loss")].drawn()) == 3
    assert curves.progress("pretrain") == (3, 8)
    curves.add([fit, step(1, 0.25)])
    assert curves.curves[CurveName("pretrain", "", "train/loss")].drawn() == [[1, 0.25]]
    assert curves.progress("elsewhere") == (0, 0)


def test_whether_there_is_something_new_to_draw() -> None:
    curves = Curves()
    assert curves.add([step(1)])
    assert not curves.add([]) and not curves.add([{"event": "warning", "stage": "a", "message": "b"}])
    assert curves.warnings == ["a: b"]


def test_a_long_curve_stays_short_keeps_its_mean_and_ends_where_it_ends() -> None:
    curve, values = Curve(), [float(number % 7) for number in range(10_000)]
    for number, value in enumerate(values):
        curve.add(number, value)
    drawn = curve.drawn()
    assert len(drawn) <= MOST_POINTS
    assert drawn[-1] == [9_999, values[-1]]
    mean = sum(value for _, value in curve.points) / len(curve.points)
    assert mean == pytest.approx(sum(values) / len(values), abs=0.05)
    assert [at for at, _ in drawn] == sorted(at for at, _ in drawn)


def test_a_short_curve_is_drawn_as_it_is() -> None:
    curve = Curve()
    for number in range(5):
        curve.add(number, number * 2.0)
    assert curve.drawn() == [[number, number * 2.0] for number in range(5)]


def test_a_journal_is_read_whole_at_once(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    append(path, json.dumps(step(1)) + "\n")
    assert read_curves(path).stages == ["pretrain"]
