"""Recordings as sequences of samples, to be learnt one after another: stretches of them in training, whole otherwise.

N recordings, G columns that are told of each, T samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from basestone.core.batch import Batch
from basestone.core.errors import UsageError, did_you_mean
from basestone.core.mu_law import classes_of
from basestone.data.speech.decode import FULL_SCALE
from basestone.data.speech.splits import IGNORED, Positions, Recordings

LABEL = "label"
Conditions = tuple[tuple[str, tuple[str, ...]], ...]


def conditions_of(card: Mapping[str, Any], columns: Sequence[str]) -> Conditions:
    """Each column with its values in the training split, sorted; of labels the classes in their own order.

    UsageError when the data have no such column.
    """
    groups: Mapping[str, Any] = card["splits"]["train"]["groups"]
    names = tuple(card["spec"]["class_names"])
    known = [name for name in card["options"]["groups"] if name in groups] + ([LABEL] if names else [])
    for column in columns:
        if column not in known:
            raise UsageError(
                f"objective.condition_on must name columns of data.groups, or label; '{column}' is none."
                f"{did_you_mean(column, known)}"
            )
    return tuple((name, names if name == LABEL else tuple(sorted(groups[name]))) for name in columns)


class Sounds(Recordings):
    """Targets are the classes of the samples themselves, −100 behind a recording's end.

    Inputs N×T, or N×(1+G)×T: behind the waveform, at every sample, the number of each column's value (from 1; 0 where
    training has no such value). Each recording is brought to the root mean square ``spec.level``, where that is not 0.
    """

    def __init__(self, *args: Any, crop: int, conditions: Conditions, **options: Any) -> None:
        """``crop``: samples of the stretch that a batch of training has of each recording."""
        super().__init__(*args, **options)
        self.crop, self.conditions = crop, conditions
        numbers = [self._numbers(name, values) for name, values in conditions]
        self.numbers = torch.tensor(numbers, dtype=torch.int64).reshape(len(numbers), len(self)).T  # N×G

    def samples(self, position: int) -> NDArray[np.float32]:
        """As ``Recordings``, at the level of the spec; what then exceeds full scale is cut off."""
        return self._levelled(super().samples(position), position)

    def _levelled(self, part: NDArray[np.float32], position: int) -> NDArray[np.float32]:
        """A part of a recording at the level of the spec."""
        return (part * self._gains[position]).clip(-1, 1) if self.spec.level else part

    @cached_property
    def _gains(self) -> list[np.float32]:
        """What brings each recording to the level."""
        return [_gain(super(Sounds, self).samples(place), self.spec.level) for place in range(len(self))]

    def _numbers(self, name: str, values: Sequence[str]) -> list[int]:
        if name == LABEL:
            return (self.targets + 1).tolist()
        place = {value: number for number, value in enumerate(values, 1)}
        return [place.get(value, 0) for value in self.groups[name].tolist()]

    def raw(self, positions: Sequence[int] | Positions) -> Tensor:
        """Whole recordings, with what is told of them."""
        return self._told(super().raw(positions), np.asarray(positions, np.int64))

    def batch(self, positions: Positions, generator: torch.Generator | None = None, *, epoch: int = 0) -> Batch:
        """The recordings at ``positions``; with a generator a stretch of each, from anywhere in it.

        One that is shorter than the stretch is taken whole, and what is behind it is no target.
        """
        where = np.asarray(positions, np.int64)
        if generator is None:
            waves, lengths = super().raw(where), self.lengths[where]
        else:
            lengths = np.minimum(self.lengths[where], self.crop)
            room = torch.from_numpy(self.lengths[where] - lengths)
            starts = (torch.rand(len(where), generator=generator) * (room + 1)).long().numpy()
            waves = self._stretches(where, starts, lengths)
        held = torch.arange(waves.shape[1]) < torch.from_numpy(lengths)[:, None]
        targets = classes_of(waves).masked_fill(~held, IGNORED)
        return Batch(inputs=self._told(waves, where), targets=targets, index=torch.from_numpy(where))

    def _stretches(self, where: Positions, starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> Tensor:
        """N×crop, zeros behind what is shorter."""
        out = np.zeros((len(where), self.crop), np.float32)
        firsts = self._first[where] + starts
        for row, place, first, length in zip(out, where.tolist(), firsts.tolist(), lengths.tolist(), strict=True):
            part = self._flat[first : first + length].astype(np.float32) / np.float32(FULL_SCALE)
            row[:length] = self._levelled(part, place)
        return torch.from_numpy(out)

    def _told(self, waves: Tensor, where: Positions) -> Tensor:
        if not self.numbers.shape[1]:
            return waves
        numbers = self.numbers[torch.from_numpy(where)][:, :, None].expand(-1, -1, waves.shape[1])
        return torch.cat([waves[:, None], numbers.to(waves.dtype)], 1)


def _gain(samples: NDArray[np.float32], level: float) -> np.float32:
    """What brings a recording to a root mean square of ``level``; silence stays as it is."""
    own = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
    return np.float32(level / own if own else 1.0)
