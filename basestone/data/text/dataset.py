"""Text: prepare a data set, and open one of its splits in the way that an objective reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.artifact import read_json, write_json, write_text
from basestone.core.contracts import View
from basestone.core.errors import DataError, UsageError
from basestone.core.evidence import write_records
from basestone.core.seed import derive
from basestone.core.spec import TextSpec
from basestone.data.cache import Progress
from basestone.data.card import dataset_card
from basestone.data.classes import regrouped
from basestone.data.duplicates import copies_of_test
from basestone.data.readers.contract import SPLITS
from basestone.data.split import all_classes_in_train, divide, limited
from basestone.data.tables import duplicates_table, groups_of, samples_table
from basestone.data.text.cache import Texts, Tokens, cut, open_texts, open_tokens, read_texts
from basestone.data.text.canaries import Planted, Secrets
from basestone.data.text.near import BAR, find_text_copies, without_text_copies
from basestone.data.text.options import TextData
from basestone.data.text.sources import TEXT_SOURCES
from basestone.data.text.splits import Blocks, Documents, Masked
from basestone.data.text.tokenizers import Vocabulary, continues_word, describe_tokenizer
from basestone.data.text.unwanted import NO_CLASS, unwanted_tokens

Positions = NDArray[np.int64]


def prepare_text(
    options: TextData, *, seed: int, folder: Path, cache_root: Path, progress: Progress | None
) -> dict[str, Any]:
    """See ``basestone.data.dataset.prepare``; the tokenizer is trained on the train split alone."""
    source = TEXT_SOURCES.build(options.source)
    texts = read_texts(source, options.groups, cache_root, progress, labels=options.labels)
    if options.classes is not None:
        names, columns = regrouped(texts.columns, texts.class_names, options.classes)
        texts = replace(texts, class_names=names, columns=columns)
    divided = _divided(texts, options, derive(seed, "data"))
    splits = divided
    if options.deduplicate != "keep":
        splits = without_text_copies(texts, divided, near=options.deduplicate == "drop_near")
    if texts.class_names:
        all_classes_in_train(splits["train"], texts.columns["label"], texts.class_names)
    tokens = cut(texts, splits["train"], options.tokenizer, cache_root, progress)
    copies = copies_of_test(splits, lambda mine, rest: find_text_copies(texts, mine, rest, near=True))
    card = dataset_card(
        options,
        source.identity(),
        texts,
        splits,
        seed=seed,
        spec=_spec(options, texts, tokens, splits["train"]),
        copies=copies,
        bar=BAR,
        dropped={name: len(divided[name]) - len(splits[name]) for name in splits},
    )
    card |= {"tokens": tokens.key, "tokenizer": _described(texts, tokens, splits)}
    write_text(folder / "tokenizer.json", tokens.tokenizer.to_str(pretty=True))
    write_records(folder / "samples.parquet", samples_table(texts, splits))
    write_records(folder / "duplicates.parquet", duplicates_table(copies, splits))
    write_json(folder / "card.json", card)
    return read_json(folder / "card.json")


def open_text(
    card: Mapping[str, Any], samples: Mapping[str, NDArray[Any]], cache_root: Path, view: View
) -> Documents | Masked | Blocks:
    """The split whose rows of ``samples.parquet`` are ``samples``, as ``view`` says."""
    tokens, spec = open_tokens(cache_root, card["tokens"]), TextSpec.from_json(card["spec"])
    if view.kind == "next":
        joined = not card["options"]["end_of_document"]
        texts = open_texts(cache_root, card["cache"]).at
        flat, ends, where, labels = tokens.flat, tokens.ends, samples["position"], samples["label"]
        if (secrets := Secrets.of(card)) is not None and (samples["split"] == "train").all():
            planted = Planted(flat, ends, where, secrets, tokens.tokenizer)
            flat, ends, where, texts = planted, planted.ends, planted.where, planted.texts(texts)
            labels = planted.among(labels, NO_CLASS)
        return Blocks(
            flat,
            ends,
            where,
            spec,
            joined=joined,
            texts=texts,
            decode=lambda ids: tokens.tokenizer.decode(ids, skip_special_tokens=False),
            unwanted=unwanted_tokens(flat, ends, where, labels, spec, view, tokens.tokenizer, joined=joined)
            if view.unwanted
            else None,
        )
    documents = Documents(
        tokens.flat,
        tokens.ends,
        samples["position"],
        samples.get("number", samples["label"]),
        spec,
        row_names=samples["name"].tolist(),
        groups=groups_of(samples),
        texts=open_texts(cache_root, card["cache"]).at,
        encode=lambda texts: [
            found.ids for found in tokens.tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        ],
    )
    if view.kind == "masked":
        continues = np.array(continues_word(tokens.tokenizer))
        return Masked(documents, continues, share=view.share, whole_word=view.whole_word)
    if view.kind == "labels" and not spec.class_names and spec.head != "number":
        raise UsageError(
            "Documents must have labels for this objective, and these have none. Name their column in "
            "data.source.label, or choose the objective causal_lm or masked_lm."
        )
    return documents


def _divided(texts: Texts, options: TextData, seed: int) -> dict[str, Positions]:
    labels, hashes = texts.columns["label"], texts.columns["sha256"]
    last = texts.columns["bytes"] if options.split.take == "last" else None
    splits = divide(texts.columns["split"], labels, hashes, options.split, seed=seed, last=last)
    kept = limited(splits, labels, hashes, options.limit, seed=seed)
    return {name: kept[name] for name in SPLITS if name in kept}


def _spec(options: TextData, texts: Texts, tokens: Tokens, train: Positions) -> TextSpec:
    vocabulary = Vocabulary.of(tokens.tokenizer)
    numbers = texts.columns["number"][train] if "number" in texts.columns else None
    return TextSpec(
        vocab_size=vocabulary.size,
        max_length=options.max_length,
        pad=vocabulary.pad,
        start=vocabulary.start,
        end=vocabulary.end,
        mask=vocabulary.mask,
        class_names=texts.class_names,
        head="classes" if numbers is None else "number",
        unit=(0.0, 1.0) if numbers is None else _unit(numbers),
    )


def _unit(numbers: NDArray[np.float64]) -> tuple[float, float]:
    """Mean and deviation of the training split's quantities."""
    deviation = float(numbers.std())
    if not deviation > 0:
        raise DataError(f"The numbers of the training split must differ; all are {numbers[0]}. Use other labels.")
    return float(numbers.mean()), deviation


def _described(texts: Texts, tokens: Tokens, splits: Mapping[str, Positions]) -> dict[str, Any]:
    """What the tokenizer made of each split."""
    lengths = np.diff(tokens.ends)
    held = {
        name: {"tokens": int(lengths[where].sum()), "bytes": int(texts.columns["bytes"][where].sum())}
        for name, where in splits.items()
    }
    if empty := [name for name, found in held.items() if found["tokens"] < 2]:
        raise DataError(f"The split '{empty[0]}' must hold at least two tokens. Give it more text.")
    return describe_tokenizer(tokens.tokenizer) | {"splits": held}
