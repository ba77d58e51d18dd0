"""Plan: before the run, what each clause can decide with the samples at hand, and what it will cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from basestone.lifecycle.check import load_checked
from basestone.lifecycle.prepare import prepare
from basestone.lifecycle.run import corridor_for
from basestone.recipe.schema import Audit, Pretrain


def plan(recipe: str | Path, *, overrides: Sequence[str] = (), out: Path | None = None) -> dict[str, Any]:
    """Prepares the data, times a few batches of the untrained model, and forecasts training and every audit."""
    loaded = load_checked(recipe, overrides)
    with corridor_for(loaded, out, None) as corridor:
        prepared = prepare(corridor)
        stages = corridor.recipe.stages
        model = next((section for section in stages.values() if isinstance(section, Pretrain)), None)
        speed = time_model(corridor, model) if model else {}
        return {
            "run": str(corridor.folder.path),
            "counts": prepared.facts["counts"],
            "training": forecast_training(model, prepared, speed) if model else None,
            "audits": {
                stage: forecast_audit(corridor, section, prepared, speed)
                for stage, section in stages.items()
                if isinstance(section, Audit)
            },
        }
