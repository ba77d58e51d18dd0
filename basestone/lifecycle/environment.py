"""The machine and the versions a run was made with, and where this user's caches and keys lie."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

LIBRARIES = ("torch", "torchvision", "timm", "datasets", "numpy", "scipy", "scikit-learn", "pillow", "pyarrow")


def version() -> str:
    """The installed version of Basestone."""
    return metadata.version("basestone")


def describe_environment() -> dict[str, Any]:
    """The JSON object of ``environment.json``. Torch-free; names no user and no host."""
    return {
        "basestone": version(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "threads": os.environ.get("OMP_NUM_THREADS"),
        "libraries": {name: metadata.version(name) for name in LIBRARIES},
        "byte_order": sys.byteorder,
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def cache_folder() -> Path:
    """Where decoded data lie: ``$BASESTONE_CACHE``, or the user's cache folder. Safe to delete."""
    from platformdirs import user_cache_path

    named = os.environ.get("BASESTONE_CACHE")
    return Path(named) if named else user_cache_path("basestone")


def keys_folder() -> Path:
    """Where signing keys lie: ``$BASESTONE_KEYS``, or the user's configuration folder. Not safe to delete."""
    from platformdirs import user_config_path

    named = os.environ.get("BASESTONE_KEYS")
    return Path(named) if named else user_config_path("basestone") / "keys"
