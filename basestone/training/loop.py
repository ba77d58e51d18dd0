"""The one training loop.

Everything random in a step is derived from (seed, step), so that a resumed run is the unbroken run.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from basestone.core.batch import Batch
from basestone.core.contracts import BatchSource, Objective, StepHook, Tracker
from basestone.core.errors import Stopped
from basestone.core.evidence import digest_of
from basestone.core.seed import derive, torch_generator
from basestone.training.accountants import noise_for
from basestone.training.balance import Balanced, strata
from basestone.training.checkpoint import load_checkpoint, save_checkpoint
from basestone.training.convergence import Convergence
from basestone.training.ema import Average
from basestone.training.memory import freed_memory_kept
from basestone.training.meter import Meter
from basestone.training.optim import OPTIMIZERS
from basestone.training.options import FitOptions
from basestone.training.order import positions, steps_per_epoch
from basestone.training.precision import Precision, autocast
from basestone.training.predict import device_of, evaluate, to_device
from basestone.training.private import PrivateSteps, Spent, secret_of
from basestone.training.schedule import SCHEDULES
from basestone.training.signals import stop_requests
from basestone.training.state import TrainingState
from basestone.training.tuning import tuned


@dataclass(frozen=True, kw_only=True)
class FitResult:
    """What a run took and came to; the curves are in its events.

    ``shapes``: samples seen by the shape of their input, as augmentation may change it during a run.
    ``best_validation`` and ``last_validation``: ``{"step", "loss", "accuracy"}``, None without validation data.
    ``wall_s`` and ``train_s`` (without evaluation and checkpoints) add up over every attempt that was resumed;
    ``precision`` and ``compiled`` are what was used, where the recipe said ``auto`` too. ``private``: what a private
    training's ε follows from.
    """

    steps: int
    epochs: float
    samples_seen: int
    shapes: dict[tuple[int, ...], int]
    stopped_early: bool
    best_validation: dict[str, Any] | None
    last_validation: dict[str, Any] | None
    wall_s: float
    train_s: float
    precision: Precision
    compiled: bool
    private: Spent | None = None


def fit(
    model: nn.Module,
    train: BatchSource,
    validation: BatchSource | None,
    objective: Objective,
    options: FitOptions,
    *,
    seed: int,
    folder: Path,
    tracker: Tracker,
    stage: str = "pretrain",
    should_stop: Callable[[], bool] | None = None,
    identity: str = "",
    hook: StepHook | None = None,
) -> FitResult:
    """Trains ``model`` in place, from the newest whole checkpoint in ``folder/checkpoints`` if there is one.

    Afterwards the model holds the weights to ship (the average when ``ema_decay`` is set; those of the last step, not
    of the best validation, which would be a choice made on the validation data) and is in eval mode.
    ``should_stop`` is asked after each step; None: SIGINT and SIGTERM ask to stop. ``identity`` is the caller's digest
    of what only it knows (data, initialisation); a checkpoint of another identity or recipe is refused. ``hook`` has
    its part in every step.

    Events: ``fit`` when it begins, with the step it goes on from; ``step``, ``epoch``, ``validation``, ``progress``.

    Raises:
        Stopped: on request; everything up to the last step is saved.
        Diverged: a loss, gradient or weight is not finite; the last good checkpoint is kept.
        ArtifactError: the checkpoints belong to something else.
    """
    loop = _Loop(model, train, validation, objective, options, seed, folder, tracker, stage, identity, hook)
    with freed_memory_kept(), nullcontext(should_stop) if should_stop else stop_requests() as asked:
        return loop.run(asked)


class _Loop:
    def __init__(
        self,
        model: nn.Module,
        train: BatchSource,
        validation: BatchSource | None,
        objective: Objective,
        options: FitOptions,
        seed: int,
        folder: Path,
        tracker: Tracker,
        stage: str,
        identity: str,
        hook: StepHook | None,
    ) -> None:
        self.model, self.train, self.validation, self.objective = model, train, validation, objective
        self.seed, self.folder, self.tracker, self.stage = seed, folder / "checkpoints", tracker, stage
        self.device = device_of(model)
        self.balanced = Balanced(strata(train, options.balance), seed) if options.balance else None
        self.steps_per_epoch = steps_per_epoch(len(train), options.batch_size)
        self.max_steps = options.max_steps or (options.epochs or 0) * self.steps_per_epoch
        self.micro_batch = math.ceil(options.batch_size / options.accumulate)
        if options.channels_last:
            model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.options = tuned(options, model, objective, partial(self._sample, options), self.max_steps, folder)
        self.precision: Precision = "bf16" if self.options.precision == "bf16" else "fp32"
        self.forward = cast("nn.Module", torch.compile(model)) if self.options.compile else model
        self.optimizer = OPTIMIZERS.build(options.optimizer, model)
        self.schedule = SCHEDULES.build(options.schedule, self.optimizer, self.max_steps)
        self.parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        average = None if options.ema_decay is None else Average(model, options.ema_decay)
        self.state = TrainingState(model, self.optimizer, average, Convergence(options.early_stop), hook)
        self.private = self._private(model, objective)
        self.meter = Meter(self.state, tracker, stage, self.max_steps, self.steps_per_epoch, self.folder)
        says = self.options.model_dump(mode="json", exclude={"checkpoint_every", "keep_checkpoints"})
        sizes = [len(train), 0 if validation is None else len(validation)]
        self.identity = digest_of({"options": says, "seed": seed, "sizes": sizes, "caller": identity})

    def _private(self, model: nn.Module, objective: Objective) -> PrivateSteps | None:
        options, num_samples, batch_size = self.options.private, len(self.train), self.options.batch_size
        if options is None:
            return None
        noise = options.noise
        if noise is None:
            rate = min(1.0, batch_size / num_samples)
            noise = noise_for(options.epsilon or 0.0, rate, self.max_steps, options.delta)
        return PrivateSteps(
            model,
            objective,
            options,
            noise,
            num_samples=num_samples,
            batch_size=batch_size,
            at_once=self.micro_batch,
            secret=secret_of(self.folder, options, self.seed),
        )

    def _sample(self, options: FitOptions, count: int) -> Batch:
        """At most ``count`` samples as a step would see them, to measure with."""
        batch = self.train.batch(np.arange(min(count, len(self.train))), torch_generator(self.seed, "probe"))
        return to_device(batch, self.device, options.channels_last)

    def run(self, should_stop: Callable[[], bool]) -> FitResult:
        saved = self._resume()
        self.clock = time.monotonic()
        self.model.train()
        with torch.random.fork_rng(devices=[] if self.device.type == "cpu" else [self.device]):
            while self.state.step < self.max_steps and not self.state.convergence.reached:
                saved = self._advance(should_stop)
        if not saved:
            self._save()
        return self._finish()

    def _resume(self) -> bool:
        """Goes on from a checkpoint; says whether there was one."""
        found = load_checkpoint(self.folder, self.identity, self._warn)
        if found is not None:
            self.state.restore(*found)
            self.meter.restart()
        begins = {"step": self.state.step, "max_steps": self.max_steps, "steps_per_epoch": self.steps_per_epoch}
        self.tracker.log({"event": "fit", "stage": self.stage, **begins})
        return found is not None

    def _warn(self, path: Path, fault: str) -> None:
        self.tracker.log({"event": "warning", "stage": self.stage, "message": f"{path} is skipped: {fault}"})

    def _advance(self, should_stop: Callable[[], bool]) -> bool:
        """One step and all that is due after it; says whether the state is on disk."""
        state, options = self.state, self.options
        lr = self._step()
        if self.validation is not None and self._due(options.evaluate_every):
            self._validate(self.validation)
        self.meter.step_done(lr)
        if state.step % self.steps_per_epoch == 0:
            self.meter.epoch_done()
        stopping = should_stop()
        due = stopping or self._due(options.checkpoint_every)
        if due:
            self._save()
        if stopping and state.step < self.max_steps:
            raise Stopped(
                f"'{self.stage}' was stopped after step {state.step} of {self.max_steps}; everything up to there is in "
                f"{self.folder}. Run the same command again to go on."
            )
        return due

    def _due(self, every: int | None) -> bool:
        step = self.state.step
        return step % (every or self.steps_per_epoch) == 0 or step == self.max_steps

    def _step(self) -> float:
        """Moves the weights once; returns the learning rate."""
        started, state, options = time.monotonic(), self.state, self.options
        torch.manual_seed(derive(self.seed, "torch", state.step))
        if self.private is not None:
            chosen = self.private.positions(state.step)
        else:
            chosen = positions(self.seed, len(self.train), options.batch_size, state.step)
        draws, epoch = torch_generator(self.seed, "augment", state.step), state.step // self.steps_per_epoch
        if self.balanced is not None:
            chosen = self.balanced(chosen, epoch)
        batch = self.train.batch(chosen, draws, epoch=epoch)
        self._backward(to_device(batch, self.device, options.channels_last))
        if options.clip_norm is not None:
            norm = nn.utils.clip_grad_norm_(self.parameters, options.clip_norm)
            if norm.device.type == "cpu" and not norm.isfinite():
                raise self.meter.diverged(state.step + 1, f"a gradient norm of {norm.item()}")
        lr = self.schedule.apply(state.step)
        self.optimizer.step()
        if state.hook is not None:
            state.hook(state.step + 1)
        self.optimizer.zero_grad(set_to_none=True)
        if state.average is not None:
            state.average.update(state.step)
        state.saw(batch.inputs)
        state.train_s += time.monotonic() - started
        return lr

    def _backward(self, batch: Batch) -> None:
        """Gradients of the mean loss over the batch, whatever the number of micro-batches (batch statistics apart)."""
        if self.private is not None:
            return self.meter.add(*self.private.backward(batch, self.state.step))
        parts = micro_batches(batch, self.micro_batch)
        totals: list[Tensor] = []
        count = 0
        for part in parts:
            whole = len(part) == self.micro_batch  # a smaller last batch would be compiled anew, for one step an epoch
            with autocast(self.precision, self.device):
                loss = self.objective(self.forward if whole else self.model, part)
            (loss.total / (loss.count if len(parts) == 1 else len(batch))).backward()
            totals.append(loss.total.detach())
            count += loss.count
        if len(parts) > 1 and count != len(batch):  # the objective counts other things than samples, e.g. masked tokens
            for grad in (parameter.grad for parameter in self.parameters if parameter.grad is not None):
                grad.mul_(len(batch) / count)
        self.meter.add(torch.stack(totals).sum(), count)

    def _validate(self, validation: BatchSource) -> None:
        options, average = self.options, self.state.average
        with average.in_model() if average else nullcontext():
            found = evaluate(
                self.model,
                validation,
                self.objective,
                batch_size=self.micro_batch,
                precision=self.precision,
                channels_last=options.channels_last,
            )
        self.state.convergence.observe(self.meter.validated(found.loss, found.accuracy))

    def _save(self) -> None:
        """Writes a checkpoint of finite weights only, so that the newest one is always good."""
        self.meter.settle()
        if not nn.utils.get_total_norm(self.parameters).isfinite():
            raise self.meter.diverged(self.state.step, "weights that are not finite")
        now = time.monotonic()
        self.state.wall_s, self.clock = self.state.wall_s + now - self.clock, now
        keep, state = self.options.keep_checkpoints, self.state
        save_checkpoint(self.folder, self.identity, state.step, state.tensors(), state.scalars(), keep)

    def _finish(self) -> FitResult:
        state = self.state
        if state.average is not None:
            state.average.copy_to_model()
        self.model.to(memory_format=torch.contiguous_format)  # pyright: ignore[reportCallIssue]
        self.model.eval()
        return FitResult(
            steps=state.step,
            epochs=state.step / self.steps_per_epoch,
            samples_seen=state.samples_seen,
            shapes=dict(state.shapes),
            stopped_early=state.convergence.reached and state.step < self.max_steps,
            best_validation=state.convergence.best or None,
            last_validation=state.convergence.last or None,
            wall_s=state.wall_s + time.monotonic() - self.clock,
            train_s=state.train_s,
            precision=self.precision,
            compiled=self.forward is not self.model,
            private=None if self.private is None else self.private.spent(state.step),
        )


def micro_batches(batch: Batch, size: int) -> list[Batch]:
    """The batch cut evenly into as few parts of at most ``size`` samples as it takes."""
    num_parts = math.ceil(len(batch) / size)
    if num_parts == 1:
        return [batch]
    columns = (torch.tensor_split(column, num_parts) for column in (batch.inputs, batch.targets, batch.index))
    return [
        replace(batch, inputs=inputs, targets=targets, index=index)
        for inputs, targets, index in zip(*columns, strict=True)
    ]
