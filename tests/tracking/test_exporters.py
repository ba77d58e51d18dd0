import json
import socket
import time

import pytest

from basestone.tracking import TRACKERS
from basestone.tracking.scalars import scalars

RUN = [
    {"event": "stage", "stage": "pretrain", "state": "started"},
    {"event": "fit", "stage": "pretrain", "step": 0, "max_steps": 4},
    {"event": "step", "stage": "pretrain", "step": 1, "epoch": 1, "loss": 2.0, "lr": 0.1, "images_per_s": 50.0},
    {"event": "progress", "stage": "pretrain", "done": 1, "total": 4, "unit": "steps", "loss": 9.0},
    {"event": "step", "stage": "pretrain", "step": 2, "epoch": 1, "loss": 1.0, "lr": 0.2, "images_per_s": 60.0},
    {"event": "validation", "stage": "pretrain", "step": 2, "epoch": 1, "loss": 1.5, "accuracy": None},
]


@pytest.fixture
def no_network(monkeypatch):
    """Any connection that leaves the machine's own file system fails the test."""
    tried = []

    def guarded(method):
        def connect(self, address, *rest):
            if self.family != socket.AF_UNIX:
                tried.append(address)
                raise ConnectionRefusedError(f"the test allows no connection to {address}")
            return method(self, address, *rest)

        return connect

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, guarded(getattr(socket.socket, name)))
    for proxy in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(proxy, "http://127.0.0.1:9")  # a helper process could not get out either
    yield
    assert not tried


def open_exporter(kind, folder, **options):
    return TRACKERS.build(TRACKERS.options(kind)(kind=kind, **options), folder, "digits")


def test_scalars_are_the_numbers_of_curve_events():
    assert scalars(RUN[2]) == {"train/loss": 2.0, "train/lr": 0.1, "train/images_per_s": 50.0}
    assert scalars(RUN[5]) == {"validation/loss": 1.5}
    assert all(scalars(RUN[number]) == {} for number in (0, 1, 3))


def read_tensorboard(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(folder))
    accumulator.Reload()
    return {
        tag: [(point.step, point.value) for point in accumulator.Scalars(tag)] for tag in accumulator.Tags()["scalars"]
    }


def test_tensorboard_reads_the_curves_back(tmp_path, no_network):
    tracker = open_exporter("tensorboard", tmp_path)
    for event in RUN:
        tracker.log(event)
    tracker.close()
    curves = read_tensorboard(tmp_path / "tensorboard/pretrain")
    assert curves["train/loss"] == [(1, 2.0), (2, 1.0)] and curves["validation/loss"] == [(2, 1.5)]
    assert curves["train/lr"] == [(1, pytest.approx(0.1)), (2, pytest.approx(0.2))]
    assert set(curves) == {"train/loss", "train/lr", "train/images_per_s", "validation/loss"}


def test_tensorboard_does_not_show_repeated_steps_twice(tmp_path):
    for begins, values in ((0, {1: 5.0, 2: 6.0, 3: 7.0}), (1, {2: 1.0, 3: 2.0})):
        tracker = open_exporter("tensorboard", tmp_path)
        tracker.log({"event": "fit", "stage": "pretrain", "step": begins})
        for step, loss in values.items():
            tracker.log({"event": "step", "stage": "pretrain", "step": step, "loss": loss})
        tracker.close()
    assert read_tensorboard(tmp_path / "tensorboard/pretrain")["train/loss"] == [(1, 5.0), (2, 1.0), (3, 2.0)]


def test_wandb_writes_the_history_offline(tmp_path, no_network, capfd):
    tracker = open_exporter("wandb", tmp_path, project="mine")
    for event in RUN:
        tracker.log(event)
    tracker.close()
    (run,) = (tmp_path / "wandb").glob("offline-run-*")
    file, deadline = next(run.glob("*.wandb")), time.monotonic() + 20
    while len(history := read_wandb(file)) < 3 and time.monotonic() < deadline:
        time.sleep(0.1)  # W&B's own process closes the file a moment after finish() has returned
    assert [row["pretrain/step"] for row in history] == [1, 2, 2]
    assert [row.get("pretrain/train/loss") for row in history] == [2.0, 1.0, None]
    assert history[2]["pretrain/validation/loss"] == 1.5
    assert capfd.readouterr().out == ""  # results alone belong on stdout


def read_wandb(path):
    from wandb.proto import wandb_internal_pb2
    from wandb.sdk.internal.datastore import DataStore

    store = DataStore()
    store.open_for_scan(str(path))
    rows = []
    while (data := store.scan_data()) is not None:
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        if record.WhichOneof("record_type") == "history":
            rows.append(
                {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
            )
    store.close()
    return rows


def test_wandb_is_kept_from_reporting_and_from_looking_around(tmp_path, monkeypatch):
    import os

    import wandb

    asked = {}
    monkeypatch.setattr(wandb, "init", lambda **options: asked.update(options))
    monkeypatch.delenv("WANDB_ERROR_REPORTING", raising=False)
    open_exporter("wandb", tmp_path)
    settings = asked["settings"]
    assert settings.mode == "offline" and os.environ["WANDB_ERROR_REPORTING"] == "false"
    assert settings.disable_git and settings.disable_code and settings.x_disable_meta and settings.x_disable_stats
    assert settings.console == "off" and asked["dir"] == str(tmp_path) and asked["name"] == "digits"
