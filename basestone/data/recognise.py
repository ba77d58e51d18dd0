"""Are these the data that were prepared, and is the cache still there? Torch-free: every run asks first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from basestone.core.artifact import read_json
from basestone.core.evidence import digest_of
from basestone.data.detection.options import BoxData
from basestone.data.detection.sources import BOX_SOURCES
from basestone.data.folders import is_whole
from basestone.data.options import DataOptions
from basestone.data.sources import SOURCES
from basestone.data.speech.options import SpeechData
from basestone.data.speech.sources import SPEECH_SOURCES
from basestone.data.text.options import TextData
from basestone.data.text.sources import TEXT_SOURCES
from basestone.data.text.tokenizers import tokenizer_identity


def fingerprint(options: DataOptions | TextData | BoxData | SpeechData) -> str:
    """A digest (hex) of the source's content and of every option but its paths: equal means nothing need be redone."""
    chosen = options.model_dump(mode="json", exclude={"source"})
    if isinstance(options, TextData):
        chosen["tokenizer"] = tokenizer_identity(options.tokenizer)
    return digest_of({"source": _source(options).identity(), "options": chosen})


def _source(options: DataOptions | TextData | BoxData | SpeechData) -> Any:
    """The source, out of the table of its kind of data."""
    tables = {TextData: TEXT_SOURCES, BoxData: BOX_SOURCES, SpeechData: SPEECH_SOURCES}
    table: Any = next((found for kind, found in tables.items() if isinstance(options, kind)), SOURCES)
    return table.build(options.source)


def cache_present(folder: Path, cache_root: Path) -> bool:
    """Whether the pixels, tokens or waveforms of a prepared folder are in the cache, judged by the files' sizes."""
    if not (folder / "card.json").exists():
        return False
    card = read_json(folder / "card.json")
    return all(is_whole(cache_root, card[name]) for name in ("cache", "tokens") if name in card)
