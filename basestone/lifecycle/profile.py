"""Profile: a few real steps of every pre-training stage, and where their time goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from basestone.core.artifact import write_json
from basestone.core.contracts import Tracker
from basestone.lifecycle.check import load_checked
from basestone.lifecycle.origins import prepared_for
from basestone.lifecycle.prepare import prepare
from basestone.lifecycle.pretrain import assemble
from basestone.lifecycle.run import corridor_for, run_folder
from basestone.recipe.schema import Pretrain


def profile(
    recipe: str | Path, *, overrides: Sequence[str] = (), out: Path | None = None, tracker: Tracker | None = None
) -> dict[str, Any]:
    """Seconds of a step by part, each operator's share, FLOP/s reached and the machine's peak, by stage.

    Nothing that a stage made is touched; ``profile/<stage>.json`` and a Chrome trace (``.trace.json``) are written into
    the run folder.
    """
    import numpy as np

    from basestone.measures.machine import training_peaks
    from basestone.models.model import whole_training_flops
    from basestone.training.profile import profile_steps

    loaded = load_checked(recipe, overrides)
    with corridor_for(loaded, out or run_folder(recipe), tracker) as corridor:
        found: dict[str, Any] = {}
        for stage, section in corridor.recipe.stages.items():
            if isinstance(section, Pretrain) and section.fit is not None:
                made = prepare(corridor, prepared_for(corridor.recipe, stage))
                parts, folder = assemble(corridor, section, made), corridor.folder.path / "profile"
                step = profile_steps(
                    parts.model,
                    parts.train,
                    parts.objective,
                    section.fit,
                    seed=corridor.recipe.seed,
                    trace=folder / f"{stage}.trace.json",
                )
                pair = parts.train.batch(np.arange(2))
                flops, _ = whole_training_flops(parts.model, parts.objective, pair, {step.input_shape: 1})
                speed = {"flops_per_s": flops * step.images_per_s, "peaks": training_peaks()}
                found[stage] = asdict(step) | {"batch_size": section.fit.batch_size, **speed}
                write_json(folder / f"{stage}.json", found[stage])
        return {"run": str(corridor.folder.path), "stages": found}
