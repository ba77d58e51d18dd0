import pytest

from basestone.core.errors import MissingExtra, UsageError
from basestone.tracking import TRACKERS, open_trackers
from basestone.tracking.fanout import Fanout


class Listener:
    def __init__(self, fail_at=None, fail_on_close=False):
        self.events, self.closed = [], False
        self.fail_at, self.fail_on_close = fail_at, fail_on_close

    def log(self, event):
        self.events.append(event)
        if len(self.events) == self.fail_at:
            raise OSError("disk full")

    def close(self):
        self.closed = True
        if self.fail_on_close:
            raise OSError("still full")


EVENT = {"event": "step", "stage": "a", "step": 1}


def test_every_listener_hears_every_event():
    journal, first, second = Listener(), Listener(), Listener()
    fanout = Fanout(journal, {"first": first, "second": second})
    fanout.log(EVENT)
    fanout.close()
    assert all(listener.events == [EVENT] and listener.closed for listener in (journal, first, second))


def test_a_failing_exporter_is_reported_once_and_switched_off(capsys):
    journal, bad, good = Listener(), Listener(fail_at=2), Listener()
    fanout = Fanout(journal, {"bad": bad, "good": good})
    for _ in range(4):
        fanout.log(EVENT)
    fanout.close()
    assert (len(journal.events), len(bad.events), len(good.events)) == (4, 2, 4) and not bad.closed
    out, err = capsys.readouterr()
    assert out == "" and err == (
        "tracker 'bad' failed and is switched off for the rest of this run; events.jsonl goes on. OSError: disk full\n"
    )


def test_the_journals_failure_is_the_runs():
    fanout = Fanout(Listener(fail_at=1), {})
    with pytest.raises(OSError, match="disk full"):
        fanout.log(EVENT)


def test_closing_closes_the_journal_whatever_happens(capsys):
    journal = Listener()
    Fanout(journal, {"bad": Listener(fail_on_close=True)}).close()
    assert journal.closed and "still full" in capsys.readouterr().err


def test_an_interrupt_is_no_failure_of_an_exporter():
    class Interrupted(Listener):
        def log(self, event):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Fanout(Listener(), {"display": Interrupted()}).log(EVENT)


def test_opening_connects_journal_exporters_and_display(tmp_path):
    display = Listener()
    section = TRACKERS.options("tensorboard")(kind="tensorboard")
    tracker = open_trackers(tmp_path, "digits", [section], display)
    tracker.log(EVENT | {"loss": 1.0})
    tracker.close()
    assert (tmp_path / "events.jsonl").read_text().count("\n") == 1
    assert list((tmp_path / "tensorboard/a").glob("events.*")) and display.closed


def test_a_missing_extra_says_how_to_install_it(tmp_path, monkeypatch):
    import sys

    for name in ("wandb", "tensorboard"):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(MissingExtra, match=rf"'{name}' is needed here .* pip install 'basestone\[track\]'"):
            open_trackers(tmp_path, "digits", [TRACKERS.options(name)(kind=name)], None)


def test_an_unknown_tracker_is_answered_with_the_nearest():
    with pytest.raises(UsageError, match="Did you mean 'tensorboard'"):
        TRACKERS["tensorbord"]
