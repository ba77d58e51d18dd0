"""A training run in a process of its own, which the tests kill."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import torch
from safetensors.torch import save_file
from training_toys import ListTracker, ToySource, cross_entropy, options, toy_net

from basestone.core.errors import BasestoneError
from basestone.training.loop import fit

OPTIMIZERS = {
    "sgd": {"kind": "sgd", "lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-3},
    "adamw": {"kind": "adamw", "lr": 0.01},
    "muon": {"kind": "muon", "lr": 0.02, "adamw_lr": 0.01},
}


def train(folder: Path, kind: str, should_stop=None, tracker=None):
    """Everything that has state, in one short run: 3 epochs of 7 steps, the last batch of an epoch partial."""
    model = toy_net()
    result = fit(
        model,
        ToySource(100),
        ToySource(20, seed=1),
        cross_entropy,
        options(
            epochs=3,
            accumulate=2,
            optimizer=OPTIMIZERS[kind],
            schedule={"kind": "cosine", "warmup_steps": 3},
            clip_norm=1.0,
            ema_decay=0.9,
            evaluate_every=4,
            checkpoint_every=2,
            channels_last=True,
        ),
        seed=5,
        folder=folder,
        tracker=tracker or ListTracker(),
        should_stop=should_stop,
    )
    return model, result


def attempt(folder: Path, kind: str, kill: str, after: float) -> None:
    """One attempt. ``kill``: 'step' after that many steps, 'save' inside a save, 'time' after seconds, or 'no'."""
    torch.set_num_threads(1)
    calls = {"steps": 0, "saves": 0}

    def die_at_step() -> bool:
        calls["steps"] += 1
        if kill == "step" and calls["steps"] >= after:
            os.kill(os.getpid(), signal.SIGKILL)
        return False

    if kill == "save":
        rename = Path.rename

        def die_before_rename(self, target):
            calls["saves"] += 1
            if calls["saves"] >= after:
                os.kill(os.getpid(), signal.SIGKILL)
            return rename(self, target)

        Path.rename = die_before_rename
    if kill == "time":
        threading.Timer(after, os.kill, (os.getpid(), signal.SIGKILL)).start()
    model, _ = train(folder, kind, die_at_step)
    save_file(model.state_dict(), folder / "final.safetensors")
    os._exit(0)  # without waiting for a timer that came too late


def stop(folder: Path, number: int, times: int) -> None:
    """Sends itself a signal in the midst of step 5, ``times`` times, and ends as the command line would."""
    torch.set_num_threads(1)

    class Sender(ListTracker):
        def log(self, event):
            if event["event"] == "step" and event["step"] == 5:
                for _ in range(times):
                    os.kill(os.getpid(), number)

    try:
        train(folder, "sgd", tracker=Sender())
    except BasestoneError as error:
        (folder / "message").write_text(str(error))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(77)
