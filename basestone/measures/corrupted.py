"""The pass that shows a model its test samples under everyday corruptions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from basestone.measures.robustness import FAMILIES, SEVERITIES, SPEECH_FAMILIES, TEXT_FAMILIES
from basestone.measures.robustness.corruptions import corrupt
from basestone.measures.robustness.sound import Wave, corrupt_sound
from basestone.measures.robustness.typing import corrupt_texts
from basestone.measures.subject import Columns, Progress, Raw, Subject, batches, to_unit


class Corruptions(Protocol):
    """What ``collect_corrupted`` shows a model: some samples under each corruption, as the model takes them."""

    @property
    def families(self) -> Mapping[str, tuple[str, ...]]:
        """Family → its corruptions."""
        ...

    def of(self, positions: NDArray[np.int64]) -> Callable[[str, int], Tensor]:
        """Reads the samples once; what it returns takes a corruption and a severity."""
        ...


@dataclass(frozen=True)
class ImageCorruptions:
    """The fifteen of ``corruptions``, or those of ``families``."""

    raw: Raw
    seed: int
    families: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: FAMILIES)

    def of(self, positions: NDArray[np.int64]) -> Callable[[str, int], Tensor]:
        """Images in 0–1."""
        images = to_unit(self.raw(positions))
        return lambda name, level: corrupt(images, positions.tolist(), corruption=name, severity=level, seed=self.seed)


@dataclass(frozen=True)
class TextCorruptions:
    """The eleven of ``typing``; ``tokens`` cuts changed documents as the unchanged ones were cut."""

    texts: Callable[[NDArray[np.int64]], list[str]]
    tokens: Callable[[list[str]], Tensor]
    seed: int
    families = TEXT_FAMILIES

    def of(self, positions: NDArray[np.int64]) -> Callable[[str, int], Tensor]:
        """Token numbers."""
        texts = self.texts(positions)
        return lambda name, level: self.tokens(
            corrupt_texts(texts, positions.tolist(), corruption=name, severity=level, seed=self.seed)
        )


@dataclass(frozen=True)
class SpeechCorruptions:
    """The twelve of ``sound``; ``samples`` reads one recording, ``waves`` makes a batch of some."""

    samples: Callable[[int], Wave]
    waves: Callable[[list[Wave]], Tensor]
    rate: int
    seed: int
    families = SPEECH_FAMILIES

    def of(self, positions: NDArray[np.int64]) -> Callable[[str, int], Tensor]:
        """Waveforms."""
        recordings = [(self.samples(position), position) for position in positions.tolist()]
        return lambda name, level: self.waves(
            [
                corrupt_sound(wave, place, self.rate, corruption=name, severity=level, seed=self.seed)
                for wave, place in recordings
            ]
        )


Enough = Callable[[NDArray[np.float64]], bool]


def collect_corrupted(
    subject: Subject,
    corruptions: Corruptions,
    labels: ArrayLike,
    positions: ArrayLike,
    *,
    batch_size: int = 250,
    enough: Enough | None = None,
    progress: Progress | None = None,
) -> Columns:
    """The columns of ``corrupted``: for each of ``positions`` a row for every corruption at every severity.

    ``enough`` is asked after every batch, with the share of severities that each sample so far is right under (N×T, in
    the order of ``positions``); once it says so, no more are shown.
    """
    index, label = np.asarray(positions, np.int64), torch.as_tensor(np.asarray(labels, np.int64))
    named = [(family, name) for family, names in corruptions.families.items() for name in names]
    kinds = [(*kind, level) for kind, level in product(named, SEVERITIES)]
    correct = np.zeros((0, len(kinds)), np.int64)
    for part in batches(index, batch_size, None):
        under, truth, right = corruptions.of(part), label[torch.from_numpy(part)], list[NDArray[np.int64]]()
        for _, name, level in kinds:
            right.append((subject.logits(under(name, level)).argmax(1) == truth).long().numpy())
            if progress:
                progress(correct.size + len(right) * len(part), len(index) * len(kinds))
        correct = np.concatenate([correct, np.stack(right, axis=1)])
        if enough and enough(correct.reshape(len(correct), len(named), -1).mean(2)):
            break
    return _rows(index[: len(correct)], kinds, correct)


def _rows(index: NDArray[np.int64], kinds: list[tuple[str, str, int]], correct: NDArray[np.int64]) -> Columns:
    """N samples × K corruptions, a row each; a sample's rows follow one another."""
    families, names, levels = (list(column) * len(index) for column in zip(*kinds, strict=True))
    return {
        "index": np.repeat(index, len(kinds)),
        "family": np.array(families, dtype=object),
        "corruption": np.array(names, dtype=object),
        "severity": np.array(levels, np.int64),
        "correct": correct.ravel(),
    }
