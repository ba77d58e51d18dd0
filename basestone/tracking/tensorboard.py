"""TensorBoard: one event file a stage under ``RUN/tensorboard``, read with ``tensorboard --logdir RUN/tensorboard``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basestone.core.contracts import Tracker
from basestone.core.errors import MissingExtra
from basestone.tracking.scalars import scalars

if TYPE_CHECKING:
    from torch.utils.tensorboard.writer import SummaryWriter


def tensorboard(run_folder: Path, run_name: str) -> Tracker:
    """Curves for TensorBoard, in files only.

    Raises:
        MissingExtra: the ``track`` extra is not installed.
    """
    try:
        import tensorboard  # noqa: F401 (only whether it is there)
    except ImportError as error:
        raise MissingExtra("tensorboard", "track") from error
    return _TensorBoard(run_folder / "tensorboard")


class _TensorBoard:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[str, SummaryWriter] = {}

    def log(self, event: Mapping[str, Any]) -> None:
        if event["event"] == "fit":
            self._open(event["stage"], event["step"])
        for name, value in scalars(event).items():
            writer = self._writers.get(event["stage"]) or self._open(event["stage"], 0)
            writer.add_scalar(name, value, event["step"])

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()

    def _open(self, stage: str, step: int) -> SummaryWriter:
        """A writer whose file voids the steps after ``step`` in the stage's earlier files."""
        from torch.utils.tensorboard.writer import SummaryWriter

        if stage in self._writers:
            self._writers[stage].close()
        self._writers[stage] = SummaryWriter(str(self._folder / stage), purge_step=step + 1)
        return self._writers[stage]
