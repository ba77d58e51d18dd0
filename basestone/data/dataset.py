"""The data room's doors: prepare a data set, and open one of its splits, whatever its samples are.

A prepared folder holds ``samples.parquet`` (row name, split, position in the cache, label, SHA-256, groups),
``duplicates.parquet`` (one row a test sample) and ``card.json``. Pixels, tokens and waveforms stay in the cache, which
can be made again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from basestone.core.artifact import read_json
from basestone.core.contracts import BoxTransform, Transform, View
from basestone.core.errors import UsageError
from basestone.core.evidence import read_records
from basestone.data.cache import Progress
from basestone.data.detection.options import BoxData
from basestone.data.detection.split import BoxSplit
from basestone.data.image_split import ImageSplit
from basestone.data.options import DataOptions
from basestone.data.speech.options import SpeechData
from basestone.data.speech.splits import Recordings
from basestone.data.text.options import TextData
from basestone.data.text.splits import Blocks, Documents, Masked

__all__ = ["BoxSplit", "ImageSplit", "Recordings", "Split", "open_split", "open_splits", "prepare"]

Split = ImageSplit | BoxSplit | Documents | Masked | Blocks | Recordings


def prepare(
    options: DataOptions | TextData | BoxData | SpeechData,
    *,
    seed: int,
    folder: Path,
    cache_root: Path,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Reads, divides, looks for copies and writes the three files into ``folder``; returns the card.

    ``progress(done, total)`` counts samples. DataError when the data cannot be used; nothing is written then.
    """
    if isinstance(options, TextData):
        from basestone.data.text.dataset import prepare_text

        return prepare_text(options, seed=seed, folder=folder, cache_root=cache_root, progress=progress)
    if isinstance(options, BoxData):
        from basestone.data.detection.dataset import prepare_boxes

        return prepare_boxes(options, seed=seed, folder=folder, cache_root=cache_root, progress=progress)
    if isinstance(options, SpeechData):
        from basestone.data.speech.dataset import prepare_speech

        return prepare_speech(options, seed=seed, folder=folder, cache_root=cache_root, progress=progress)
    from basestone.data.image_dataset import prepare_images

    return prepare_images(options, seed=seed, folder=folder, cache_root=cache_root, progress=progress)


def open_split(
    folder: Path, cache_root: Path, split: str, *, augment: Sequence[Transform] = (), view: View | None = None
) -> Split:
    """One split of a prepared folder; ``view``: how the objective reads it. UsageError: the data have no such split."""
    return open_splits(folder, cache_root, [split], augment=augment, view=view)


def open_splits(
    folder: Path,
    cache_root: Path,
    splits: Sequence[str],
    *,
    augment: Sequence[Transform] = (),
    view: View | None = None,
) -> Split:
    """Several splits as one, one after the other; else as ``open_split``."""
    card = read_json(folder / "card.json")
    for split in splits:
        if split not in card["splits"]:
            known = ", ".join(card["splits"])
            raise UsageError(f"The data have no split '{split}'; they have {known}. See data.split.")
    samples = read_records(folder / "samples.parquet")
    rows = np.concatenate([np.flatnonzero(samples["split"] == split) for split in splits])
    mine = {name: values[rows] for name, values in samples.items()}
    view = view or View()
    if "tokens" in card:
        from basestone.data.text.dataset import open_text

        return open_text(card, mine, cache_root, view)
    if "boxes" in card:
        from basestone.data.detection.dataset import open_detection

        if view.kind != "boxes":
            raise UsageError(f"Photographs with boxes cannot be read as '{view.kind}'. Choose the objective detection.")
        return open_detection(card, mine, cache_root, cast("Sequence[BoxTransform]", augment))
    if view.kind == "boxes":
        raise UsageError("The objective detection needs boxes, and these images have none. Choose another objective.")
    if "speech" in card:
        from basestone.data.speech.dataset import open_speech

        return open_speech(card, mine, cache_root, augment, view)
    if view.kind not in ("labels", "documents"):
        raise UsageError(
            f"Only text can be read as '{view.kind}', and these data are images. Choose another objective."
        )
    from basestone.data.image_dataset import open_images

    return open_images(card, mine, cache_root, augment)
