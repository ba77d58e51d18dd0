"""Weights & Biases, offline: files under ``RUN/wandb`` that the user may upload later with ``wandb sync``.

Nothing leaves the machine: no account, no telemetry, no error reports, no code, no git remote, no machine facts.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basestone.core.contracts import Tracker
from basestone.core.errors import MissingExtra
from basestone.tracking.scalars import scalars

if TYPE_CHECKING:
    from wandb import Run


def wandb(run_folder: Path, run_name: str, *, project: str = "basestone") -> Tracker:
    """Curves for Weights & Biases, in files only.

    Raises:
        MissingExtra: the ``track`` extra is not installed.
    """
    os.environ["WANDB_ERROR_REPORTING"] = "false"  # wandb reads it when it is imported, and would report to its maker
    try:
        import wandb
    except ImportError as error:
        raise MissingExtra("wandb", "track") from error
    settings = wandb.Settings(
        mode="offline",
        console="off",
        silent=True,
        disable_code=True,
        disable_git=True,
        x_disable_meta=True,
        x_disable_stats=True,
        x_disable_machine_info=True,
    )
    return _Wandb(
        wandb.init(project=project, name=run_name, dir=str(run_folder), reinit="create_new", settings=settings)
    )


class _Wandb:
    """Steps of several stages do not share one axis: each curve has its own ``<stage>/step``."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._stages: set[str] = set()

    def log(self, event: Mapping[str, Any]) -> None:
        values = scalars(event)
        if not values:
            return
        stage = event["stage"]
        if stage not in self._stages:
            self._stages.add(stage)
            self._run.define_metric(f"{stage}/step")
            self._run.define_metric(f"{stage}/*", step_metric=f"{stage}/step")
        self._run.log({f"{stage}/step": event["step"]} | {f"{stage}/{name}": value for name, value in values.items()})

    def close(self) -> None:
        self._run.finish()
