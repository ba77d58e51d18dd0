"""Adapt: give a finished model a new head, train it by each method, compare them fairly, leave the best one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basestone.core.artifact import Manifest, read_json, write_json
from basestone.core.contracts import objective_for, view_of
from basestone.core.evidence import write_records
from basestone.core.spec import DataSpec, ImageSpec, read_spec
from basestone.lifecycle.keys import signing_key
from basestone.lifecycle.origins import model_of, prepared_for
from basestone.lifecycle.restore import prepared_spec
from basestone.lifecycle.stage import Corridor, perform
from basestone.recipe.schema import Adapt

if TYPE_CHECKING:
    from torch import nn


def adapt(corridor: Corridor, stage: str, section: Adapt, made: dict[str, Manifest]) -> Manifest:
    """Makes ``stages/<stage>``: a model as pre-training leaves it, ``adapter.safetensors``, ``comparison.json``."""
    prepared = made[prepared_for(corridor.recipe, stage)]
    parent = made[model_of(corridor.recipe, stage, section.parent)]
    return perform(
        corridor,
        stage,
        section.kind,
        depends={"section": section.model_dump(mode="json")},
        parents={manifest.stage: manifest for manifest in (prepared, parent)},
        work=lambda folder: _work(Bench(corridor, section, prepared, parent, folder)),
    )


@dataclass(frozen=True)
class Bench:
    """What every trial of one adaptation works with."""

    corridor: Corridor
    section: Adapt
    prepared: Manifest
    parent: Manifest
    folder: Path

    @property
    def stage(self) -> str:
        """The stage's id."""
        return self.folder.name

    @cached_property
    def objective(self) -> Any:
        """What is minimised, without any method's own penalty."""
        from basestone.objectives.catalogue import OBJECTIVES

        objective = OBJECTIVES.build(self.section.objective)
        return objective_for(objective, prepared_spec(self.corridor.folder.stage(self.prepared.stage), objective))

    @cached_property
    def spec(self) -> DataSpec:
        """What the adapted model must know of its data, with the head that the objective needs."""
        return prepared_spec(self.corridor.folder.stage(self.prepared.stage), self.objective)

    @cached_property
    def description(self) -> dict[str, Any]:
        """The parent's ``model.json`` for these data and this task."""
        before = read_json(self.corridor.folder.stage(self.parent.stage) / "model.json")
        told = before | {"spec": self.spec.to_json(), "task": self.corridor.recipe.task}
        if not isinstance(self.spec, ImageSpec):
            told["reads"] = view_of(self.objective).kind
        return told

    def start(self, seed: int, *, fresh: bool = False, weights: Path | None = None) -> nn.Module:
        """The parent with a new head, initialised by ``seed``; with its own where it answers the same question.

        ``fresh``: its architecture alone, every weight initialised. ``weights``: those to take instead of the parent's.
        """
        from basestone.lifecycle.restore import built
        from basestone.models.catalogue import INITS
        from basestone.models.head import start_from

        folder = self.corridor.folder.stage(self.parent.stage)
        model = built(self.description)
        INITS.build(INITS.options("default")(kind="default"), model, seed)
        if not fresh:
            start_from(model, weights or folder / "model.safetensors", keep_head=self.same_question(self.parent.stage))
        return model

    def same_question(self, stage: str) -> bool:
        """Whether that stage's model answers what this one is to answer, so that its head fits."""
        before = read_spec(read_json(self.corridor.folder.stage(stage) / "model.json")["spec"])
        theirs, ours = ((spec.class_names, getattr(spec, "head", None)) for spec in (before, self.spec))
        return theirs == ours

    @property
    def validates(self) -> bool:
        """Whether there is a validation split that is not trained on."""
        return "validation" in self.prepared.facts["counts"] and self.section.learns_from == "train"

    def split(self, name: str, *, augmented: bool = False) -> Any:
        """One split as the objective reads it; ``augmented``: what is trained on."""
        from basestone.data.dataset import open_split
        from basestone.data.transforms import TRANSFORMS

        augment = [TRANSFORMS.build(transform) for transform in self.section.augment] if augmented else []
        folder = self.corridor.folder.stage(self.prepared.stage)
        name = self.section.learns_from if augmented and name == "train" else name
        return open_split(folder, self.corridor.cache, name, augment=augment, view=view_of(self.objective))


def _work(bench: Bench) -> dict[str, Any]:
    from basestone.lifecycle.transfer import earlier_tasks
    from basestone.lifecycle.trials import Trials
    from basestone.measures.energy import EnergyMeter
    from basestone.models.model import save_weights
    from basestone.reporting.attest import sign_files

    with EnergyMeter() as meter:
        trials = Trials(bench)
        results = trials.run()
    compared = trials.compared(results)
    best = trials.best(results)
    model, description = trials.shipped(best)
    save_weights(model, bench.folder / "model.safetensors")
    write_json(bench.folder / "model.json", description)
    write_json(bench.folder / "comparison.json", compared | {"earlier": earlier_tasks(bench)})
    write_json(bench.folder / "cost.json", trials.cost(model, results, meter))
    if (table := trials.predictions(results)) is not None:
        write_records(bench.folder / "predictions.parquet", table)
    trials.keep_adapter(best)
    sign_files(bench.folder, ["model.safetensors", "model.json"], signing_key(bench.corridor.keys))
    told = {"parent": bench.parent.stage, "method": best["method"], "seed": best["seed"]}
    return told | best["proof"] | best["claim"]
