"""Compress: prune, let a teacher heal it, quantize, try every way to run it, prove that it is still the same model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basestone.core.artifact import Manifest, read_json, write_json
from basestone.core.contracts import objective_for
from basestone.core.spec import DataSpec, TextSpec, read_spec
from basestone.lifecycle.keys import signing_key
from basestone.lifecycle.origins import model_of, prepared_for
from basestone.lifecycle.stage import Corridor, perform
from basestone.recipe.schema import Compress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from basestone.measures.energy import EnergyMeter


def compress(corridor: Corridor, stage: str, section: Compress, made: dict[str, Manifest]) -> Manifest:
    """Makes ``stages/<stage>``: a model as pre-training leaves it and, if deployed, ``runtime.json`` and its files."""
    prepared = made[prepared_for(corridor.recipe, stage)]
    parent = made[model_of(corridor.recipe, stage, section.parent)]
    teacher = made[section.teacher] if section.teacher else parent

    def work(folder: Path) -> dict[str, Any]:
        return _work(Bench(corridor, section, prepared, parent, teacher, folder))

    return perform(
        corridor,
        stage,
        section.kind,
        depends={"section": section.model_dump(mode="json")},
        parents={manifest.stage: manifest for manifest in (prepared, parent, teacher)},
        work=work,
    )


@dataclass(frozen=True)
class Bench:
    """What every part of one compression works with. The unfinished lies in ``checkpoints`` until the stage is done."""

    corridor: Corridor
    section: Compress
    prepared: Manifest
    parent: Manifest
    teacher: Manifest
    folder: Path

    @property
    def stage(self) -> str:
        """The stage's id."""
        return self.folder.name

    @property
    def unfinished(self) -> Path:
        """Where work in progress is kept."""
        return self.folder / "checkpoints"

    @cached_property
    def spec(self) -> DataSpec:
        """What the model must know of its data."""
        return read_spec(read_json(self.corridor.folder.stage(self.parent.stage) / "model.json")["spec"])

    @property
    def longest(self) -> int | None:
        """Tokens of the longest document, where samples differ in length."""
        return self.spec.max_length if isinstance(self.spec, TextSpec) else None

    @property
    def description(self) -> dict[str, Any]:
        """What this model is built from before anything is taken out: the student's section where there is one."""
        parent = read_json(self.corridor.folder.stage(self.parent.stage) / "model.json")
        own = {} if self.section.model is None else {"model": self.section.model.model_dump(mode="json")}
        return {name: value for name, value in parent.items() if name != "structure"} | own

    def original(self) -> nn.Module:
        """The parent's model, restored."""
        from basestone.lifecycle.restore import restore

        return restore(self.corridor.folder, self.parent.stage)[0]

    def structure(self, model: nn.Module) -> dict[str, Any]:
        """What ``model`` lacks of the network that ``description`` builds, as JSON."""
        from basestone.compression.structure import read_structure
        from basestone.lifecycle.restore import built

        return read_structure(model, built(self.description)).to_json()

    def split(self, name: str, *, augmented: bool = False) -> Any:
        """One split of the prepared data."""
        from basestone.data.dataset import open_split
        from basestone.data.transforms import TRANSFORMS

        augment = [TRANSFORMS.build(transform) for transform in self.section.augment] if augmented else []
        return open_split(self.corridor.folder.stage(self.prepared.stage), self.corridor.cache, name, augment=augment)

    def draw(self, split: str, count: int, purpose: str) -> NDArray[np.int64]:
        """At most ``count`` positions of a split, by the recipe's seed."""
        from basestone.data.split import draw

        size = self.prepared.facts["counts"][split]
        return draw(size, min(count, size), self.corridor.recipe.seed, purpose)


def _work(bench: Bench) -> dict[str, Any]:
    from basestone.lifecycle.deploy import deploy
    from basestone.lifecycle.shrink import shrink
    from basestone.measures.energy import EnergyMeter
    from basestone.models.model import save_weights
    from basestone.reporting.attest import sign_files

    with EnergyMeter() as meter:
        shrunk = shrink(bench)
    save_weights(shrunk.model, bench.folder / "model.safetensors")
    write_json(bench.folder / "model.json", bench.description | {"structure": bench.structure(shrunk.model)})
    write_json(bench.folder / "cost.json", _cost(bench, shrunk.model, shrunk.fits, meter))
    deployed = deploy(bench, shrunk.model)
    files = ["model.safetensors", "model.json", *deployed.files]
    sign_files(bench.folder, files, signing_key(bench.corridor.keys))
    return {"parent": bench.parent.stage, "removed": shrunk.removed, "runtime": deployed.runtime}


def _cost(bench: Bench, model: nn.Module, fits: list[dict[str, Any]], meter: EnergyMeter) -> dict[str, Any]:
    """What the whole way to this model cost: its parent's training, its own, and its teacher's answers."""
    import numpy as np

    from basestone.measures.energy import added_costs, training_cost
    from basestone.models.model import describe, whole_training_flops
    from basestone.objectives.catalogue import OBJECTIVES

    objective = objective_for(OBJECTIVES.build(bench.section.objective), bench.spec)
    batch = bench.split("train").batch(np.arange(2))
    taught = describe(bench.original(), bench.spec.input_shape).flops if bench.section.distil else 0
    flops = np.zeros(2, np.int64)
    for found in fits:
        shapes = {tuple(shape): count for shape, count in found["shapes"]}
        flops += np.array(whole_training_flops(model, objective, batch, shapes)) + taught * found["samples_seen"]
    seen, wall_s = (sum(found[name] for found in fits) for name in ("samples_seen", "wall_s"))
    before = read_json(bench.corridor.folder.stage(bench.parent.stage) / "cost.json")
    return added_costs(before, training_cost(int(flops[0]), int(flops[1]), seen, wall_s, meter))
