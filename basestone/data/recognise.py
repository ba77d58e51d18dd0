"""Are these the data that were prepared, and are their pixels still there? Torch-free: every run asks first."""

from __future__ import annotations

from pathlib import Path

from basestone.core.artifact import read_json
from basestone.core.evidence import digest_of
from basestone.data.cache import is_whole
from basestone.data.options import DataOptions
from basestone.data.sources import SOURCES


def fingerprint(options: DataOptions) -> str:
    """A digest (hex) of the source's content and of every option but its paths: equal means nothing need be redone."""
    chosen = options.model_dump(mode="json", exclude={"source"})
    return digest_of({"source": SOURCES.build(options.source).identity(), "options": chosen})


def cache_present(folder: Path, cache_root: Path) -> bool:
    """Whether the pixels of a prepared folder are in the cache, judged by the files' sizes."""
    card = folder / "card.json"
    return card.exists() and is_whole(cache_root, read_json(card)["cache"])
