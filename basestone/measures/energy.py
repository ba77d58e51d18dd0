"""What a stretch of work costs: wall time, energy and peak memory, each with the way it was obtained.

**Energy** is read from the processor's own counters (RAPL, ``/sys/class/powercap``) where the kernel lets us; these
count the whole package, other processes included. Elsewhere, as in most virtual machines, it is *estimated*: CPU time ×
12 W, the per-core figure that Green Algorithms uses for an unknown processor (Lannelongue, Grealey & Inouye, Advanced
Science 2021, doi 10.1002/advs.202100707); memory, disks and cooling are left out. ``method`` always says which.

**Peak memory** is the process's peak resident set. Linux resets it on request (``/proc/self/clear_refs``), and then it
is the peak of this stretch; where that is refused it is the peak since the process began, an upper bound.
"""

from __future__ import annotations

import resource
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

WATTS_PER_CORE = 12.0
_POWERCAP = Path("/sys/class/powercap")
_POLL_S = 20.0  # a package counter wraps after many minutes; it must be read more often than that


class EnergyMeter:
    """``with EnergyMeter() as meter: …``; afterwards ``joules``, ``method``, ``wall_s`` and ``peak_memory_bytes``."""

    joules: float
    method: str
    wall_s: float
    peak_memory_bytes: int

    def __init__(self, powercap: Path = _POWERCAP) -> None:
        """``powercap`` is where the kernel shows its energy counters."""
        self._counters = package_counters(powercap)

    def __enter__(self) -> Self:
        """Starts to measure."""
        reset_peak_memory()
        self._started, self._cpu = time.perf_counter(), _cpu_seconds()
        self._joules, self._last = 0.0, [_read(counter) for counter in self._counters]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._poll, daemon=True)
        if self._counters:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stops, and fills the results in even when the work failed."""
        self.wall_s = time.perf_counter() - self._started
        self.peak_memory_bytes = peak_memory_bytes()
        if self._counters:
            self._stop.set()
            self._thread.join()
            self._advance()
            self.joules, self.method = self._joules, "measured: RAPL package counters, whole machine"
        else:
            self.joules = WATTS_PER_CORE * (_cpu_seconds() - self._cpu)
            self.method = (
                f"estimated: CPU time × {WATTS_PER_CORE:g} W per core (Green Algorithms 2021), memory left out"
            )

    def _poll(self) -> None:
        while not self._stop.wait(_POLL_S):
            self._advance()

    def _advance(self) -> None:
        now = [_read(counter) for counter in self._counters]
        for counter, before, after in zip(self._counters, self._last, now, strict=True):
            wrapped = _read(counter.with_name("max_energy_range_uj")) if after < before else 0
            self._joules += (after - before + wrapped) / 1e6
        self._last = now


def training_cost(
    flops_counted: int, flops_analytic: int, samples_seen: int, wall_s: float, meter: EnergyMeter
) -> dict[str, Any]:
    """The fact ``training_cost``; FLOPs are those of the whole training.

    ``wall_s`` covers every attempt of a run that was interrupted, the meter only the last one: the energy is then
    scaled by time, and its method says so.
    """
    share = wall_s / meter.wall_s
    resumed = share > 1.02  # the meter also sees what surrounds the fit
    return {
        "flops_counted": flops_counted,
        "flops_analytic": flops_analytic,
        "samples_seen": samples_seen,
        "wall_s": wall_s,
        "energy_j": meter.joules * (share if resumed else 1.0),
        "energy_method": meter.method + (f"; scaled by {share:.2f} for earlier attempts" if resumed else ""),
        "peak_memory_bytes": meter.peak_memory_bytes,
    }


def added_costs(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The cost of two trainings that made one model, as ``training_cost`` writes it; one that is unknown stays so."""
    sums = {
        name: None if before.get(name) is None or value is None else before[name] + value
        for name, value in after.items()
        if name not in ("energy_method", "peak_memory_bytes")
    }
    methods = [cost["energy_method"] for cost in (before, after) if cost.get("energy_method")]
    peak = max(cost.get("peak_memory_bytes") or 0 for cost in (before, after))
    return sums | {"energy_method": "; ".join(dict.fromkeys(methods)) or None, "peak_memory_bytes": peak}


def package_counters(powercap: Path = _POWERCAP) -> list[Path]:
    """The readable energy counters of whole processor packages; empty where there are none or they are closed to us."""
    found = [path / "energy_uj" for path in sorted(powercap.glob("intel-rapl:*")) if path.name.count(":") == 1]
    try:
        for counter in found:
            _read(counter)
    except OSError:  # root only since CVE-2020-8694: then the energy is estimated, and the method says so
        return []
    return found


def reset_peak_memory() -> bool:
    """Starts the peak resident set anew; False where the system does not allow it."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def peak_memory_bytes() -> int:
    """The peak resident set since the last reset (Linux), or since the process began."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # bytes on macOS, kibibytes on Linux


def _cpu_seconds() -> float:
    """User and system time of this process and of its finished children."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _read(counter: Path) -> int:
    return int(counter.read_text())
