"""Who listens to a run: the JSONL journal always, a progress display, and the exporters that a recipe names.

Here belongs what carries events somewhere else. What an event says is decided where it arises (the training loop, the
stages); what is made of the journal afterwards belongs to ``reporting``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from basestone.core.contracts import Tracker
from basestone.core.registry import Registry, Section
from basestone.tracking.fanout import Fanout
from basestone.tracking.jsonl import JsonlTracker
from basestone.tracking.tensorboard import tensorboard
from basestone.tracking.wandb import wandb

TRACKERS: Registry[Tracker] = Registry("tracker", {"tensorboard": tensorboard, "wandb": wandb})


def open_trackers(run_folder: Path, run_name: str, sections: Sequence[Section], extra: Tracker | None) -> Tracker:
    """The journal ``events.jsonl``, every exporter that the recipe names, and ``extra``, as one tracker.

    Raises:
        MissingExtra: an exporter's package is not installed.
    """
    exporters = {section.kind: TRACKERS.build(section, run_folder, run_name) for section in sections}
    if extra is not None:
        exporters["display"] = extra
    return Fanout(JsonlTracker(run_folder / "events.jsonl"), exporters)
