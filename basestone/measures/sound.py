"""What a model of sound makes of recordings, one row a recording; ``bits`` judges it.

Every sample is a target once. Beside its nats stand those of a model that knows only how often each class of sample
occurs in training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from basestone.core.batch import Batch
from basestone.core.mu_law import CLASSES
from basestone.measures.subject import Columns, Progress, Subject, batches

Read = Callable[[NDArray[np.int64]], Batch]


def histogram_nats(read: Read, positions: NDArray[np.int64], *, batch_size: int) -> NDArray[np.float64]:
    """Nats of each of 256 classes by their counts in the recordings at ``positions``, one added to each count."""
    counts = np.ones(CLASSES)
    for part in batches(positions, batch_size, None):
        targets = read(part).targets.numpy()
        counts += np.bincount(targets[targets >= 0], minlength=CLASSES)
    return -np.log(counts / counts.sum())


def collect_sound(
    subject: Subject,
    read: Read,
    positions: NDArray[np.int64],
    class_nats: NDArray[np.float64],
    *,
    groups: Mapping[str, ArrayLike] | None = None,
    batch_size: int,
    progress: Progress | None = None,
) -> Columns:
    """The columns of ``sound_test`` and ``sound_train``; ``class_nats``: what the baseline pays for each class."""
    index = np.asarray(positions, np.int64)
    rows: list[tuple[int, float, float]] = []
    for part in batches(index, batch_size, progress):
        batch = read(part)
        nats, targets = subject.nats(batch).double().sum(1).tolist(), batch.targets.numpy()
        for cost, row in zip(nats, targets, strict=True):
            held = row[row >= 0]
            rows.append((len(held), cost, float(class_nats[held].sum())))
    samples, nats, baseline = zip(*rows, strict=True)
    columns: Columns = {
        "index": index,
        "samples": np.array(samples, np.int64),
        "nats": np.array(nats),
        "baseline_nats": np.array(baseline),
    }
    return columns | {name: np.asarray(values, dtype=object)[index] for name, values in (groups or {}).items()}


def replay_sound(
    before: Subject, after: Subject, read: Read, positions: NDArray[np.int64], *, batch_size: int
) -> Columns:
    """The columns of ``replay``: how far a recording's mean nats moved, and whether the same output leads in it."""
    index = np.asarray(positions, np.int64)
    moved: list[float] = []
    same: list[int] = []
    for part in batches(index, batch_size, None):
        batch = read(part)
        held = (batch.targets >= 0).sum(1).clamp(min=1)
        first, second = (subject.nats(batch).double().sum(1) for subject in (before, after))
        moved += ((first - second).abs() / held).tolist()
        one, other = (subject.logits(batch.inputs).argmax(2) for subject in (before, after))
        same += (one == other).all(1).long().tolist()
    return {"index": index, "max_abs_diff": np.array(moved), "same_prediction": np.array(same, np.int64)}
