"""What a run says of itself while it trains: losses and rates, gathered cheaply and told at intervals.

A loss stays on its device until it is told, since reading it makes an accelerator wait; on a CPU it costs nothing, and
each step's is looked at before the weights move.
"""

from __future__ import annotations

import math
import time
from pathlib import Path

import torch
from torch import Tensor

from basestone.core.contracts import Tracker
from basestone.core.errors import BasestoneError
from basestone.training.state import TrainingState

NUM_STEP_EVENTS = 200  # a run: enough for a curve, few enough for a file that people open
PROGRESS_EVERY_S = 0.5


class Diverged(BasestoneError):
    """The loss or the weights stopped being numbers: the recipe must change."""

    exit_code = 2


class Meter:
    """Turns steps into ``step``, ``epoch`` and ``progress`` events."""

    def __init__(
        self, state: TrainingState, tracker: Tracker, stage: str, max_steps: int, steps_per_epoch: int, folder: Path
    ) -> None:
        """``folder`` is where the checkpoints lie, for the message of ``Diverged``."""
        self._state, self._tracker, self._stage, self._folder = state, tracker, stage, folder
        self._max_steps, self._steps_per_epoch = max_steps, steps_per_epoch
        self._every = max(1, max_steps // NUM_STEP_EVENTS)
        self._pending: list[tuple[Tensor, int]] = []
        self._told = self._rate = 0.0
        self.restart()

    def add(self, total: Tensor, count: int) -> None:
        """The loss of the step under way: its sum over ``count`` samples."""
        self._pending.append((total, count))
        if total.device.type == "cpu":
            self.settle(under_way=1)

    def settle(self, *, under_way: int = 0) -> None:
        """Reads the pending losses; ``under_way``: how many of them are of steps that are not counted yet.

        Raises:
            Diverged: one is not finite.
        """
        if not self._pending:
            return
        totals: list[float] = torch.stack([total for total, _ in self._pending]).tolist()
        first = self._state.step + under_way - len(totals) + 1
        for step, (total, (_, count)) in enumerate(zip(totals, self._pending, strict=True), start=first):
            if not math.isfinite(total):
                raise self.diverged(step, f"a loss of {total}")
            self._loss, self._count = self._loss + total, self._count + count
            self._state.epoch_loss, self._state.epoch_count = (
                self._state.epoch_loss + total,
                self._state.epoch_count + count,
            )
        self._pending.clear()

    def step_done(self, lr: float) -> None:
        """Tells of the step just counted, if it is time to."""
        step, now = self._state.step, time.monotonic()
        due = step == 1 or step % self._every == 0 or step == self._max_steps
        if due or now - self._told >= PROGRESS_EVERY_S:
            self._told = now
            self.settle()
            loss, rate = self._loss / self._count, self._images_per_s()
            progress = {"done": step, "total": self._max_steps, "unit": "steps", "loss": loss, "images_per_s": rate}
            self._tracker.log({"event": "progress", "stage": self._stage, **progress})
            if due:
                self._tell("step", loss=loss, lr=lr, images_per_s=rate)
                self.restart()

    def epoch_done(self) -> None:
        """Tells the mean training loss of the epoch just finished."""
        self.settle()
        loss, rate = self._state.epoch_loss / self._state.epoch_count, self._images_per_s()
        self._state.epoch_loss, self._state.epoch_count = 0.0, 0
        self._tell("epoch", loss=loss, samples_seen=self._state.samples_seen, images_per_s=rate)

    def validated(self, loss: float, accuracy: float | None) -> dict[str, float | int | None]:
        """Tells and returns an evaluation: step, loss, accuracy."""
        if not math.isfinite(loss):
            raise self.diverged(self._state.step, f"a validation loss of {loss}")
        self._tell("validation", loss=loss, accuracy=accuracy)
        return {"step": self._state.step, "loss": loss, "accuracy": accuracy}

    def diverged(self, step: int, found: str) -> Diverged:
        """The error for what a step gave."""
        return Diverged(
            f"training must keep loss, gradients and weights finite; step {step} of '{self._stage}' gave {found}. "
            "Lower fit.optimizer.lr, lengthen the warm-up, set fit.clip_norm, or use fit.precision fp32. "
            f"The last good checkpoint is kept in {self._folder}."
        )

    def _tell(self, event: str, **values: float | int | None) -> None:
        step = self._state.step
        epoch = (step - 1) // self._steps_per_epoch + 1
        self._tracker.log({"event": event, "stage": self._stage, "step": step, "epoch": epoch, **values})

    def _images_per_s(self) -> float:
        seconds = self._state.train_s - self._since[1]
        if seconds > 0:
            self._rate = (self._state.samples_seen - self._since[0]) / seconds
        return self._rate

    def restart(self) -> None:
        """Begins a new window: after an event, or after the state was restored."""
        self._loss, self._count = 0.0, 0
        self._since = self._state.samples_seen, self._state.train_s
