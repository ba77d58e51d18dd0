"""Where does a training step go? Measured from outside the loop, on the very steps that a run would take.

The parts of a step are wall times between the calls that the loop makes anyway: it asks the source for a batch, the
objective for a loss, the optimizer for a step. Two passes, since the operator profiler slows what it watches: the first
only reads the clock, the second counts each operator's own time.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.profiler import ProfilerActivity, profile

from basestone.core.batch import Batch
from basestone.core.contracts import BatchSource, Loss, Objective
from basestone.training.loop import FitResult, fit
from basestone.training.options import FitOptions
from basestone.training.precision import Precision
from basestone.training.tuning import operator_shares

WARM_UP, STEPS = 3, 10
NEGLIGIBLE = 0.002
PARTS = ("input", "to_device", "forward", "backward", "optimizer", "bookkeeping")


@dataclass(frozen=True, kw_only=True)
class StepProfile:
    """One training step: the median over ``steps``, without the first 3.

    ``parts_s``: wall seconds by part, in the order of a step; ``operators``: the share (0–1) of each operator in all
    operators' own time, the largest first. ``bookkeeping`` is what the loop adds of its own; ``input_shape``: what one
    sample looked like in most of these steps.
    """

    step_s: float
    parts_s: dict[str, float]
    operators: dict[str, float]
    images_per_s: float
    input_shape: tuple[int, ...]
    precision: Precision
    threads: int
    steps: int


class _Watch:
    """A source and an objective that note when they are called; the notes of one step are closed by the next batch."""

    def __init__(self, source: BatchSource, objective: Objective) -> None:
        self._source, self._objective = source, objective
        self.steps: list[dict[str, float]] = []
        self._now: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._source)

    @property
    def targets(self) -> NDArray[np.int64]:
        return self._source.targets

    def batch(self, positions: NDArray[np.int64], generator: torch.Generator | None = None, *, epoch: int = 0) -> Batch:
        if self._now:
            self.steps.append(self._now | {"end": perf_counter()})
        self._now = {}
        self.note("begin")
        found = self._source.batch(positions, generator, epoch=epoch)
        self.note("batch")
        return found

    def __call__(self, model: nn.Module, batch: Batch) -> Loss:
        self.note("arrived", once=True)
        loss = self._objective(model, batch)
        self.note("loss")
        return loss

    def note(self, name: str, *, once: bool = False) -> None:
        """Remembers when ``name`` happened: the last time, or ``once`` the first."""
        if not (once and name in self._now):
            self._now[name] = perf_counter()


class _Silent:
    def log(self, event: Mapping[str, Any]) -> None:
        """Nobody listens to a rehearsal."""

    def close(self) -> None:
        """Nothing is open."""


def profile_steps(
    model: nn.Module, train: BatchSource, objective: Objective, options: FitOptions, *, seed: int, trace: Path
) -> StepProfile:
    """Takes ``STEPS`` real steps twice, which trains ``model``; the second pass's Chrome trace goes to ``trace``."""
    short, watch = _shortened(options), _Watch(train, objective)
    with _optimizer_hooks(watch):
        result = _pass(model, watch, short, seed)
    rows = [_parts(step) for step in watch.steps[WARM_UP:]]
    parts = {part: statistics.median(row[part] for row in rows) for part in PARTS}
    with profile(activities=[ProfilerActivity.CPU]) as found:
        _pass(model, _Watch(train, objective), short, seed)
    trace.parent.mkdir(parents=True, exist_ok=True)
    found.export_chrome_trace(str(trace))
    step_s = statistics.median(sum(row.values()) for row in rows)
    return StepProfile(
        step_s=step_s,
        parts_s=parts,
        operators={key: share for key, share in operator_shares(found).items() if share > NEGLIGIBLE},
        images_per_s=options.batch_size / step_s,
        input_shape=max(result.shapes, key=lambda shape: result.shapes[shape]),
        precision=result.precision,
        threads=torch.get_num_threads(),
        steps=len(rows),
    )


def _shortened(options: FitOptions) -> FitOptions:
    """The same step, a few times; one step more closes the last one's notes."""
    schedule = FitOptions.model_validate(
        {"max_steps": 1, "optimizer": options.optimizer.model_dump(), "schedule": {"kind": "constant"}}
    ).schedule
    length = {"epochs": None, "max_steps": WARM_UP + STEPS + 1, "early_stop": None, "schedule": schedule}
    return options.model_copy(update=length)


def _pass(model: nn.Module, watch: _Watch, options: FitOptions, seed: int) -> FitResult:
    with tempfile.TemporaryDirectory() as folder:
        return fit(model, watch, None, watch, options, seed=seed, folder=Path(folder), tracker=_Silent())


@contextmanager
def _optimizer_hooks(watch: _Watch) -> Iterator[None]:
    hooks = (
        register_optimizer_step_pre_hook(lambda *_: watch.note("gradients", once=True)),
        register_optimizer_step_post_hook(lambda *_: watch.note("stepped")),
    )
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _parts(step: dict[str, float]) -> dict[str, float]:
    """With micro-batches, ``forward`` holds all forward passes and all backward passes but the last."""
    order = ("begin", "batch", "arrived", "loss", "gradients", "stepped", "end")
    return {part: step[b] - step[a] for part, a, b in zip(PARTS, order[:-1], order[1:], strict=True)}
