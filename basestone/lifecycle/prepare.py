"""Prepare: read the data once, split them, look for leaks between the splits, write the data set's card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from basestone.core.artifact import MANIFEST, Manifest
from basestone.lifecycle.stage import Corridor, perform

STAGE = "prepare"


def prepare(corridor: Corridor) -> Manifest:
    """Makes ``stages/prepare``: ``samples.parquet``, ``duplicates.parquet``, ``card.json``; the rest is cached."""
    from basestone.data.recognise import cache_present, fingerprint

    options = corridor.recipe.data
    folder = corridor.folder.stage(STAGE)
    if (folder / MANIFEST).exists() and not cache_present(folder, corridor.cache):
        (folder / MANIFEST).unlink()

    def work(folder: Path) -> dict[str, Any]:
        from basestone.data.dataset import prepare as prepare_data

        card = prepare_data(
            options,
            seed=corridor.recipe.seed,
            folder=folder,
            cache_root=corridor.cache,
            progress=corridor.progress(STAGE, "samples"),
        )
        return {"counts": {name: split["count"] for name, split in card["splits"].items()}}

    depends = {"data": options.model_dump(mode="json"), "content": fingerprint(options)}
    return perform(corridor, STAGE, STAGE, depends=depends, parents={}, work=work)
