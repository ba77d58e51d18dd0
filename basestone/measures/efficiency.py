"""What a model costs to train and to ask: tail latency, operations, memory, energy."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from basestone.core.evidence import Measurement, Records, RecordsMissing
from basestone.measures.energy import EnergyMeter
from basestone.measures.interval import exact, order_statistic_quantile

if TYPE_CHECKING:
    from torch import Tensor

    from basestone.measures.subject import Subject

MIN_RUNS = 299  # 0.99^299 <= 0.05: fewer runs give p99 no upper bound at 95 %


def collect_latency(subject: Subject, raw: Tensor, runs: int, warmup: int = 20) -> dict[str, Any]:
    """The columns of ``latency``: wall time of ``runs`` predictions of the batch ``raw`` (N×C×H×W, uint8 or 0–1).

    From pixels to logits, one call after another in this process (without load: LAT-1, not LAT-2), by the monotonic
    clock; ``warmup`` calls are left out and the garbage collector waits.
    """
    return _timed(lambda: _predict(subject, raw), len(raw), runs, warmup)


def collect_synthesis(step: Callable[[], object], audio_s: float, runs: int, warmup: int = 20) -> dict[str, Any]:
    """The columns of ``synthesis_time``: wall time of ``runs`` calls that each make ``audio_s`` seconds of sound."""
    return _timed(step, 1, runs, warmup) | {"audio_s": np.full(runs, audio_s)}


def _timed(call: Callable[[], object], batch_size: int, runs: int, warmup: int) -> dict[str, Any]:
    for _ in range(warmup):
        call()
    nanoseconds = np.empty(runs, np.int64)
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for run in range(runs):
            started = time.perf_counter_ns()
            call()
            nanoseconds[run] = time.perf_counter_ns() - started
    finally:
        if collecting:
            gc.enable()
    return {
        "run": np.arange(runs, dtype=np.int64),
        "batch_size": np.full(runs, batch_size, np.int64),
        "seconds": nanoseconds / 1e9,
    }


def measure_inference(subject: Subject, raw: Tensor, least_s: float = 0.5) -> dict[str, Any]:
    """Peak memory and energy of predicting the batch ``raw`` over and over for at least ``least_s`` seconds.

    Returns ``peak_memory_bytes`` (the whole process, libraries included), ``joules_per_sample``, ``energy_method``.
    """
    _predict(subject, raw)
    count = 0
    with EnergyMeter() as meter:
        deadline = time.perf_counter() + least_s
        while time.perf_counter() < deadline:
            _predict(subject, raw)
            count += len(raw)
    return {
        "peak_memory_bytes": meter.peak_memory_bytes,
        "joules_per_sample": meter.joules / count,
        "energy_method": meter.method,
    }


def latency_p99(records: Records) -> Measurement:
    """The 99th percentile of the wall time of one prediction, in seconds; bounds by order statistics (≥ 299 runs)."""
    return _p99(records, "latency")


def _p99(records: Records, name: str) -> Measurement:
    seconds = records.table(name)["seconds"]
    if len(seconds) < MIN_RUNS:
        raise RecordsMissing(f"an upper bound of p99 at 95 % needs at least {MIN_RUNS} runs; there are {len(seconds)}")
    value, interval = order_statistic_quantile(seconds, 0.99)
    sizes = sorted(set(records.table(name)["batch_size"].tolist()))
    detail = {"p50_s": float(np.median(seconds)), "max_s": float(seconds.max()), "batch_size": sizes}
    return Measurement(measure="latency_p99", value=value, unit="s", n=len(seconds), interval=interval, detail=detail)


def real_time_factor(records: Records) -> Measurement:
    """The p99 of a prediction's wall time over the length of the recording: below 1 it keeps up with who speaks."""
    return _over_sound("real_time_factor", records, "latency")


def synthesis_real_time_factor(records: Records) -> Measurement:
    """The p99 of the wall time in which a stretch of sound is made over its length: below 1 it can be heard as made."""
    return _over_sound("synthesis_real_time_factor", records, "synthesis_time")


def _over_sound(name: str, records: Records, table: str) -> Measurement:
    audio = records.table(table).get("audio_s")
    if audio is None or not (audio > 0).all():
        raise RecordsMissing(f"a real-time factor needs 'audio_s', the seconds of the recording, in '{table}'")
    timed, seconds = _p99(records, table), float(audio[0])
    bounds = replace(timed.interval, lower=timed.interval.lower / seconds, upper=timed.interval.upper / seconds)
    return Measurement(
        measure=name,
        value=timed.value / seconds,
        unit="1",
        n=timed.n,
        interval=bounds,
        detail=dict(timed.detail) | {"audio_s": seconds},
    )


def training_flops_error(records: Records) -> Measurement:
    """|counted / analytic - 1|: a counter that missed an operation, or counted one twice, shows here."""
    cost = records.fact("training_cost")
    counted, analytic = (_positive(cost, name) for name in ("flops_counted", "flops_analytic"))
    detail = {"flops_counted": counted, "flops_analytic": analytic}
    return _counted("training_flops_error", abs(counted / analytic - 1), "fraction", detail)


def training_record_complete(records: Records) -> Measurement:
    """The share of the required figures that training wrote down; energy counts only with its method."""
    cost = records.fact("training_cost")
    present = {name: _present(cost, name) for name in ("flops_counted", "samples_seen", "wall_s", "peak_memory_bytes")}
    present["energy_j"] = _present(cost, "energy_j") and bool(cost.get("energy_method"))
    missing = [name for name, there in present.items() if not there]
    detail = {"missing": missing, "energy_method": cost.get("energy_method")}
    return _counted("training_record_complete", 1 - len(missing) / len(present), "fraction", detail)


def inference_flops(records: Records) -> Measurement:
    """Floating-point operations of one prediction, counted (a multiply-add is two)."""
    value = _positive(records.fact("inference_cost"), "flops_per_sample")
    return _counted("inference_flops", value, "FLOP", {"method": "counted"})


def inference_memory(records: Records) -> Measurement:
    """Peak resident memory of a process that predicts, in bytes, libraries included."""
    value = _positive(records.fact("inference_cost"), "peak_memory_bytes")
    return _counted("inference_memory", value, "B", {"method": "peak resident set of the process"})


def inference_energy(records: Records) -> Measurement:
    """Energy of one prediction, in joules; the detail says whether it was measured or estimated."""
    cost = records.fact("inference_cost")
    if not cost.get("energy_method"):
        raise RecordsMissing("the energy of a prediction counts only with the method that gave it; none is recorded")
    value = _positive(cost, "joules_per_sample")
    return _counted("inference_energy", value, "J", {"method": cost["energy_method"]})


def _predict(subject: Subject, raw: Tensor) -> None:
    from basestone.measures.subject import to_unit

    subject.logits(to_unit(raw))


def _counted(name: str, value: float, unit: str, detail: dict[str, Any]) -> Measurement:
    return Measurement(measure=name, value=value, unit=unit, n=1, interval=exact(value), detail=detail)


def _present(cost: Mapping[str, Any], name: str) -> bool:
    value = cost.get(name)
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0


def _positive(cost: Mapping[str, Any], name: str) -> float:
    if not _present(cost, name):
        raise RecordsMissing(f"'{name}' must be a positive number; the record holds {cost.get(name)!r}")
    return float(cost[name])
