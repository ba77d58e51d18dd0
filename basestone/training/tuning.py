"""Which arithmetic is fastest for this model on this machine? Measured, never assumed, and remembered in the run.

``fit`` asks only for what a recipe leaves ``auto``. Both number formats are tried on a few real samples, in turn. A
compiled model is tried only when the most that it could save is worth its compile time: what fusion can save is time
outside convolutions and matrix products, which a profile of one step bounds.
"""

from __future__ import annotations

import copy
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, cast

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from basestone.core.artifact import read_json, write_json
from basestone.core.batch import Batch
from basestone.core.contracts import Objective
from basestone.training.options import FitOptions
from basestone.training.precision import Precision, autocast

PROBED_SAMPLES = 64
ROUNDS = 3
WORTH = 1.1  # bf16 has 8 bits of mantissa: it must be this much faster to be chosen
COMPILE_S = 60.0  # assumed: the least that compiling a forward and a backward graph takes on a few cores
PRODUCTS = ("convolution", "mm", "linear", "attention", "onednn", "mkldnn", "bmm")

FILE = "tuning.json"

Sample = Callable[[int], Batch]


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """What was chosen, and the seconds it was chosen by.

    ``step_s``: seconds of one forward and backward pass on the probed samples, by what was tried (median of 3).
    ``compiling``: why the model is compiled or is not; None when the recipe said so itself.
    """

    precision: Precision
    compile: bool
    step_s: dict[str, float]
    compiling: str | None = None


def tuned(
    options: FitOptions,
    model: nn.Module,
    objective: Objective,
    sample: Callable[[int], Batch],
    steps: int,
    folder: Path,
) -> FitOptions:
    """The options with nothing left ``auto``; what was measured is in ``folder/tuning.json`` and measured only once.

    ``sample(n)`` gives a batch of n training samples on the model's device; ``steps``: how many the run will take.
    """
    if options.precision != "auto" and options.compile != "auto":
        return options
    file = folder / FILE
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_json(file, asdict(_measured(options, model, objective, sample, steps)))
    found: dict[str, Any] = read_json(file)
    return options.model_copy(update={"precision": found["precision"], "compile": found["compile"]})


def _measured(options: FitOptions, model: nn.Module, objective: Objective, sample: Sample, steps: int) -> Tuning:
    batch = sample(min(PROBED_SAMPLES, options.batch_size))
    with torch.random.fork_rng(devices=[]):
        works = {name: _work(copy.deepcopy(model).train(), objective, batch, name) for name in _candidates(options)}
        seconds = _alternating(works)
        slow = seconds.get("fp32", float("inf"))
        precision = cast("Precision", "bf16" if seconds.get("bf16", float("inf")) * WORTH <= slow else "fp32")
        if options.compile != "auto":
            return Tuning(precision=precision, compile=options.compile, step_s=seconds)
        scale = steps * options.batch_size / len(batch)
        return _with_compiling(precision, seconds, works[precision], model, objective, batch, scale)


def _candidates(options: FitOptions) -> list[str]:
    return ["fp32", "bf16"] if options.precision == "auto" else [options.precision]


def _work(model: nn.Module, objective: Objective, batch: Batch, precision: str) -> Callable[[], None]:
    def step() -> None:
        with autocast(cast("Precision", precision), batch.inputs.device):
            loss = objective(model, batch)
        loss.total.backward()
        model.zero_grad(set_to_none=True)
        if batch.inputs.device.type != "cpu":
            torch.accelerator.synchronize()

    return step


def _alternating(works: dict[str, Callable[[], None]]) -> dict[str, float]:
    """The median seconds of each, taken in turns after one turn that does not count."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(1 + ROUNDS):
        for name, work in works.items():
            times[name].append(_seconds(work))
    return {name: statistics.median(values[1:]) for name, values in times.items()}


def _seconds(work: Callable[[], None]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started


def _with_compiling(
    precision: Precision,
    seconds: dict[str, float],
    eager: Callable[[], None],
    model: nn.Module,
    objective: Objective,
    batch: Batch,
    scale: float,
) -> Tuning:
    """Compiles only where the bound allows a gain, and keeps it only where it is one. ``scale``: steps to come."""
    most = outside_products(eager) * seconds[precision] * scale
    if most < COMPILE_S:
        reason = f"at most {most:.0f} s can be saved, and compiling takes {COMPILE_S:.0f} s or more"
        return Tuning(precision=precision, compile=False, step_s=seconds, compiling=reason)
    try:
        compiled = _work(cast("nn.Module", torch.compile(copy.deepcopy(model).train())), objective, batch, precision)
        took = _seconds(compiled)
        raced = _alternating({"eager": eager, "compiled": compiled})
    except Exception as error:  # a missing compiler, an operator it does not know: training goes on without
        reason = f"compiling failed: {str(error).splitlines()[0][:200] if str(error) else type(error).__name__}"
        return Tuning(precision=precision, compile=False, step_s=seconds, compiling=reason)
    saved = (raced["eager"] - raced["compiled"]) * scale
    reason = f"compiling takes {took:.0f} s and saves {saved:.0f} s"
    return Tuning(precision=precision, compile=saved > took, step_s=seconds | raced, compiling=reason)


def outside_products(work: Callable[[], None]) -> float:
    """The share (0–1) of the operators' own time that is not convolution, matrix product or attention."""
    with profile(activities=[ProfilerActivity.CPU]) as found:
        work()
    return 1 - sum(share for key, share in operator_shares(found).items() if any(part in key for part in PRODUCTS))


def operator_shares(found: profile) -> dict[str, float]:
    """Each operator's share (0–1) in all operators' own time, the largest first."""
    own = {event.key: event.self_cpu_time_total for event in found.key_averages()}
    total = max(sum(own.values()), 1e-9)
    return {key: time / total for key, time in sorted(own.items(), key=lambda item: -item[1])}
