"""What a detector finds in its samples, beside what is there: the records from which average precision follows.

The columns of ``detected_test`` and ``detected_train``, a row for each box: ``index`` (the image), ``kind``, ``class``,
``score`` (of an answer, else 1) and ``x1``, ``y1``, ``x2``, ``y2`` in pixels of what the model is shown. ``kind`` is
``object``, ``ignored`` (a region that counts neither way), ``answer``, or ``empty``, once for each image, so that an
image counts in which there is nothing and nothing was found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from basestone.measures.average_precision import matched
from basestone.measures.corrupted import Corruptions
from basestone.measures.robustness import SEVERITIES
from basestone.measures.subject import Columns, Progress, Raw, Subject, batches, to_unit

CORNERS = ("x1", "y1", "x2", "y2")
FOUND_AT = 0.5  # the overlap at which an answer under corruption counts as right


def collect_detected(
    subject: Subject,
    raw: Raw,
    boxes: Mapping[str, NDArray[Any]],
    positions: ArrayLike,
    *,
    batch_size: int,
    progress: Progress | None = None,
) -> Columns:
    """The columns above; ``boxes`` are those of the whole split, with ``image``, ``class``, ``ignored`` and corners."""
    index = np.asarray(positions, np.int64)
    parts = [(part, answers(subject, to_unit(raw(part)))) for part in batches(index, batch_size, progress)]
    return _table(index, boxes, _rows(parts))


def collect_detected_corrupted(
    subject: Subject,
    corruptions: Corruptions,
    boxes: Mapping[str, NDArray[Any]],
    positions: ArrayLike,
    *,
    batch_size: int,
    progress: Progress | None = None,
) -> Columns:
    """The columns of ``detected_corrupted``: a row for each answer under each corruption at each severity.

    ``index``, ``corruption``, ``severity``, ``class``, ``score``, and ``right``: 1 where it takes an object at an
    overlap of 0.5, −1 where it takes an ignored region, else 0. Each image has a row of class −1 as well.
    """
    index = np.asarray(positions, np.int64)
    names = [name for family in corruptions.families.values() for name in family]
    kinds = [(name, level) for name in names for level in SEVERITIES]
    found: list[Columns] = []
    done = 0
    for part in batches(index, batch_size, None):
        under = corruptions.of(part)
        for name, level in kinds:
            table = _table(part, boxes, _rows([(part, answers(subject, under(name, level)))]))
            found.append(_judged(table) | {"corruption": name, "severity": level})
            done += len(part)
            if progress:
                progress(done, len(index) * len(kinds))
    sizes = [len(one["index"]) for one in found]
    joined: Columns = {
        name: np.concatenate([one[name] for one in found]) for name in ("index", "class", "score", "right")
    }
    joined["corruption"] = np.repeat(np.array([one["corruption"] for one in found], object), sizes)
    joined["severity"] = np.repeat(np.array([one["severity"] for one in found], np.int64), sizes)
    return joined


def compare_detected(subject: Subject, raw: Raw, recorded: Mapping[str, NDArray[Any]], positions: ArrayLike) -> Columns:
    """The columns of ``replay``: answers to some images once more, against the rows of ``detected_test``.

    An image agrees when the same classes are found in the same order; the difference is the largest of a score or of a
    corner, as a share of the larger side.
    """
    index = np.asarray(positions, np.int64)
    mine = recorded["kind"].astype(str) == "answer"
    before = {name: values[mine] for name, values in recorded.items()}
    same, moved = [], []
    for place in index:
        image = to_unit(raw(np.array([place])))
        now = answers(subject, image)[0]
        now = now[now[:, 5] >= 0]
        then = np.column_stack([before[name][before["index"] == place] for name in (*CORNERS, "score", "class")])
        agree = len(now) == len(then) and bool((now[:, 5] == then[:, 5]).all())
        unit = np.array([max(image.shape[2:])] * 4 + [1, 1])
        same.append(int(agree))
        moved.append(float((np.abs(now - then) / unit).max(initial=0)) if agree else np.nan)
    return {"index": index, "max_abs_diff": np.array(moved), "same_prediction": np.array(same, np.int64)}


def only_of(table: Mapping[str, NDArray[Any]], named: Sequence[str], now: Sequence[str]) -> Columns:
    """Records in which the answers of a detector that knows ``named`` are counted by ``now``; those of others go."""
    place = np.array([now.index(name) if name in now else -1 for name in named] + [-1])
    answered = table["kind"].astype(str) == "answer"
    label = np.where(answered, place[table["class"]], table["class"])
    kept = ~answered | (label >= 0)
    return {name: values[kept] for name, values in {**table, "class": label}.items()}


def answers(subject: Subject, images: Any) -> NDArray[np.float32]:
    """N×D×6: corners, score and class (−1: none)."""
    return subject.logits(images).numpy()


def _rows(parts: list[tuple[NDArray[np.int64], NDArray[np.float32]]]) -> Columns:
    """One row an answer, images in their order, each one's surest first."""
    index = np.concatenate([np.repeat(part, found.shape[1]) for part, found in parts])
    flat = np.concatenate([found.reshape(-1, 6) for _, found in parts])
    held = flat[:, 5] >= 0
    corners = {name: flat[held, place] for place, name in enumerate(CORNERS)}
    return {"index": index[held], "class": flat[held, 5].astype(np.int64), "score": flat[held, 4], **corners}


def _table(index: NDArray[np.int64], boxes: Mapping[str, NDArray[Any]], found: Columns) -> Columns:
    """What is there, what was found, and a row for each image."""
    mine = np.isin(boxes["image"], index)
    kinds = np.where(boxes["ignored"][mine], "ignored", "object").astype(object)
    there = {
        "index": boxes["image"][mine],
        "kind": kinds,
        "class": boxes["class"][mine],
        "score": np.ones(int(mine.sum()), np.float32),
        **{name: boxes[name][mine] for name in CORNERS},
    }
    nothing = np.zeros(len(index), np.float32)
    images = {
        "index": index,
        "kind": np.full(len(index), "empty", object),
        "class": np.full(len(index), -1),
        "score": nothing,
        **dict.fromkeys(CORNERS, nothing),
    }
    answered = {"kind": np.full(len(found["index"]), "answer", object)} | found
    return {name: np.concatenate([part[name] for part in (there, answered, images)]) for name in there}


def _judged(table: Columns) -> dict[str, Any]:
    """The answers of a table with whether each is right, and a row for each image."""
    classes, images = matched(table, (FOUND_AT,)), np.unique(table["index"])
    rows: list[tuple[Any, ...]] = [
        (images[one.image], np.full(len(one.image), number), one.score, one.hit[0].astype(np.int64) - one.ignored[0])
        for number, one in enumerate(classes)
    ]
    rows.append((images, np.full(len(images), -1), np.zeros(len(images), np.float32), np.zeros(len(images), np.int64)))
    joined = (np.concatenate(parts) for parts in zip(*rows, strict=True))
    return dict(zip(("index", "class", "score", "right"), joined, strict=True))
