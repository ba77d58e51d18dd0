"""Doctor: what this machine has, what it can do at its best, and what is missing, with the line that installs it."""

from __future__ import annotations

import importlib.util
import shutil
from typing import Any

from basestone.lifecycle.environment import cache_folder, describe_environment, keys_folder
from basestone.lifecycle.threads import pin_threads

EXTRAS = {"track": ("tensorboard", "wandb")}


def doctor() -> dict[str, Any]:
    """Versions, cores, bf16 support, measured peaks in FLOP/s, free disk, missing extras. Takes a few seconds."""
    pin_threads()
    import torch

    from basestone.measures.machine import peaks
    from basestone.training.precision import supports_bf16

    cache = cache_folder()
    existing = next(path for path in (cache, *cache.parents) if path.exists())
    return describe_environment() | {
        "bf16": supports_bf16(),
        "accelerator": str(torch.accelerator.current_accelerator()) if torch.accelerator.is_available() else "none",
        "peaks_flops": peaks(),
        "cache": str(cache),
        "keys": str(keys_folder()),
        "disk_free_bytes": shutil.disk_usage(existing).free,
        "missing_extras": missing_extras(),
    }


def missing_extras() -> list[dict[str, str]]:
    """Optional packages that are not installed, each with the command that brings it."""
    return [
        {"package": package, "install": f"pip install 'basestone[{extra}]'"}
        for extra, packages in EXTRAS.items()
        for package in packages
        if importlib.util.find_spec(package) is None
    ]
