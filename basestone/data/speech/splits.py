"""One split of recordings as batches of waveforms: the data side of both loops.

N recordings, T samples (at most ``max_samples`` of the spec), padded behind with zeros to a multiple of a tenth of a
second, so that few shapes occur.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from basestone.core.batch import Batch
from basestone.core.contracts import Draw, Transform
from basestone.core.spec import SpeechSpec
from basestone.data.speech.decode import FULL_SCALE
from basestone.data.speech.padding import padded

IGNORED = -100  # a target that no loss counts

Positions = NDArray[np.int64]


class Recordings:
    """A ``core.contracts.BatchSource`` of recordings with their classes."""

    def __init__(
        self,
        flat: NDArray[np.int16],
        ends: Positions,
        where: Positions,
        targets: NDArray[np.int64],
        spec: SpeechSpec,
        *,
        row_names: Sequence[str],
        groups: Mapping[str, NDArray[np.str_]],
        texts: Sequence[str] = (),
        augment: Sequence[Transform] = (),
    ) -> None:
        """Recording ``where[i]`` is ``flat[ends[where[i]] : ends[where[i] + 1]]``; ``texts`` are the transcripts."""
        self._flat, self._first, self._augment = flat, ends[where], tuple(augment)
        self.lengths = np.minimum(ends[where + 1] - self._first, spec.max_samples)
        self._targets = torch.from_numpy(targets.astype(np.int64))
        self.spec, self.row_names, self.groups = spec, tuple(row_names), dict(groups)
        self.texts = tuple(texts)

    def __len__(self) -> int:
        """N."""
        return len(self._first)

    @property
    def targets(self) -> NDArray[np.int64]:
        """N class positions, 0 … K−1."""
        return self._targets.numpy()

    def raw(self, positions: Sequence[int] | Positions) -> Tensor:
        """Float32 in −1 … 1, n×T, in the order asked for."""
        index = np.asarray(positions, np.int64)
        return self.waves([self.samples(place) for place in index.tolist()])

    def waves(self, recordings: Sequence[NDArray[np.float32]]) -> Tensor:
        """Any recordings as those of the split are seen: n×T."""
        return torch.from_numpy(padded([recording[: self.spec.max_samples] for recording in recordings], self.spec))

    def samples(self, position: int) -> NDArray[np.float32]:
        """One recording as a model sees it, without padding."""
        first = self._first[position]
        return self._flat[first : first + self.lengths[position]].astype(np.float32) / np.float32(FULL_SCALE)

    def seconds(self, position: int) -> float:
        """How long one recording is, as a model sees it."""
        return float(self.lengths[position] / self.spec.sample_rate)

    def batch(self, positions: Positions, generator: torch.Generator | None = None, *, epoch: int = 0) -> Batch:
        """The recordings at ``positions``; changed at random when a generator is given."""
        index = torch.from_numpy(np.asarray(positions, np.int64))
        inputs = self._changed(self.raw(positions), index, generator, epoch)[:, : self.spec.max_samples]
        return Batch(inputs=inputs, targets=self._targets[index], index=index)

    def _changed(self, waves: Tensor, index: Tensor, generator: torch.Generator | None, epoch: int) -> Tensor:
        """N×T recordings of ``index``, changed at random when a generator is given."""
        if generator is not None:
            draw = Draw(generator=generator, epoch=epoch, positions=index)
            for transform in self._augment:
                waves = transform(waves, draw)
        return waves


class Transcribed(Recordings):
    """Recordings with their transcripts as targets: N×S int64, character i of the spec as i + 1, −100 behind.

    A character that no training transcript has cannot be written; targets leave it out.
    """

    def batch(self, positions: Positions, generator: torch.Generator | None = None, *, epoch: int = 0) -> Batch:
        """As ``Recordings``, with transcripts."""
        found = super().batch(positions, generator, epoch=epoch)
        return replace(found, targets=self.encoded([self.texts[place] for place in np.asarray(positions).tolist()]))

    def encoded(self, texts: Sequence[str]) -> Tensor:
        """Any texts as targets."""
        place = {character: number for number, character in enumerate(self.spec.characters, 1)}
        numbers = [[place[character] for character in text if character in place] for text in texts]
        targets = np.full((len(texts), max(1, *map(len, numbers), 1)), IGNORED, np.int64)
        for row, said in zip(targets, numbers, strict=True):
            row[: len(said)] = said
        return torch.from_numpy(targets)
