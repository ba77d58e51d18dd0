"""One split of recordings for a model that speaks: what is to be said, and how, as inputs; the recording as target.

N utterances, C columns of how they are said, S places of text, T samples. Every batch of a split has the shape that its
longest text and recording need, so that a step always costs the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from basestone.core.batch import Batch
from basestone.core.errors import DataError, did_you_mean
from basestone.core.spec import SpeechSpec
from basestone.data.speech.padding import padded, width_step
from basestone.data.speech.splits import Positions, Recordings


class Spoken(Recordings):
    """Inputs N×(C+S) int64 as ``requests`` writes them, targets N×T float32 with zeros behind each recording."""

    def __init__(self, flat: NDArray[np.int16], ends: Positions, where: Positions, *rest: Any, **options: Any) -> None:
        """As ``Recordings``. DataError: a text or a recording that cannot be learnt from, with its row."""
        super().__init__(flat, ends, where, *rest, **options)
        faults = [*self._too_long(ends[where + 1] - ends[where]), *text_faults(self.texts, self.spec, self.row_names)]
        if faults:
            more = f" {len(faults) - 1} more rows are refused." if len(faults) > 1 else ""
            raise DataError(faults[0] + more)

    def batch(self, positions: Positions, generator: torch.Generator | None = None, *, epoch: int = 0) -> Batch:
        """What is said at ``positions``; recordings are changed at random when a generator is given."""
        index = torch.from_numpy(np.asarray(positions, np.int64))
        waves = self._changed(self.recordings(positions), index, generator, epoch)
        return Batch(inputs=self.raw(positions), targets=waves[:, : self._width], index=index)

    def raw(self, positions: Sequence[int] | Positions) -> Tensor:
        """What a model is asked: N×(C+S)."""
        places = np.asarray(positions, np.int64).tolist()
        how = {name: [str(self.groups[name][place]) for place in places] for name, _ in self.spec.groups}
        return requests([self.texts[place] for place in places], how, self.spec, self._places)

    def recordings(self, positions: Sequence[int] | Positions) -> Tensor:
        """What was said: N×T float32."""
        said = [self.samples(place) for place in np.asarray(positions, np.int64).tolist()]
        return torch.from_numpy(padded(said, self.spec, self._width))

    @cached_property
    def _width(self) -> int:
        step = width_step(self.spec)
        return int(-(-int(self.lengths.max()) // step) * step)

    @cached_property
    def _places(self) -> int:
        return max(map(len, self.texts)) + 1

    def _too_long(self, lengths: Positions) -> Iterator[str]:
        limit = self.spec.max_samples
        for place in np.flatnonzero(lengths > limit).tolist():
            yield (
                f"{self.row_names[place]} must be at most data.max_seconds long ({limit / self.spec.sample_rate:g} s), "
                f"as a voice cannot be learnt from words cut short; it is {lengths[place] / self.spec.sample_rate:.2f} "
                "s. Raise max_seconds, or set data.longer: drop."
            )


def text_faults(texts: Sequence[str], spec: SpeechSpec, names: Sequence[str]) -> list[str]:
    """Why each of some texts cannot be said, with its name; an empty list where all can."""
    found = list[str]()
    for name, text in zip(names, texts, strict=True):
        unknown = sorted(set(text) - set(spec.characters))
        if not text.strip():
            found.append(f"{name} must have a text to say, and it is empty. Add it, or remove the row.")
        elif unknown:
            shown = ", ".join(map(repr, unknown))
            found.append(
                f"{name} must be written with the characters that training texts have ('{spec.characters}'); "
                f"{text!r} has {shown}. Respell it, or train with texts that have them."
            )
    return found


def requests(texts: Sequence[str], how: Mapping[str, Sequence[str]], spec: SpeechSpec, places: int = 0) -> Tensor:
    """Texts, and how they are to be said, as a model takes them: N×(C+S) int64.

    Each of the columns of ``spec.groups`` as the place of its value, then characters of ``spec.characters`` from 1, an
    end (their number + 1), and 0 behind. ``places``: S at least. DataError: a text or a value that training never had.
    """
    faults = text_faults(texts, spec, [f"text {number}" for number in range(len(texts))])
    if faults:
        raise DataError(faults[0])
    number = {character: place for place, character in enumerate(spec.characters, 1)}
    columns = len(spec.groups)
    out = np.zeros((len(texts), columns + max(places, max(map(len, texts)) + 1)), np.int64)
    for column, (name, values) in enumerate(spec.groups):
        out[:, column] = [_place(name, value, values) for value in how[name]]
    for row, text in zip(out, texts, strict=True):
        row[columns : columns + len(text) + 1] = [*(number[character] for character in text), len(number) + 1]
    return torch.from_numpy(out)


def _place(name: str, value: str, values: Sequence[str]) -> int:
    if value not in values:
        raise DataError(f"'{name}' must be one that the data have; '{value}' is none.{did_you_mean(value, values)}")
    return values.index(value)
