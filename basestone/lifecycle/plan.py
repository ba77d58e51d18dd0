"""Plan: before the run, what each clause can decide with the samples at hand, and what training and audit will take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
from basestone.recipe.schema import LEAVES_MODEL, Adapt, Audit, Compress, Pretrain, Voice
from basestone.training.options import FitOptions

if TYPE_CHECKING:
    from torch import nn

    from basestone.measures.subject import Subject


@dataclass(frozen=True)
class Rehearsed:
    """What stands for a stage's model before it is trained: what builds it, how it reads its data, its test split."""

    model: Section
    objective: Objective
    test: Any
    voice: Voice | None = None


def plan(
    recipe: str | Path, *, overrides: Sequence[str] = (), out: Path | None = None, tracker: Tracker | None = None
) -> dict[str, Any]:
    """Prepares the data, times the untrained model, and forecasts every audit and every training run."""
    loaded = load_checked(recipe, overrides)
    with corridor_for(loaded, out or run_folder(recipe), tracker) as corridor:
        counts_of = {PREPARE: prepare(corridor).facts["counts"]}
        training: dict[str, Any] = {}
        audits: dict[str, Any] = {}
        models: dict[str, Rehearsed] = {}
        for stage, section in corridor.recipe.stages.items():
            prepared = prepared_for(corridor.recipe, stage)
            if prepared not in counts_of:
                counts_of[prepared] = prepare(corridor, prepared).facts["counts"]
            counts = counts_of[prepared]
            if section.kind in LEAVES_MODEL:
                models[stage] = _rehearsed(corridor, stage, models)
            if isinstance(section, Pretrain | Compress) and section.fit is not None:
                training[stage] = _training(corridor, prepared, section, section.fit, models[stage], counts)
            if isinstance(section, Audit):
                subject = model_of(corridor.recipe, stage, section.subject)
                standard, known = standard_in_force(corridor.recipe, stage), training.get(subject, {}).get("seconds")
                rehearsed = untrained(corridor, prepared, models[subject], section)
                planted = canaries_in(corridor.recipe, prepared)
                audits[stage] = forecast_audit(
                    section, standard, rehearsed, models[subject].test, counts, known, planted
                )
        return {"run": str(corridor.folder.path), "counts": counts_of[PREPARE], "training": training, "audits": audits}


def _rehearsed(corridor: Corridor, stage: str, models: Mapping[str, Rehearsed]) -> Rehearsed:
    """What stands for the model that ``stage`` will leave."""
    section = corridor.recipe.stages[stage]
    if isinstance(section, Pretrain):
        return Rehearsed(section.model, *_read(corridor, stage, section))
    parent = models[model_of(corridor.recipe, stage, getattr(section, "parent", None))]
    if isinstance(section, Adapt):
        return Rehearsed(parent.model, *_read(corridor, stage, section), parent.voice)
    if isinstance(section, Compress) and section.model is not None:
        return replace(parent, model=section.model)
    return replace(parent, voice=section) if isinstance(section, Voice) else parent


def _read(corridor: Corridor, stage: str, section: Pretrain | Adapt) -> tuple[Objective, Any]:
    """How a stage reads its data, and its test split."""
    from basestone.objectives.catalogue import OBJECTIVES

    objective = OBJECTIVES.build(section.objective)
    return objective, _samples(corridor, prepared_for(corridor.recipe, stage), "test", objective)


def _training(
    corridor: Corridor, prepared: str, section: Pretrain | Compress, fit: FitOptions, model: Rehearsed, counts: Any
) -> dict[str, Any]:
    """The forecast of one training; text is trained on as one stream of blocks."""
    rehearsed = untrained(corridor, prepared, model, as_trained(fit))
    stream = isinstance(section, Pretrain) and view_of(model.objective).kind == "next"
    num_train = len(_samples(corridor, prepared, "train", model.objective)) if stream else counts["train"]
    return forecast_training(fit, rehearsed, model.test, num_train, model.objective)


def _samples(corridor: Corridor, prepared: str, split: str, objective: Objective) -> Any:
    from basestone.data.dataset import open_split

    return open_split(corridor.folder.stage(prepared), corridor.cache, split, view=view_of(objective))


def as_trained(fit: FitOptions) -> Audit:
    """An audit in the arithmetic of the training; what training will measure is taken from the hardware here."""
    from basestone.training.precision import supports_bf16

    precision = fit.precision
    if precision == "auto":
        precision = "bf16" if supports_bf16() else "fp32"
    return Audit(precision=precision, channels_last=fit.channels_last)


def untrained(corridor: Corridor, prepared: str, model: Rehearsed, audit: Audit) -> Subject:
    """The model before training: as fast as after it."""
    from basestone.lifecycle.restore import as_subject, prepared_spec
    from basestone.models.catalogue import MODELS

    spec = prepared_spec(corridor.folder.stage(prepared), model.objective)
    module = MODELS.build(model.model, spec)
    if model.voice is not None:
        _give_voice(corridor, prepared, module, model.voice)
    return as_subject(module.eval(), spec, audit)


def _give_voice(corridor: Corridor, prepared: str, module: nn.Module, voice: Voice) -> None:
    from basestone.lifecycle.restore import prepared_spec
    from basestone.models.catalogue import MODELS
    from basestone.models.vocoder import give_voice
    from basestone.objectives.catalogue import OBJECTIVES

    section = corridor.recipe.stages[voice.vocoder]
    assert isinstance(section, Pretrain)
    objective = OBJECTIVES.build(section.objective)
    spec = prepared_spec(corridor.folder.stage(prepared), objective)
    give_voice(module, MODELS.build(section.model, spec), view_of(objective).level, voice.temperature)
