"""Prepare: read the data once, split them, look for leaks between the splits, write the data set's card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from basestone.core.artifact import MANIFEST, Manifest
from basestone.data.text.options import TextData
from basestone.lifecycle.origins import PREPARE, data_of
from basestone.lifecycle.stage import Corridor, perform
from basestone.recipe.schema import Data


def prepare(corridor: Corridor, stage: str = PREPARE) -> Manifest:
    """Makes ``stages/<stage>``: ``samples.parquet``, ``duplicates.parquet``, ``card.json``; the rest is cached.

    Text also leaves its ``tokenizer.json``.
    """
    from basestone.data.recognise import cache_present, fingerprint

    options = data_of(corridor.recipe, stage)
    folder = corridor.folder.stage(stage)
    if (folder / MANIFEST).exists() and not cache_present(folder, corridor.cache):
        (folder / MANIFEST).unlink()
    concrete = _with_tokenizer(options, corridor.folder.stage(PREPARE))

    def work(folder: Path) -> dict[str, Any]:
        from basestone.data.dataset import prepare as prepare_data

        card = prepare_data(
            concrete,
            seed=corridor.recipe.seed,
            folder=folder,
            cache_root=corridor.cache,
            progress=corridor.progress(stage, "samples"),
        )
        return {"counts": {name: split["count"] for name, split in card["splits"].items()}}

    depends = {"data": options.model_dump(mode="json"), "content": fingerprint(concrete)}
    return perform(corridor, stage, "prepare", depends=depends, parents={}, work=work)


def _with_tokenizer(options: Data, first: Path) -> Data:
    """The options, with the file of the recipe's own tokenizer where a stage's data ask for that."""
    if not isinstance(options, TextData) or options.tokenizer.kind != "shared":
        return options
    said = options.model_dump(mode="json") | {"tokenizer": {"kind": "pretrained", "path": str(first)}}
    return TextData.model_validate(said)
