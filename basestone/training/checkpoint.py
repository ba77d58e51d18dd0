"""Checkpoints that are whole or absent: a folder of safetensors and JSON, written beside its place and renamed into it.

``checkpoints/step-000000123/`` holds ``tensors.safetensors`` and ``state.json``; the latter names the recipe it belongs
to and the digest of the former. Nothing in it can execute anything.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from basestone.core.artifact import file_digest, read_json, sync, write_json
from basestone.core.errors import ArtifactError

TENSORS = "tensors.safetensors"
STATE = "state.json"


def save_checkpoint(
    folder: Path, identity: str, step: int, tensors: dict[str, Tensor], scalars: dict[str, Any], keep: int
) -> Path:
    """Writes ``folder/step-…`` and removes all but the ``keep`` newest; returns its path.

    ``identity`` is the digest of everything that the run depends on.
    """
    _discard_unfinished(folder)
    final = folder / f"step-{step:09d}"
    temporary = folder / f".{final.name}.tmp"
    temporary.mkdir(parents=True)
    save_file({name: tensor.contiguous().cpu() for name, tensor in tensors.items()}, temporary / TENSORS)
    sync(temporary / TENSORS)
    digest = file_digest(temporary / TENSORS)
    write_json(temporary / STATE, {"identity": identity, "step": step, "tensors": digest, "scalars": scalars})
    sync(temporary)
    if final.exists():  # only ever a broken one, which loading stepped over
        shutil.rmtree(final)
    temporary.rename(final)
    sync(folder)
    for old in _newest_first(folder)[keep:]:
        shutil.rmtree(old)
    return final


def load_checkpoint(
    folder: Path, identity: str, warn: Callable[[Path, str], object]
) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Tensors and scalars of the newest whole checkpoint, or None; each broken one is told to ``warn``, with its fault.

    Raises:
        ArtifactError: the checkpoint belongs to another recipe, data set or model.
    """
    for path in _newest_first(folder):
        try:
            state = _read_whole(path)
        except (ArtifactError, UnicodeDecodeError) as error:
            warn(path, str(error))
            continue
        if state["identity"] != identity:
            raise ArtifactError(
                f"{path} must belong to the recipe, data and model that are trained now, and it does not. "
                f"Restore them, or delete {folder} to start anew."
            )
        return load_file(path / TENSORS), state["scalars"]
    return None


def _read_whole(path: Path) -> dict[str, Any]:
    state = read_json(path / STATE)
    if not isinstance(state, dict) or not state.keys() >= {"identity", "step", "tensors", "scalars"}:
        raise ArtifactError(f"{path / STATE} must hold identity, step, tensors and scalars, and does not.")
    if not (path / TENSORS).is_file() or file_digest(path / TENSORS) != state["tensors"]:
        raise ArtifactError(f"{path / TENSORS} must have the digest that {STATE} names, and is missing or has another.")
    return state


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*"), reverse=True)


def _discard_unfinished(folder: Path) -> None:
    for path in folder.glob(".step-*.tmp"):
        shutil.rmtree(path)
