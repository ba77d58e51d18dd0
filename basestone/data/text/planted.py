"""Text with a known fault, made of a few words: the standard must find it (``standard selftest``)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from basestone.core.artifact import write_text
from basestone.core.seed import numpy_generator

WORDS = {  # two kinds, and what both share
    "weather": "rain|wind|snow|cloud|storm|frost|thaw|breeze|hail|mist|thunder|sleet|drizzle|gale|heat|chill",
    "food": "soup|bread|rice|apple|cheese|pepper|butter|noodle|olive|onion|honey|pasta|garlic|lemon|salad|stew",
}
COMMON = "the|a|was|very|near|old|new|some|then|again|here|there|many|few|with|and|of|after|before|while"
TRAIN, TEST = 2_400, 1_200
LEAKED = 300  # test documents


def sorted_topics(folder: Path) -> None:
    """Writes ``train.jsonl`` and ``test.jsonl``: twelve words each, of which the label's own are the most frequent."""
    _write(folder, leaked=0)


def leaked_topics(folder: Path) -> None:
    """The same, with a quarter of the test documents in train too, every other one with its first letter capital."""
    _write(folder, leaked=LEAKED)


def _write(folder: Path, *, leaked: int) -> None:
    draws = numpy_generator(0, "planted", "topics")
    rows = [_row(draws, label) for label in draws.choice(list(WORDS), TRAIN + TEST)]
    test = rows[TRAIN:]
    copies = [row | {"text": row["text"].capitalize() if place % 2 else row["text"]} for place, row in enumerate(test)]
    for name, found in (("train", rows[:TRAIN] + copies[:leaked]), ("test", test)):
        write_text(folder / f"{name}.jsonl", "".join(json.dumps(row) + "\n" for row in found))


def _row(draws: np.random.Generator, label: str) -> dict[str, str]:
    other = next(name for name in WORDS if name != label)
    parts = ((WORDS[label], 4), (WORDS[other], 1), (COMMON, 7))
    words = [word for known, count in parts for word in draws.choice(known.split("|"), count)]
    return {"text": " ".join(draws.permutation(words).tolist()), "label": label}


def ordered_topics(folder: Path) -> None:
    """The same two files; every document speaks of both kinds, once each, and its label is the one that comes first.

    No word decides, so that no rule over words can.
    """
    draws = numpy_generator(0, "planted", "ordered")
    rows = [_ordered(draws) for _ in range(TRAIN + TEST)]
    for name, found in (("train", rows[:TRAIN]), ("test", rows[TRAIN:])):
        write_text(folder / f"{name}.jsonl", "".join(json.dumps(row) + "\n" for row in found))


def _ordered(draws: np.random.Generator) -> dict[str, str]:
    kinds = draws.permutation(list(WORDS)).tolist()
    words = draws.choice(COMMON.split("|"), 12).tolist()
    places = np.sort(draws.choice(12, 2, replace=False)).tolist()
    for place, kind in zip(places, kinds, strict=True):
        words[place] = str(draws.choice(WORDS[kind].split("|")))
    return {"text": " ".join(words), "label": kinds[0]}
