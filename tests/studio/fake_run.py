"""A run folder made by hand, for tests of what the page reads."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from basestone.core.artifact import Manifest, write_json, write_text

RECIPE = """\
# Resolved
schema_version: 1
name: tiny
task: image_classification
seed: 0
data: {source: {kind: sklearn_digits}}
stages:
  pretrain: {kind: pretrain, data: null}
  audit: {kind: audit}
  report: {kind: report}
"""


class FakeRun:
    """A run folder made by hand: what a stage leaves, without the work."""

    def __init__(self, path: Path, recipe: str = RECIPE) -> None:
        self.path = path
        self.manifests: dict[str, Manifest] = {}
        write_text(path / "recipe.resolved.yaml", recipe)

    def begin(self, stage: str) -> None:
        write_text(self.path / "stages" / stage / ".inputs", "x")

    def finish(self, stage: str, kind: str, *parents: str, content: str = "a", wall_s: float = 1.0) -> None:
        self.begin(stage)
        digests = {name: self.manifests[name].digest for name in parents}
        made = Manifest(
            stage=stage,
            kind=kind,
            inputs="x",
            parents=digests,
            files={"file": content},
            wall_s=wall_s,
            version="0",
        )
        made.write(self.path / "stages" / stage)
        self.manifests[stage] = made

    def judge(self, outcome: str) -> None:
        self.finish("audit", "audit", "pretrain")
        write_json(self.path / "stages" / "audit" / "verdicts.json", {"outcome": outcome, "verdicts": []})

    def whole(self, outcome: str = "met") -> None:
        self.finish("prepare", "prepare")
        self.finish("pretrain", "pretrain", "prepare")
        self.judge(outcome)
        self.finish("report", "report", "prepare", "pretrain", "audit")

    def record(self, **said: Any) -> None:
        """As the page leaves it when it started the run."""
        known = {"command": ["basestone", "run", "tiny"], "started": time.time(), "pid": 1, "exit_code": None}
        path = self.path.parent / ".studio" / f"{self.path.name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(known | said))
