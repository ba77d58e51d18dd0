"""How every stage runs: skip it when nothing it depends on has changed, resume it when it was interrupted.

A stage's folder first gets ``.inputs`` (the digest of all it depends on), then its files, then ``manifest.json``. Equal
inputs and a manifest: nothing to do. Equal inputs and no manifest: the work goes on from what is there. Other
inputs: the folder is emptied first.
"""

from __future__ import annotations

import fcntl
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from basestone.core.artifact import MANIFEST, Manifest, digest_files, write_json, write_text
from basestone.core.contracts import Tracker
from basestone.core.errors import ArtifactError, UsageError
from basestone.core.evidence import digest_of
from basestone.core.run import RunFolder
from basestone.lifecycle.environment import describe_environment, version
from basestone.recipe.schema import Recipe

SCRATCH = {"checkpoints", MANIFEST, ".inputs"}


@dataclass(frozen=True, kw_only=True)
class Corridor:
    """What every door is given: the recipe, where the run, the caches and the keys lie, and who listens.

    ``refuse_changes`` is off when only an audit is asked for: a finished stage whose files were changed is then
    not refused but judged (SEC-1). ``places``: dotted path → file and line of what the recipe says.
    """

    recipe: Recipe
    folder: RunFolder
    cache: Path
    keys: Path
    tracker: Tracker
    refuse_changes: bool = True
    places: Mapping[str, tuple[str, int | None]] = field(default_factory=dict[str, tuple[str, int | None]])

    def progress(self, stage: str, unit: str) -> Callable[[int, int], None]:
        """A ``(done, total)`` callback that reports to the trackers."""
        return lambda done, total: self.tracker.log(
            {"event": "progress", "stage": stage, "done": done, "total": total, "unit": unit}
        )


def perform(
    corridor: Corridor,
    stage: str,
    kind: str,
    *,
    depends: Mapping[str, Any],
    parents: Mapping[str, Manifest],
    work: Callable[[Path], dict[str, Any]],
) -> Manifest:
    """Runs ``work`` in the stage's folder unless its outcome is already there; returns the stage's manifest.

    Raises:
        ArtifactError: a finished stage's file is no longer what the manifest says. Nothing is overwritten.
    """
    folder = corridor.folder.stage(stage)
    digests = {name: manifest.digest for name, manifest in parents.items()}
    inputs = digest_of({"kind": kind, "depends": depends, "parents": digests, "seed": corridor.recipe.seed})
    finished = corridor.folder.manifest(stage)
    if finished is not None and finished.inputs == inputs:
        if corridor.refuse_changes:
            _refuse_changed_files(finished, folder)
        corridor.tracker.log({"event": "stage", "stage": stage, "state": "unchanged"})
        return finished
    _enter(folder, inputs)
    write_json(corridor.folder.environment, describe_environment())
    corridor.tracker.log({"event": "stage", "stage": stage, "state": "started"})
    started = time.monotonic()
    facts = work(folder)
    manifest = Manifest(
        stage=stage,
        kind=kind,
        inputs=inputs,
        parents=digests,
        files=digest_files(folder, _outputs(folder) + facts.pop("files", [])),
        wall_s=round(time.monotonic() - started, 3),
        version=version(),
        facts=facts,
    )
    manifest.write(folder)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    corridor.tracker.log({"event": "stage", "stage": stage, "state": "finished", "wall_s": manifest.wall_s})
    return manifest


def _refuse_changed_files(manifest: Manifest, folder: Path) -> None:
    changed = manifest.changed_files(folder)
    if changed:
        raise ArtifactError(
            f"Every file of stage '{manifest.stage}' must be what {folder / MANIFEST} says, and {', '.join(changed)} "
            f"is not. Restore it, or delete {folder} to make the stage again."
        )


def _enter(folder: Path, inputs: str) -> None:
    """Empties the folder unless it holds unfinished work with the same inputs."""
    mark = folder / ".inputs"
    if (folder / MANIFEST).exists() or not mark.exists() or mark.read_text() != inputs:
        shutil.rmtree(folder, ignore_errors=True)
        write_text(mark, inputs)


def _outputs(folder: Path) -> list[str]:
    return [
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] not in SCRATCH
    ]


@contextmanager
def locked(folder: RunFolder, name: str) -> Iterator[None]:
    """Keeps a second process, and a recipe of another name, out of the run folder."""
    folder.path.mkdir(parents=True, exist_ok=True)
    owner = folder.path / ".name"
    if owner.exists() and owner.read_text() != name:
        raise UsageError(
            f"{folder.path} must belong to the recipe '{name}' and belongs to '{owner.read_text()}'. "
            "Choose another folder with --out."
        )
    write_text(owner, name)
    with (folder.path / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(
                f"Only one process may work in {folder.path}, and another one does. Wait for it, or choose --out."
            ) from error
        yield
