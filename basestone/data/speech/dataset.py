"""Speech: prepare a data set, and open one of its splits in the way that an objective reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.artifact import read_json, write_json
from basestone.core.contracts import Transform, View
from basestone.core.errors import DataError, UsageError, did_you_mean
from basestone.core.evidence import write_records
from basestone.core.seed import derive
from basestone.core.spec import SpeechSpec
from basestone.data.cache import GROUP, Progress
from basestone.data.card import dataset_card
from basestone.data.duplicates import copies_of_test, find_exact_copies, protected
from basestone.data.readers.contract import SPLITS, SplitName
from basestone.data.speech.cache import SPEED, Recorded, open_recorded, recorded
from basestone.data.speech.options import SpeechData
from basestone.data.speech.sounds import Sounds, conditions_of
from basestone.data.speech.sources import SPEECH_SOURCES
from basestone.data.speech.splits import Recordings, Transcribed
from basestone.data.speech.spoken import Spoken
from basestone.data.split import all_classes_in_train, divide, limited
from basestone.data.tables import duplicates_table, groups_of, samples_table

Positions = NDArray[np.int64]


def prepare_speech(
    options: SpeechData, *, seed: int, folder: Path, cache_root: Path, progress: Progress | None
) -> dict[str, Any]:
    """See ``basestone.data.dataset.prepare``."""
    source = SPEECH_SOURCES.build(options.source)
    cache = recorded(source, options.sample_rate, options.columns, cache_root, progress, options.speeds)
    cache = _with_said(cache, options.said)
    divided, hashes = _divided(cache, options, derive(seed, "data")), cache.columns["sha256"]
    splits = divided
    if options.deduplicate == "drop_exact":
        splits = protected(divided, lambda mine, theirs: find_exact_copies(hashes, mine, theirs))
    if cache.class_names:
        all_classes_in_train(splits["train"], cache.columns["label"], cache.class_names)
    copies = copies_of_test(splits, lambda mine, rest: find_exact_copies(hashes, mine, rest))
    spec = _spec(options, cache, splits["train"])
    card = dataset_card(
        options,
        source.identity(),
        cache,
        splits,
        seed=seed,
        spec=spec,
        copies=copies,
        bar=None,
        dropped={name: len(divided[name]) - len(splits[name]) for name in splits},
    )
    card |= {"speech": {name: _length(cache, where, spec) for name, where in splits.items()}}
    card["left_out"] = 0 if options.longer == "cut" else int(_longer(cache, options).sum())
    write_records(folder / "samples.parquet", samples_table(cache, splits))
    write_records(folder / "duplicates.parquet", duplicates_table(copies, splits))
    write_json(folder / "card.json", card)
    return read_json(folder / "card.json")


def open_speech(
    card: Mapping[str, Any],
    samples: Mapping[str, NDArray[Any]],
    cache_root: Path,
    augment: Sequence[Transform],
    view: View,
) -> Recordings:
    """The split whose rows of ``samples.parquet`` are ``samples``, as ``view`` says."""
    spec, cache = SpeechSpec.from_json(card["spec"]), open_recorded(cache_root, card["cache"])
    if view.kind not in ("labels", "documents", "characters", "samples", "spoken"):
        raise UsageError(f"Speech cannot be read as '{view.kind}'. Choose another objective.")
    if view.kind in ("characters", "spoken") and not all(samples["text"].tolist()):
        raise UsageError(
            "Recordings must have transcripts for this objective, and these have none. Name their column in "
            "data.source.text, or say under data.said what is said in each class."
        )
    if view.kind == "labels" and not spec.class_names:
        raise UsageError(
            "Recordings must have labels for this objective, and these have none. Name their column in "
            "data.source.label."
        )
    kinds: dict[str, Callable[..., Recordings]] = {"characters": Transcribed, "spoken": Spoken}
    if view.kind == "samples":
        spec = replace(spec, level=view.level)
        kinds["samples"] = partial(Sounds, crop=view.crop, conditions=conditions_of(card, view.condition_on))
    return kinds.get(view.kind, Recordings)(
        cache.flat,
        cache.ends,
        samples["position"],
        samples["label"],
        spec,
        row_names=samples["name"].tolist(),
        groups={name: values for name, values in groups_of(samples).items() if name in card["options"]["groups"]},
        texts=samples["text"].tolist(),
        augment=augment,
    )


def _divided(cache: Recorded, options: SpeechData, seed: int) -> dict[str, Positions]:
    """The splits after ``only``, ``hold_out`` and ``limit``; what is held out is test, whichever split it was in.

    A recording is in one split at all of its speeds, so that no test recording is trained on at another speed.
    """
    labels, hashes = cache.columns["label"], cache.columns["sha256"]
    own = cache.columns["split"] if options.split.own else np.full(len(labels), "train")
    only = {name: values for name, values in options.only.items() if name != SPEED}
    kept = _chosen(cache, only, "only")
    if options.hold_out:
        outside = kept & _chosen(cache, options.hold_out, "hold_out")
        own = np.where(outside, "test", np.where(own == "test", "", own))
        if not outside.any():
            raise DataError(
                "data.hold_out must leave recordings to test with and leaves none. Check it against 'only'."
            )
    first = np.arange(0, len(labels), len(options.speeds))
    found = divide(np.where(kept, own, "")[first], labels[first], hashes[first], options.split, seed=seed)
    at_speed = _chosen(cache, {SPEED: options.only[SPEED]} if SPEED in options.only else {}, "only")
    splits: dict[SplitName, Positions] = {}
    for name, where in found.items():
        every = (first[where, None] + np.arange(len(options.speeds))).ravel()
        splits[name] = every[at_speed[every]].astype(np.int64)
        if options.longer == "drop":
            splits[name] = splits[name][~_longer(cache, options)[splits[name]]]
    limits = limited(splits, labels, hashes, options.limit, seed=seed)
    return {name: limits[name] for name in SPLITS if name in limits}


def _chosen(cache: Recorded, wanted: Mapping[str, Sequence[str]], option: str) -> NDArray[np.bool_]:
    """Which recordings have one of the values of every column named; all of them where none is."""
    chosen = np.ones(len(cache.columns["name"]), bool)
    for group, values in wanted.items():
        column = cache.columns[GROUP + group].astype(str)
        for value in values:
            if value not in column:
                hint = did_you_mean(value, set(column.tolist()))
                raise DataError(f"data.{option}.{group} must name values that occur; '{value}' does not.{hint}")
        chosen &= np.isin(column, values)
    return chosen


def _spec(options: SpeechData, cache: Recorded, train: Positions) -> SpeechSpec:
    return SpeechSpec(
        sample_rate=options.sample_rate,
        max_samples=round(options.max_seconds * options.sample_rate),
        class_names=cache.class_names,
        characters="".join(sorted(set("".join(cache.columns["text"][train].tolist())))),
        groups=tuple((name, tuple(np.unique(cache.columns[GROUP + name]).tolist())) for name in options.groups),
    )


def _with_said(cache: Recorded, said: Mapping[str, str]) -> Recorded:
    """The cache with a transcript for every recording, from what is said in its class."""
    if not said:
        return cache
    missing = [name for name in cache.class_names if name not in said]
    unknown = [name for name in said if name not in cache.class_names]
    if missing or unknown:
        fault = f"'{missing[0]}' is missing" if missing else f"'{unknown[0]}' is no class"
        raise DataError(
            f"data.said must say what is said in each of the classes {', '.join(cache.class_names)}; {fault}."
        )
    texts = np.array([said[cache.class_names[label]] for label in cache.columns["label"].tolist()], dtype=object)
    return replace(cache, columns=cache.columns | {"text": texts})


def _longer(cache: Recorded, options: SpeechData) -> NDArray[np.bool_]:
    """Which recordings are longer than a model sees."""
    return cache.columns["samples"] > round(options.max_seconds * options.sample_rate)


def _length(cache: Recorded, where: Positions, spec: SpeechSpec) -> dict[str, Any]:
    """Seconds in all, and how many recordings are longer than what a model sees."""
    samples = cache.columns["samples"][where]
    return {"seconds": float(samples.sum() / spec.sample_rate), "cut": int((samples > spec.max_samples).sum())}
