"""How many threads may compute: as many as there are cores that this process may really use, and always as many.

A library left to itself counts the machine's logical CPUs, and so takes too many where a container has a quota or where
two of them share a core's vector units. The number is written into ``environment.json``.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable
from pathlib import Path

SIBLINGS = "topology/thread_siblings_list"
BINDINGS = ("OMP_PROC_BIND", "GOMP_CPU_AFFINITY", "KMP_AFFINITY")


def pin_threads() -> int:
    """Sets and returns the number of threads: ``OMP_NUM_THREADS`` where the user (or torchrun) set it.

    Where the user binds threads to CPUs, the main thread's affinity mask no longer says what there is: all CPUs count.
    """
    named = os.environ.get("OMP_NUM_THREADS", "")
    count = int(named) if named.isdecimal() and int(named) > 0 else usable_cores()
    os.environ["OMP_NUM_THREADS"] = str(count)  # read by OpenMP when torch is first imported
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(count)
    return count


def usable_cores(cpus: Path = Path("/sys/devices/system/cpu"), quota: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Physical cores that the affinity mask and the control group's quota leave, at least 1."""
    return max(1, min(_physical(_allowed(), cpus), _granted(quota)))


def _allowed() -> Iterable[int]:
    bound = any(os.environ.get(name) for name in BINDINGS)
    if hasattr(os, "sched_getaffinity") and not bound:
        return os.sched_getaffinity(0)
    return range(os.cpu_count() or 1)


def _physical(allowed: Iterable[int], cpus: Path) -> int:
    """CPUs of one core name the same siblings; where the system says nothing, each is a core of its own."""
    files = {cpu: cpus / f"cpu{cpu}" / SIBLINGS for cpu in allowed}
    return len({file.read_text().strip() if file.exists() else str(cpu) for cpu, file in files.items()})


def _granted(quota: Path) -> int:
    """CPUs' worth of time that cgroup v2 grants (``"150000 100000"`` is 1.5), rounded up; no limit: all there are."""
    limit, _, period = (quota.read_text() if quota.exists() else "max").strip().partition(" ")
    return math.ceil(int(limit) / int(period)) if limit != "max" else os.cpu_count() or 1
