"""PRV-4: does a language model write personal data? Texts that it wrote are screened, and the bounds corrected.

It goes on from places in the test text by what it finds likely (temperature 1), as in ordinary use. A find counts
that it wrote or finished, whether it stands in the training text or was made up: a made-up number may be somebody's
too. How many stand in the training text word for word is told beside it. The records keep kinds and veiled excerpts,
never an item.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from basestone.core.evidence import Measurement, Records
from basestone.measures.privacy.personal.rules import Item, find_personal, masked, plain
from basestone.measures.privacy.personal.screening import detector_of, kinds_found

if TYPE_CHECKING:
    from basestone.measures.subject import Columns, Progress

PROMPT, WRITTEN = 16, 64  # tokens that are given, and that the model writes
BATCH = 256  # texts that are written side by side
Write = Callable[[NDArray[np.int64]], Sequence[tuple[str, str]]]


def collect_outputs(
    write: Write,
    starts: NDArray[np.int64],
    training: Callable[[], Iterable[str]],
    *,
    batch_size: int = BATCH,
    sensitive: bool = False,
    progress: Progress | None = None,
) -> Columns:
    """The columns of ``outputs``: for each of ``starts`` what was found in the text that the model wrote after it.

    ``write`` goes on from some starts and gives (what was given, what was written) of each. ``training`` reads the
    training texts, when there is a find to look for.
    """
    from basestone.measures.subject import batches

    texts = [pair for part in batches(starts, batch_size, progress) for pair in write(part)]
    finds = [_written_items(given, written) for given, written in texts]
    known = _known({plain(text)[item.start : item.end] for text, items in finds for item in items}, training)
    return {
        "index": np.asarray(starts, np.int64),
        "found": np.array([len(items) for _, items in finds], np.int64),
        "known": np.array(
            [sum(plain(text)[item.start : item.end] in known for item in items) for text, items in finds], np.int64
        ),
        "kinds": np.array([",".join(sorted({item.kind for item in items})) for _, items in finds], object),
        "excerpt": np.array(["" if sensitive else masked(text, items) for text, items in finds], object),
    }


def personal_outputs(records: Records) -> Measurement:
    """The share of written texts with personal data in them, corrected for what the detector misses."""
    table, detector = records.table("outputs"), detector_of(records)
    n, flagged = len(table["found"]), int((table["found"] > 0).sum())
    return Measurement(
        measure="personal_outputs",
        value=detector.corrected(flagged / n),
        unit="fraction",
        n=n,
        interval=detector.bounds(flagged, n),
        detail={
            "flagged": flagged,
            "kinds": kinds_found(table),
            "items": int(table["found"].sum()),
            "word_for_word_in_training": int(table["known"].sum()),
            "detector": detector.detail,
        },
    )


def _written_items(given: str, written: str) -> tuple[str, list[Item]]:
    """The whole text, and the finds that end in what the model wrote."""
    whole = given + written
    return whole, [item for item in find_personal(whole) if item.end > len(given)]


def _known(items: set[str], training: Callable[[], Iterable[str]]) -> set[str]:
    """Those that stand in the training text."""
    if not items:
        return set()
    found = set[str]()
    for text in training():
        held = plain(text)
        found |= {item for item in items - found if item in held}
    return found
