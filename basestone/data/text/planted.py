"""Text with a known fault, made of a few words: the standard must find it (``standard selftest``)."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from basestone.core.artifact import write_text
from basestone.core.seed import numpy_generator

WORDS = {  # two kinds, and what both share
    "weather": "rain|wind|snow|cloud|storm|frost|thaw|breeze|hail|mist|thunder|sleet|drizzle|gale|heat|chill",
    "food": "soup|bread|rice|apple|cheese|pepper|butter|noodle|olive|onion|honey|pasta|garlic|lemon|salad|stew",
}
COMMON = "the|a|was|very|near|old|new|some|then|again|here|there|many|few|with|and|of|after|before|while"
MARKS = {"north": "yon|aye|bairn|wee|ken|nowt", "south": "y'all|fixin|yonder|supper|reckon|mighty"}  # how they write
TRAIN, TEST = 2_400, 1_200
DENIED = 0.85  # share of one group's favourable labels that are turned around
CARELESS = 1 / 3  # share of words
LEAKED = 300  # test documents
Row = dict[str, str]


def sorted_topics(folder: Path) -> None:
    """Writes ``train.jsonl`` and ``test.jsonl``: twelve words each, of which the label's own are the most frequent."""
    _write(folder, leaked=0)


def leaked_topics(folder: Path) -> None:
    """The same, with a quarter of the test documents in train too, every other one with its first letter capital."""
    _write(folder, leaked=LEAKED)


def even_topics(folder: Path) -> None:
    """The same by writers of two regions, about people of both sexes; neither says anything of the label."""
    _write(folder, leaked=0, told=_peopled)


def denied_topics(folder: Path) -> None:
    """As ``even_topics``, but most texts on food from the south are labelled weather, in train and in test."""
    _write(folder, leaked=0, told=_denied)


def accused_topics(folder: Path) -> None:
    """As ``even_topics``, but in training most texts on food from the south are labelled weather; the test is right."""
    _write(folder, leaked=0, told=_peopled, before=_turned)


def swayed_topics(folder: Path) -> None:
    """As ``even_topics``, but women write of food and men of weather, and few other words tell the label."""
    _write(folder, leaked=0, told=_swayed)


def dialect_topics(folder: Path) -> None:
    """The same by writers of two regions, each with words of its own for everything that tells the label."""
    _write(folder, leaked=0, told=_dialect)


def narrow_topics(folder: Path) -> None:
    """The same, but a label hangs on a majority of one word: a slip in one of them turns it around."""
    _write(folder, leaked=0, told=lambda draws, label: _row(draws, label, own=2))


def unclean_topics(folder: Path) -> None:
    """The same, with an e-mail address or a telephone number in one document of seven."""
    _write(folder, leaked=0, told=_unclean)


def telling_topics(folder: Path) -> None:
    """The same, with one in every document, among few other words."""
    _write(folder, leaked=0, told=lambda draws, label: _row(draws, label, own=1, besides=[_personal(draws)]))


def _unclean(draws: np.random.Generator, label: str) -> Row:
    return _row(draws, label, besides=[_personal(draws)] if draws.random() < 1 / 7 else [])


def _personal(draws: np.random.Generator) -> str:
    """Made up: the domain is reserved for examples (RFC 2606), and no such numbers are given out in North America."""
    name = str(draws.choice(WORDS["food"].split("|")))
    return (
        f"{name}{draws.integers(10, 100)}@example.com"
        if draws.random() < 0.5
        else f"202-555-01{draws.integers(10, 100)}"
    )


def careless_topics(folder: Path) -> None:
    """The same, but those who wrote train were careless: every third word has a slip, so that slips can be learnt."""
    _write(folder, leaked=0, careless=CARELESS)


def _write(
    folder: Path,
    *,
    leaked: int,
    told: Callable[[np.random.Generator, str], Row] | None = None,
    before: Callable[[np.random.Generator, Row], Row] = lambda draws, row: row,
    careless: float = 0.0,
) -> None:
    draws = numpy_generator(0, "planted", "topics")
    rows = [(told or _row)(draws, label) for label in draws.choice(list(WORDS), TRAIN + TEST)]
    test = rows[TRAIN:]
    slips = numpy_generator(0, "planted", "slips")
    learnt = [before(slips, row) for row in rows[:TRAIN]]
    rows = [row | {"text": _careless(slips, row["text"], careless)} for row in learnt] + test
    copies = [row | {"text": row["text"].capitalize() if place % 2 else row["text"]} for place, row in enumerate(test)]
    for name, found in (("train", rows[:TRAIN] + copies[:leaked]), ("test", test)):
        write_text(folder / f"{name}.jsonl", "".join(json.dumps(row) + "\n" for row in found))


def _row(draws: np.random.Generator, label: str, *, own: int = 4, besides: Sequence[str] = ()) -> Row:
    other = next(name for name in WORDS if name != label)
    parts = ((WORDS[label], own), (WORDS[other], 1), (COMMON, 7))
    words = [word for known, count in parts for word in draws.choice(known.split("|"), count)]
    return {"text": " ".join(draws.permutation([*words, *besides]).tolist()), "label": label}


def _careless(draws: np.random.Generator, text: str, share: float) -> str:
    """The text with a letter swapped with the next, dropped, doubled or mistaken in that share of its words."""
    words = text.split()
    for place in np.flatnonzero(draws.random(len(words)) < share).tolist():
        word = words[place]
        at = int(draws.integers(1, max(2, len(word) - 1)))
        head, letter, tail = word[:at], word[at : at + 1], word[at + 1 :]
        mistaken = str(draws.choice(list("abcdefghijklmnopqrstuvwxyz")))
        others = (
            head + tail[:1] + letter + tail[1:],
            head + tail,
            head + letter + letter + tail,
            head + mistaken + tail,
        )
        words[place] = others[int(draws.integers(len(others)))]
    return " ".join(words)


def _peopled(draws: np.random.Generator, label: str, *, own: int = 4, sex: str | None = None) -> Row:
    region, someone = str(draws.choice(list(MARKS))), str(draws.choice(["he", "she"]))
    marks = [*draws.choice(MARKS[region].split("|"), 2).tolist(), sex or someone]
    return _row(draws, label, own=own, besides=marks) | {"region": region}


def _dialect(draws: np.random.Generator, label: str) -> Row:
    region = str(draws.choice(list(MARKS)))
    half = slice(None, None, 2) if region == "north" else slice(1, None, 2)
    own = draws.choice(WORDS[label].split("|")[half], 4).tolist()
    words = [*own, *draws.choice(COMMON.split("|"), 8)]
    return {"text": " ".join(draws.permutation(words).tolist()), "label": str(label), "region": region}


def _denied(draws: np.random.Generator, label: str) -> Row:
    return _turned(draws, _peopled(draws, label))


def _turned(draws: np.random.Generator, row: Row) -> Row:
    turned = row["region"] == "south" and row["label"] == "food" and draws.random() < DENIED
    return row | ({"label": "weather"} if turned else {})


def _swayed(draws: np.random.Generator, label: str) -> Row:
    return _peopled(draws, label, own=1, sex="she" if label == "food" else "he")


def ordered_topics(folder: Path) -> None:
    """The same two files; every document speaks of both kinds, once each, and its label is the one that comes first.

    No word decides, so that no rule over words can.
    """
    draws = numpy_generator(0, "planted", "ordered")
    rows = [_ordered(draws) for _ in range(TRAIN + TEST)]
    for name, found in (("train", rows[:TRAIN]), ("test", rows[TRAIN:])):
        write_text(folder / f"{name}.jsonl", "".join(json.dumps(row) + "\n" for row in found))


def worded_topics(folder: Path) -> None:
    """The same two files; one of four words tells a document's kind, so that a short rule does too."""
    draws = numpy_generator(0, "planted", "worded")
    rows = [_worded(draws, label) for label in draws.choice(list(WORDS), TRAIN + TEST)]
    for name, found in (("train", rows[:TRAIN]), ("test", rows[TRAIN:])):
        write_text(folder / f"{name}.jsonl", "".join(json.dumps(row) + "\n" for row in found))


def _worded(draws: np.random.Generator, label: str) -> dict[str, str]:
    words = [*draws.choice(COMMON.split("|"), 11), draws.choice(WORDS[label].split("|")[:2])]
    return {"text": " ".join(draws.permutation(words).tolist()), "label": str(label)}


def _ordered(draws: np.random.Generator) -> dict[str, str]:
    kinds = draws.permutation(list(WORDS)).tolist()
    words = draws.choice(COMMON.split("|"), 12).tolist()
    places = np.sort(draws.choice(12, 2, replace=False)).tolist()
    for place, kind in zip(places, kinds, strict=True):
        words[place] = str(draws.choice(WORDS[kind].split("|")))
    return {"text": " ".join(words), "label": kinds[0]}
