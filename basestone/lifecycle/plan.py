"""Plan: before the run, what each clause can decide with the samples at hand, and what training and audit will take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basestone.core.artifact import read_json
from basestone.core.contracts import Tracker
from basestone.core.registry import Section
from basestone.core.spec import read_spec
from basestone.lifecycle.check import load_checked, standard_in_force
from basestone.lifecycle.forecast import forecast_audit, forecast_training
from basestone.lifecycle.prepare import prepare
from basestone.lifecycle.run import corridor_for, run_folder
from basestone.lifecycle.stage import Corridor
from basestone.recipe.schema import Audit, Compress, Pretrain
from basestone.training.options import FitOptions

if TYPE_CHECKING:
    from basestone.measures.subject import Subject


def plan(
    recipe: str | Path, *, overrides: Sequence[str] = (), out: Path | None = None, tracker: Tracker | None = None
) -> dict[str, Any]:
    """Prepares the data, times the untrained model, and forecasts every audit and every training run."""
    from basestone.data.dataset import open_split

    loaded = load_checked(recipe, overrides)
    with corridor_for(loaded, out or run_folder(recipe), tracker) as corridor:
        counts = prepare(corridor).facts["counts"]
        test = open_split(corridor.folder.stage("prepare"), corridor.cache, "test")
        training: dict[str, Any] = {}
        audits: dict[str, Any] = {}
        section_of_model: Pretrain | None = None
        for stage, section in corridor.recipe.stages.items():
            if isinstance(section, Pretrain):
                section_of_model = section
                rehearsed = untrained(corridor, section.model, as_trained(section.fit))
                training[stage] = forecast_training(section.fit, rehearsed, test, counts["train"])
            if isinstance(section, Compress) and section.fit is not None and section_of_model is not None:
                rehearsed = untrained(corridor, section.model or section_of_model.model, as_trained(section.fit))
                training[stage] = forecast_training(section.fit, rehearsed, test, counts["train"])
            if isinstance(section, Audit) and section_of_model is not None:
                standard = standard_in_force(corridor.recipe, stage)
                audits[stage] = forecast_audit(
                    section, standard, untrained(corridor, section_of_model.model, section), test, counts
                )
        return {"run": str(corridor.folder.path), "counts": counts, "training": training, "audits": audits}


def as_trained(fit: FitOptions) -> Audit:
    """An audit in the arithmetic of the training; what training will measure is taken from the hardware here."""
    from basestone.training.precision import supports_bf16

    precision = fit.precision
    if precision == "auto":
        precision = "bf16" if supports_bf16() else "fp32"
    return Audit(precision=precision, channels_last=fit.channels_last)


def untrained(corridor: Corridor, model: Section, audit: Audit) -> Subject:
    """The model before training: as fast as after it."""
    from basestone.lifecycle.restore import as_subject
    from basestone.models.catalogue import MODELS

    spec = read_spec(read_json(corridor.folder.stage("prepare") / "card.json")["spec"])
    return as_subject(MODELS.build(model, spec).eval(), spec, audit)
