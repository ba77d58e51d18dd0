"""Plan: before the run, what each clause can decide with the samples at hand, and what training and audit will take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basestone.core.contracts import Objective, Tracker, view_of
from basestone.core.registry import Section
from basestone.lifecycle.check import load_checked, standard_in_force
from basestone.lifecycle.forecast import forecast_audit, forecast_training
from basestone.lifecycle.origins import PREPARE, canaries_in, model_of, prepared_for
from basestone.lifecycle.prepare import prepare
from basestone.lifecycle.run import corridor_for, run_folder
from basestone.lifecycle.stage import Corridor
from basestone.recipe.schema import Adapt, Audit, Compress, Pretrain
from basestone.training.options import FitOptions

if TYPE_CHECKING:
    from basestone.measures.subject import Subject


def plan(
    recipe: str | Path, *, overrides: Sequence[str] = (), out: Path | None = None, tracker: Tracker | None = None
) -> dict[str, Any]:
    """Prepares the data, times the untrained model, and forecasts every audit and every training run."""
    from basestone.data.dataset import open_split
    from basestone.objectives.catalogue import OBJECTIVES
    from basestone.objectives.supervised import cross_entropy

    def samples(corridor: Corridor, prepared: str, split: str, objective: Objective) -> Any:
        return open_split(corridor.folder.stage(prepared), corridor.cache, split, view=view_of(objective))

    loaded = load_checked(recipe, overrides)
    with corridor_for(loaded, out or run_folder(recipe), tracker) as corridor:
        counts_of = {PREPARE: prepare(corridor).facts["counts"]}
        training: dict[str, Any] = {}
        audits: dict[str, Any] = {}
        section_of_model: Pretrain | None = None
        objective, test = cross_entropy(), None
        for stage, section in corridor.recipe.stages.items():
            prepared = prepared_for(corridor.recipe, stage)
            if prepared not in counts_of:
                counts_of[prepared] = prepare(corridor, prepared).facts["counts"]
            counts = counts_of[prepared]
            if isinstance(section, Pretrain | Adapt):
                objective = OBJECTIVES.build(section.objective)
                test = samples(corridor, prepared, "test", objective)
            if isinstance(section, Pretrain):
                section_of_model = section
            if isinstance(section, Pretrain) and section.fit is not None:
                rehearsed = untrained(corridor, prepared, section.model, as_trained(section.fit), objective)
                stream = view_of(objective).kind == "next"
                num_train = len(samples(corridor, prepared, "train", objective)) if stream else counts["train"]
                training[stage] = forecast_training(section.fit, rehearsed, test, num_train, objective)
            if isinstance(section, Compress) and section.fit is not None and section_of_model is not None:
                model = section.model or section_of_model.model
                rehearsed = untrained(corridor, prepared, model, as_trained(section.fit), objective)
                training[stage] = forecast_training(section.fit, rehearsed, test, counts["train"], objective)
            if isinstance(section, Audit) and section_of_model is not None:
                standard = standard_in_force(corridor.recipe, stage)
                rehearsed = untrained(corridor, prepared, section_of_model.model, section, objective)
                known = training.get(model_of(corridor.recipe, stage, section.subject), {}).get("seconds")
                planted = canaries_in(corridor.recipe, prepared)
                audits[stage] = forecast_audit(section, standard, rehearsed, test, counts, known, planted)
        return {"run": str(corridor.folder.path), "counts": counts_of[PREPARE], "training": training, "audits": audits}


def as_trained(fit: FitOptions) -> Audit:
    """An audit in the arithmetic of the training; what training will measure is taken from the hardware here."""
    from basestone.training.precision import supports_bf16

    precision = fit.precision
    if precision == "auto":
        precision = "bf16" if supports_bf16() else "fp32"
    return Audit(precision=precision, channels_last=fit.channels_last)


def untrained(corridor: Corridor, prepared: str, model: Section, audit: Audit, objective: Objective) -> Subject:
    """The model before training: as fast as after it."""
    from basestone.lifecycle.restore import as_subject, prepared_spec
    from basestone.models.catalogue import MODELS

    spec = prepared_spec(corridor.folder.stage(prepared), objective)
    return as_subject(MODELS.build(model, spec).eval(), spec, audit)
