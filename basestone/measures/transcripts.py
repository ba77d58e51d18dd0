"""How well a recogniser writes down what is said: word and character error rates.

Errors are the fewest substitutions, deletions and insertions (Levenshtein), over the words that were said; a rate may
exceed 1. Recordings of one speaker stand and fall together, so the speaker is the cluster that is resampled where the
data name speakers, else the recording.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from basestone.core.evidence import Measurement, Records, RecordsMissing
from basestone.measures.bootstrap import cluster_bootstrap

if TYPE_CHECKING:
    from basestone.measures.subject import Columns, Progress, Raw, Subject

SPEAKER = "speaker"
Write = Callable[[NDArray[np.float32]], list[str]]


def collect_transcripts(
    subject: Subject,
    raw: Raw,
    said: Sequence[str],
    positions: ArrayLike,
    write: Write,
    *,
    groups: Mapping[str, ArrayLike] | None = None,
    batch_size: int = 250,
    progress: Progress | None = None,
) -> Columns:
    """The columns of ``transcripts_test``: what was said and what was written, a row for each of ``positions``."""
    from basestone.measures.subject import batches

    index = np.asarray(positions, np.int64)
    written = [
        text for part in batches(index, batch_size, progress) for text in write(subject.logits(raw(part)).numpy())
    ]
    columns: dict[str, Any] = {
        "index": index,
        "said": np.array([said[place] for place in index.tolist()], dtype=object),
        "written": np.array(written, dtype=object),
    }
    return columns | {name: np.asarray(values, dtype=object)[index] for name, values in (groups or {}).items()}


def collect_frames(subject: Subject, raw: Raw, positions: NDArray[np.int64], *, batch_size: int) -> Columns:
    """Of some recordings the mean logit and a checksum of the likeliest outputs, for a replay."""
    from basestone.measures.subject import batches

    means: list[float] = []
    paths: list[int] = []
    for part in batches(positions, batch_size, None):
        logits = subject.logits(raw(part)).clamp(min=-100)
        means += logits.double().mean((1, 2)).tolist()
        paths += [zlib.crc32(path.numpy().tobytes()) for path in logits.argmax(2)]
    return {"index": np.asarray(positions, np.int64), "mean": np.array(means), "path": np.array(paths, np.int64)}


def compare_frames(before: Mapping[str, NDArray[Any]], after: Mapping[str, NDArray[Any]]) -> Columns:
    """The columns of ``replay``: how far the mean logit of a recording moved, and whether its whole path agrees."""
    return {
        "index": before["index"],
        "max_abs_diff": np.abs(before["mean"] - after["mean"]),
        "same_prediction": (before["path"] == after["path"]).astype(np.int64),
    }


def word_error_rate(records: Records) -> Measurement:
    """Errors in words over the words that were said, 0 and more."""
    return _rate("word_error_rate", records, word_errors)


def character_error_rate(records: Records) -> Measurement:
    """Errors in characters over the characters that were said."""
    return _rate("character_error_rate", records, character_errors)


def word_errors(said: str, written: str) -> tuple[int, int]:
    """Errors, and words that were said."""
    import jiwer

    if not written.split():
        return len(said.split()), len(said.split())
    found = jiwer.process_words(said, written)
    return found.substitutions + found.deletions + found.insertions, len(said.split())


def character_errors(said: str, written: str) -> tuple[int, int]:
    """Errors, and characters that were said; runs of white space count as one space."""
    import jiwer

    if not written.strip():
        return len(said), len(said)
    found = jiwer.process_characters(said, " ".join(written.split()))
    return found.substitutions + found.deletions + found.insertions, len(said)


def _rate(name: str, records: Records, count: Callable[[str, str], tuple[int, int]]) -> Measurement:
    table = records.table("transcripts_test")
    if not len(table["index"]):
        raise RecordsMissing("'transcripts_test' holds no recording")
    counts = np.array([count(said, written) for said, written in zip(table["said"], table["written"], strict=True)])
    clusters = table[SPEAKER].astype(str) if SPEAKER in table else table["index"]
    value, interval = cluster_bootstrap(lambda totals: totals[..., 0] / totals[..., 1], counts, clusters)
    whole = int(sum(said == written for said, written in zip(table["said"], table["written"], strict=True)))
    detail = {
        "errors": int(counts[:, 0].sum()),
        "of": int(counts[:, 1].sum()),
        "recordings": len(counts),
        "without_error": whole,
        "cluster": SPEAKER if SPEAKER in table else "recording",
    }
    n = len(np.unique(clusters))
    return Measurement(measure=name, value=value, unit="fraction", n=n, interval=interval, detail=detail)


def telling_transcripts(records: Records, count: int) -> list[dict[str, Any]]:
    """Up to ``count`` recordings worth looking at: index, label (said), prediction (written), share of words right."""
    table = records.table("transcripts_test")
    errors = [word_errors(said, written) for said, written in zip(table["said"], table["written"], strict=True)]
    share = np.array([wrong / max(words, 1) for wrong, words in errors])
    return [
        {
            "index": int(table["index"][row]),
            "label": str(table["said"][row]),
            "prediction": str(table["written"][row]),
            "confidence": float(max(0.0, 1 - share[row])),
        }
        for row in np.argsort(-share, kind="stable")[:count].tolist()
    ]
