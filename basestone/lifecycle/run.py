"""Run: walk the whole corridor, from the data to the signed report."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basestone.core.artifact import Manifest, write_text
from basestone.core.contracts import Tracker
from basestone.core.errors import ArtifactError
from basestone.core.run import RunFolder
from basestone.lifecycle.adapt import adapt
from basestone.lifecycle.audit import audit
from basestone.lifecycle.check import load_checked
from basestone.lifecycle.compress import compress
from basestone.lifecycle.environment import cache_folder, keys_folder
from basestone.lifecycle.extract import extract
from basestone.lifecycle.origins import PREPARE, prepared_for
from basestone.lifecycle.prepare import prepare
from basestone.lifecycle.pretrain import pretrain
from basestone.lifecycle.report import report
from basestone.lifecycle.stage import Corridor, locked
from basestone.lifecycle.threads import pin_threads
from basestone.lifecycle.voice import voice
from basestone.recipe.load import LoadedRecipe, resolved_yaml

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DOORS = {
    "pretrain": pretrain,
    "adapt": adapt,
    "compress": compress,
    "voice": voice,
    "extract": extract,
    "audit": audit,
    "report": report,
}


@dataclass(frozen=True)
class Run:
    """A walk through a recipe, as the Python API hands it back; ``stages`` are those that it came by, in order."""

    folder: RunFolder
    stages: Mapping[str, Manifest]

    @property
    def verdicts(self) -> dict[str, Any]:
        """``verdicts.json`` of the last audit; ArtifactError when the walk came by none."""
        audits = [stage for stage, manifest in self.stages.items() if manifest.kind == "audit"]
        if not audits:
            raise ArtifactError("Verdicts need an audit, and this walk came by none; run the recipe further.")
        return self.folder.verdicts(audits[-1])

    @property
    def met(self) -> bool:
        """Whether the last audit's outcome is ``met``."""
        return self.verdicts["outcome"] == "met"

    @property
    def report(self) -> Path:
        """The report's page."""
        return self.folder.report / "index.html"

    def features(self, split: str) -> NDArray[np.float32]:
        """N×D of one split as the last extraction left them, mapped; ArtifactError when the walk came by none."""
        from basestone.features.store import read_features

        found = [stage for stage, manifest in self.stages.items() if manifest.kind == "extract"]
        if not found:
            raise ArtifactError("Features need an extraction, and this walk came by none; add an extract stage.")
        return read_features(self.folder.stage(found[-1]) / f"{split}.safetensors")

    def summary(self) -> dict[str, Any]:
        """What ``basestone run --json`` prints; ``outcome`` is None where nothing was audited."""
        kinds = {manifest.kind: manifest for manifest in self.stages.values()}
        audited, reported = "audit" in kinds, "report" in kinds
        return {
            "run": str(self.folder.path),
            "outcome": self.verdicts["outcome"] if audited else None,
            "verdicts": self.verdicts if audited else None,
            "language": kinds["report"].facts["language"] if reported else "en",
            "wall_s": {stage: manifest.wall_s for stage, manifest in self.stages.items()},
            "passes": kinds["audit"].facts.get("passes") if audited else None,
            "report": str(self.report) if reported else None,
        }


def run(
    recipe: str | Path,
    *,
    overrides: Sequence[str] = (),
    out: Path | None = None,
    tracker: Tracker | None = None,
    until: str | None = None,
) -> Run:
    """Runs the stages of a recipe; a stage whose inputs are unchanged is skipped, an interrupted one resumes.

    ``recipe`` is a path, the name of a shipped example, or a run folder. ``until`` names a stage kind: the walk ends
    after the last stage of that kind. Raises RecipeError with every fault before anything is done.
    """
    loaded = load_checked(recipe, overrides)
    folder = out or run_folder(recipe)
    with corridor_for(loaded, folder, tracker, refuse_changes=until != "audit") as corridor:
        return Run(corridor.folder, walk(corridor, until))


def extracted(
    recipe: str | Path, *, overrides: Sequence[str] = (), out: Path | None = None, tracker: Tracker | None = None
) -> Run:
    """Runs a recipe up to its last extraction: ``extracted("digits-features").features("test")``."""
    return run(recipe, overrides=overrides, out=out, tracker=tracker, until="extract")


def run_folder(recipe: str | Path) -> Path | None:
    """The folder itself when the recipe is that of an earlier run."""
    return Path(recipe) if Path(recipe).is_dir() else None


@contextmanager
def corridor_for(
    loaded: LoadedRecipe, out: Path | None, tracker: Tracker | None, *, refuse_changes: bool = True
) -> Iterator[Corridor]:
    """Opens the run folder for this process alone and connects whoever listens."""
    from basestone.tracking import open_trackers

    pin_threads()
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # torch's profiler talks on stderr otherwise
    recipe = loaded.recipe
    folder = RunFolder(out or Path(os.environ.get("BASESTONE_RUNS", "runs")) / recipe.name)
    with locked(folder, recipe.name):
        if not folder.recipe.exists() or folder.recipe.read_text() != resolved_yaml(loaded):
            write_text(folder.recipe, resolved_yaml(loaded))
        listeners = open_trackers(folder.path, recipe.name, recipe.tracking, tracker)
        try:
            yield Corridor(
                recipe=recipe,
                folder=folder,
                cache=cache_folder(),
                keys=keys_folder(),
                tracker=listeners,
                refuse_changes=refuse_changes,
                places=loaded.places,
            )
        finally:
            listeners.close()


def walk(corridor: Corridor, until: str | None = None) -> dict[str, Manifest]:
    """Goes through the doors in the recipe's order; each is given what the earlier ones made."""
    made = {PREPARE: prepare(corridor)}
    sections = corridor.recipe.stages
    last = max((place for place, section in enumerate(sections.values()) if section.kind == until), default=None)
    count = 0 if until == "prepare" else len(sections) if last is None else last + 1
    for stage, section in list(sections.items())[:count]:
        if (prepared := prepared_for(corridor.recipe, stage)) not in made:
            made[prepared] = prepare(corridor, prepared)
        made[stage] = DOORS[section.kind](corridor, stage, section, made)
    return made
