"""What a folder of runs holds, read from the files alone: which runs, how far each stage is, and how it came out.

Torch-free; nothing is written and no lock is taken, so that looking at a run can never disturb it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, cast

from basestone.core.artifact import MANIFEST, Manifest, read_json
from basestone.core.errors import ArtifactError
from basestone.core.run import RunFolder
from basestone.reporting.view import read_recipe
from basestone.studio.processes import Process, read_process

RunState = Literal["running", "interrupted", "finished", "failed"]
StageState = Literal["waiting", "running", "interrupted", "failed", "finished"]
STOPPED = 130  # the exit code of a run that was asked to stop
JUDGED = (0, 1)  # of one that came to its end: the standard is met, or not
LOCKS = Path("/proc/locks")
PREPARE = "prepare"


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage of a run: ``wall_s`` and ``facts`` are those of its manifest, empty while it has none."""

    id: str
    kind: str
    state: StageState
    wall_s: float | None
    parents: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class RunView:
    """A run as its files say. ``outcome`` is that of its last audit; ``changed`` is Unix seconds."""

    name: str
    folder: RunFolder
    title: str
    task: str
    state: RunState
    stages: tuple[Stage, ...]
    outcome: str | None
    changed: float
    process: Process | None

    @property
    def wall_s(self) -> float:
        """Seconds that the finished stages took."""
        return sum(stage.wall_s or 0.0 for stage in self.stages)

    def finished(self, kind: str) -> str | None:
        """The id of the last finished stage of a kind."""
        found = [stage.id for stage in self.stages if stage.kind == kind and stage.state == "finished"]
        return found[-1] if found else None


def list_runs(root: Path) -> list[RunView]:
    """Every run directly under ``root``, the latest first; what is no run, or cannot be read, is left out."""
    names = sorted(path.name for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    found = [run for run in (find_run(root, name) for name in names) if run is not None]
    return sorted(found, key=lambda run: -run.changed)


def find_run(root: Path, name: str) -> RunView | None:
    """The run of this name under ``root``; None where there is none. A name can lead nowhere else."""
    path = root / name
    process = read_process(root, name) if _is_name(name) else None
    if not _is_name(name) or not (RunFolder(path).recipe.is_file() or process):
        return None
    try:
        return read_run(RunFolder(path), process)
    except (ArtifactError, OSError, ValueError, TypeError):  # half-written, or not ours
        return None


def _is_name(name: str) -> bool:
    return bool(name) and Path(name).name == name and not name.startswith(".")


def read_run(run: RunFolder, process: Process | None = None) -> RunView:
    """The state of one run, from its recipe, its manifests, its lock and the record of the process that made it."""
    recipe = _recipe(run.recipe, _stamp(run.recipe)) if run.recipe.is_file() else {}
    working = bool(process and process.alive) or is_locked(run.path / ".lock")
    ended: StageState = "running" if working else "failed" if _failed(process) else "interrupted"
    stages = tuple(_stages(run, recipe, ended))
    whole = bool(stages) and all(stage.state == "finished" for stage in stages)
    state: RunState = "running" if working else "finished" if whole else cast("RunState", ended)
    audits = [stage.id for stage in stages if stage.kind == "audit" and stage.state == "finished"]
    files = [run.recipe, run.events, run.report / "index.html", *(run.stage(stage.id) / MANIFEST for stage in stages)]
    return RunView(
        name=run.path.name,
        folder=run,
        title=str(recipe.get("name", run.path.name)),
        task=str(recipe.get("task", "")),
        state=state,
        stages=stages,
        outcome=str(run.verdicts(audits[-1])["outcome"]) if audits else None,
        changed=max([process.started if process else 0.0, *(_stamp(path) / 1e9 for path in files)]),
        process=process,
    )


def _failed(process: Process | None) -> bool:
    return bool(process) and process.exit_code not in (None, STOPPED, *JUDGED)


def _stages(run: RunFolder, recipe: Mapping[str, Any], ended: StageState) -> list[Stage]:
    """Stages in the recipe's order, each preparation before the first stage that needs it."""
    found: list[Stage] = []
    manifests: dict[str, Manifest] = {}
    for stage, kind in _ids(run, recipe):
        manifest = _manifest(run, stage)
        if manifest is not None and _stands_on(manifest, manifests):
            manifests[stage] = manifest
            state: StageState = "finished"
        else:
            manifest, state = None, ended if (run.stage(stage) / ".inputs").exists() else "waiting"
            if (run.stage(stage) / MANIFEST).exists():
                state = "waiting"  # of an earlier recipe: it will be made again
        parents = tuple(manifest.parents) if manifest else ()
        wall_s = manifest.wall_s if manifest else None
        found.append(Stage(id=stage, kind=kind, state=state, wall_s=wall_s, parents=parents))
    return found


def _ids(run: RunFolder, recipe: Mapping[str, Any]) -> list[tuple[str, str]]:
    sections: Mapping[str, Any] = recipe.get("stages") or {}
    ids = [(PREPARE, PREPARE)] if recipe else []
    for stage, section in sections.items():
        if section.get("data") not in (None, recipe.get("data")):
            ids.append((f"{stage}.data", PREPARE))
        ids.append((stage, str(section.get("kind", stage))))
    return ids


def _manifest(run: RunFolder, stage: str) -> Manifest | None:
    path = run.stage(stage) / MANIFEST
    return _read_manifest(path, _stamp(path)) if path.exists() else None


@lru_cache(maxsize=2048)
def _read_manifest(path: Path, _stamp: int) -> Manifest:
    return Manifest(**read_json(path))


@lru_cache(maxsize=512)
def _recipe(path: Path, _stamp: int) -> Mapping[str, Any]:
    return read_recipe(path)


def _stamp(path: Path) -> int:
    """When the file was last changed, nanoseconds; 0 where there is none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _stands_on(manifest: Manifest, made: Mapping[str, Manifest]) -> bool:
    """Whether a stage was made from what its parents are now."""
    return all(parent in made and made[parent].digest == digest for parent, digest in manifest.parents.items())


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock of a run folder.

    The kernel's list is asked where there is one: taking the lock to find out could turn away a run that is starting.
    """
    if not path.exists():
        return False
    if LOCKS.exists():
        inode = str(path.stat().st_ino)
        held = (line.split() for line in LOCKS.read_text().splitlines())
        return any("FLOCK" in words and any(word.endswith(f":{inode}") for word in words) for words in held)
    with path.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def free_name(root: Path, wanted: str) -> str:
    """``wanted``, or ``wanted-2`` and so on when a run of that name is there."""
    names = (wanted if count == 1 else f"{wanted}-{count}" for count in range(1, 10_000))
    return next(name for name in names if not os.path.lexists(root / name) and read_process(root, name) is None)
