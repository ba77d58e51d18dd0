"""The run directory: where each file of a run lies, and reading it back.

The layout is a contract (docs/run-directory.md).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from basestone.core.artifact import MANIFEST, Manifest, read_json
from basestone.core.errors import ArtifactError
from basestone.core.evidence import Records


@dataclass(frozen=True)
class RunFolder:
    """``runs/NAME``: paths as properties, contents as methods; nothing is cached."""

    path: Path

    @property
    def recipe(self) -> Path:
        """The resolved recipe, YAML."""
        return self.path / "recipe.resolved.yaml"

    @property
    def environment(self) -> Path:
        """Versions and machine facts, JSON."""
        return self.path / "environment.json"

    @property
    def events(self) -> Path:
        """Every metric, one JSON object a line."""
        return self.path / "events.jsonl"

    @property
    def report(self) -> Path:
        """The report's folder."""
        return self.path / "report"

    def stage(self, stage_id: str) -> Path:
        """The folder of one stage."""
        return self.path / "stages" / stage_id

    def manifest(self, stage_id: str) -> Manifest | None:
        """The manifest of a finished stage, or None while it is not finished."""
        folder = self.stage(stage_id)
        return Manifest.read(folder) if (folder / MANIFEST).exists() else None

    def manifests(self) -> dict[str, Manifest]:
        """Every finished stage by id, in the order in which they were finished."""
        found = sorted(self.path.glob(f"stages/*/{MANIFEST}"), key=lambda path: (path.stat().st_mtime_ns, path))
        return {path.parent.name: Manifest.read(path.parent) for path in found}

    def stage_of_kind(self, kind: str) -> str:
        """The id of the last finished stage of this kind."""
        matching = [stage for stage, manifest in self.manifests().items() if manifest.kind == kind]
        if not matching:
            raise ArtifactError(f"{self.path} must hold a finished '{kind}' stage and has none; run it first.")
        return matching[-1]

    def records(self, stage_id: str) -> Records:
        """The per-sample records of an audit."""
        return Records(self.stage(stage_id))

    def verdicts(self, stage_id: str) -> dict[str, Any]:
        """``verdicts.json`` of an audit."""
        return read_json(self.stage(stage_id) / "verdicts.json")

    def measurements(self, stage_id: str) -> dict[str, Any]:
        """``measurements.json`` of an audit."""
        return read_json(self.stage(stage_id) / "measurements.json")

    def read_events(self, **matching: Any) -> Iterator[dict[str, Any]]:
        """The events whose fields equal ``matching``, e.g. ``read_events(event="epoch", stage="pretrain")``."""
        if not self.events.exists():
            return
        with self.events.open(encoding="utf-8") as lines:
            for line in lines:
                if not line.endswith("\n"):  # cut off by a crash while writing
                    return
                event = json.loads(line)
                if all(event.get(key) == value for key, value in matching.items()):
                    yield event
