"""Extract: read a layer of a finished model on every sample, keep it, fit estimators to it, draw it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basestone.core.artifact import Manifest, read_json
from basestone.core.contracts import View
from basestone.core.evidence import digest_of
from basestone.core.spec import SpeechSpec, TextSpec
from basestone.lifecycle.origins import model_of, prepared_for
from basestone.lifecycle.stage import Corridor, perform
from basestone.recipe.schema import Extract

if TYPE_CHECKING:
    from torch import nn

    from basestone.data.dataset import Split
    from basestone.features.reader import Pool, Reader

FORMAT = 1
WEIGHTS = ("model.safetensors", "model.json")


def extract(corridor: Corridor, stage: str, section: Extract, made: dict[str, Manifest]) -> Manifest:
    """Makes ``stages/<stage>``: features and rows of each split, ``downstream.json``, predictions, a picture."""
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
    """What every part of one extraction works with."""

    corridor: Corridor
    section: Extract
    prepared: Manifest
    parent: Manifest
    folder: Path

    @cached_property
    def card(self) -> dict[str, Any]:
        """The card of the data."""
        return read_json(self.corridor.folder.stage(self.prepared.stage) / "card.json")

    @property
    def class_names(self) -> list[str]:
        """The data's classes; none where there are no labels."""
        return list(self.card["spec"]["class_names"])

    @cached_property
    def splits(self) -> list[str]:
        """Which are read, in the order of the data."""
        wanted, have = self.section.splits, list(self.prepared.facts["counts"])
        return have if wanted is None else list(dict.fromkeys(wanted))

    def split(self, name: str) -> Split:
        """One split as it is, with labels where there are some."""
        from basestone.data.dataset import open_split

        folder = self.corridor.folder.stage(self.prepared.stage)
        return open_split(folder, self.corridor.cache, name, view=View(kind="documents"))

    def key(self, name: str) -> str:
        """The name of a split's features in the cache: a digest of all that they depend on, and of no path."""
        data = {key: self.card[key] for key in ("cache", "tokens", "spec") if key in self.card}
        asked = self.section.model_dump(mode="json", include={"layer", "pool", "precision", "runtime"})
        samples = self.prepared.files["samples.parquet"]
        model = {file: self.parent.files[file] for file in WEIGHTS}
        told = {"format": FORMAT, "split": name, "samples": samples, "data": data, "model": model} | asked
        return f"features-{digest_of(told)}"

    @cached_property
    def reader(self) -> Reader:
        """The model, cut off at the layer that is asked for."""
        from basestone.features.reader import Reader
        from basestone.lifecycle.restore import restore
        from basestone.models.head import head_of
        from basestone.models.own.log_mel import held_places
        from basestone.models.own.text_model import pooled

        model, spec = restore(self.corridor.folder, self.parent.stage)
        head, layer = head_of(model), self.section.layer
        pool: Pool = self.section.pool or getattr(model.get_submodule(head), "pool", "mean")
        return Reader(
            model,
            layer or head,
            side="output" if layer else "input",
            pool=pool,
            pool_tokens=pooled,
            pad=spec.pad if isinstance(spec, TextSpec) else None,
            inside=getattr(model, "held_places", held_places) if isinstance(spec, SpeechSpec) else None,
        ).eval()

    @cached_property
    def runner(self) -> tuple[nn.Module, float | None]:
        """What runs it, and how near that comes to PyTorch (cosine) where it is another runtime."""
        from basestone.lifecycle.featurise import proven_runtime

        return (self.reader, None) if self.section.runtime == "eager" else proven_runtime(self)


def _work(bench: Bench) -> dict[str, Any]:
    from basestone.lifecycle.downstream import draw, learn
    from basestone.lifecycle.featurise import keep

    facts = keep(bench)
    if bench.section.downstream:
        learn(bench)
    picture = draw(bench) if bench.section.picture != "none" else None
    return {"parent": bench.parent.stage, "class_names": bench.class_names, "picture": picture, **facts}
