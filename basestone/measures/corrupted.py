"""The pass that shows a model its test samples under everyday corruptions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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


def collect_corrupted(
    subject: Subject,
    corruptions: Corruptions,
    labels: ArrayLike,
    positions: ArrayLike,
    *,
    batch_size: int = 250,
    progress: Progress | None = None,
) -> Columns:
    """The columns of ``corrupted``: for each of ``positions`` a row for every corruption at every severity."""
    index = np.asarray(positions, np.int64)
    label = torch.as_tensor(np.asarray(labels, np.int64))
    families = corruptions.families.items()
    kinds = [(family, name, level) for family, names in families for name in names for level in SEVERITIES]
    correct: list[NDArray[np.int64]] = []
    done = 0
    for part in batches(index, batch_size, None):
        under, truth = corruptions.of(part), label[torch.from_numpy(part)]
        for _, name, level in kinds:
            correct.append((subject.logits(under(name, level)).argmax(1) == truth).long().numpy())
            done += len(part)
            if progress:
                progress(done, len(index) * len(kinds))
    sizes = [len(part) for part in batches(index, batch_size, None)]
    repeats = [size for size in sizes for _ in kinds]
    rows = [kind for _ in sizes for kind in kinds]
    return {
        "index": np.concatenate([part for part in batches(index, batch_size, None) for _ in kinds]),
        "family": np.repeat(np.array([family for family, _, _ in rows], dtype=object), repeats),
        "corruption": np.repeat(np.array([name for _, name, _ in rows], dtype=object), repeats),
        "severity": np.repeat(np.array([level for _, _, level in rows], np.int64), repeats),
        "correct": np.concatenate(correct),
    }
