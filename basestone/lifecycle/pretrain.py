"""Pre-train: build a model, initialise it, fit it to the data, save and sign it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basestone.core.artifact import Manifest, write_json
from basestone.core.contracts import hook_of, objective_for, view_of
from basestone.core.spec import DataSpec, ImageSpec
from basestone.lifecycle.canaries import claimed, prepared_for_privacy
from basestone.lifecycle.keys import signing_key
from basestone.lifecycle.origins import prepared_for
from basestone.lifecycle.restore import prepared_spec
from basestone.lifecycle.stage import Corridor, perform
from basestone.recipe.schema import Pretrain

if TYPE_CHECKING:
    from torch import nn

    from basestone.core.contracts import BatchSource, Objective
    from basestone.data.dataset import Split
    from basestone.training.options import FitOptions


def pretrain(corridor: Corridor, stage: str, section: Pretrain, made: dict[str, Manifest]) -> Manifest:
    """Makes ``stages/<stage>``: ``model.safetensors``, ``model.json``, ``cost.json``, ``signature.dsse.json``."""
    from basestone.models.catalogue import local_weights

    prepared = made[prepared_for(corridor.recipe, stage)]
    return perform(
        corridor,
        stage,
        section.kind,
        depends={"section": section.model_dump(mode="json"), "weights": local_weights(section.model)},
        parents={prepared.stage: prepared},
        work=lambda folder: _work(corridor, section, prepared, folder),
    )


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """Everything that a pre-training stage trains with, before its first step."""

    model: nn.Module
    spec: DataSpec
    train: BatchSource
    validation: Split | None
    objective: Objective


def assemble(corridor: Corridor, section: Pretrain, prepared: Manifest) -> Assembly:
    """Builds the model, initialises it, opens the data and the objective."""
    from basestone.data.dataset import open_split
    from basestone.data.transforms import TRANSFORMS
    from basestone.objectives.catalogue import OBJECTIVES

    data, seed = corridor.folder.stage(prepared.stage), corridor.recipe.seed
    objective = OBJECTIVES.build(section.objective)
    view, spec = view_of(objective), prepared_spec(data, objective)
    augment = [TRANSFORMS.build(transform) for transform in section.augment]
    train = open_split(data, corridor.cache, "train", augment=augment, view=view)
    model = initialised(section, spec, train, seed)
    held_out = "validation" in prepared.facts["counts"]
    validation = open_split(data, corridor.cache, "validation", view=view) if held_out else None
    return Assembly(
        model=model, spec=spec, train=train, validation=validation, objective=informed(objective, train, spec)
    )


def informed(objective: Objective, train: BatchSource, spec: DataSpec) -> Objective:
    """The objective, told of the groups in its training samples and of its data where it asks for them."""
    from basestone.training.balance import strata

    if (begin := getattr(objective, "begin", None)) is not None:
        begin(strata(train, "groups_and_classes"))
    return objective_for(objective, spec)


def initialised(section: Pretrain, spec: DataSpec, train: BatchSource, seed: int) -> nn.Module:
    """The section's model with the weights that training starts from."""
    from basestone.models.catalogue import INITS, MODELS
    from basestone.models.initialise import from_data

    model = MODELS.build(section.model, spec)
    INITS.build(section.init, model, seed)
    from_data(model, train, seed)
    return model


def _work(corridor: Corridor, section: Pretrain, prepared: Manifest, folder: Path) -> dict[str, Any]:
    from basestone.models.catalogue import described
    from basestone.models.model import save_weights
    from basestone.reporting.attest import sign_files

    parts = assemble(corridor, section, prepared)
    if section.fit is not None and section.fit.private is not None:
        private, seed = section.fit.private, corridor.recipe.seed
        parts = replace(parts, train=prepared_for_privacy(parts.train, parts.spec, private, seed, folder))
    cost, facts = _taken() if section.fit is None else _trained(corridor, section.fit, parts, prepared, folder)
    save_weights(parts.model, folder / "model.safetensors")
    told = {
        "model": described(section.model, parts.model),
        "spec": parts.spec.to_json(),
        "task": corridor.recipe.task,
    }
    if not isinstance(parts.spec, ImageSpec) or view_of(parts.objective).kind == "boxes":
        told["reads"] = view_of(parts.objective).kind
    write_json(folder / "model.json", told)
    write_json(folder / "cost.json", cost)
    sign_files(folder, ["model.safetensors", "model.json"], signing_key(corridor.keys))
    return facts


def _taken() -> tuple[dict[str, Any], dict[str, Any]]:
    """What someone else's training cost is not known here."""
    names = ("flops_counted", "flops_analytic", "samples_seen", "wall_s", "energy_j", "energy_method")
    return dict.fromkeys((*names, "peak_memory_bytes")), {"steps": 0}


def _trained(
    corridor: Corridor, options: FitOptions, parts: Assembly, prepared: Manifest, folder: Path
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Fits the model; what that cost, and what it came to."""
    import numpy as np

    from basestone.measures.energy import EnergyMeter, training_cost
    from basestone.models.model import whole_training_flops
    from basestone.training.loop import fit

    with EnergyMeter() as meter:
        result = fit(
            parts.model,
            parts.train,
            parts.validation,
            parts.objective,
            options,
            seed=corridor.recipe.seed,
            folder=folder,
            tracker=corridor.tracker,
            stage=folder.name,
            identity=prepared.digest,
            hook=hook_of(parts.objective),
        )
    flops = whole_training_flops(parts.model, parts.objective, parts.train.batch(np.arange(2)), result.shapes)
    return training_cost(*flops, result.samples_seen, result.wall_s, meter), {
        "steps": result.steps,
        "samples_seen": result.samples_seen,
        "stopped_early": result.stopped_early,
        "precision": result.precision,
        "compiled": result.compiled,
        **claimed(result),
    }
