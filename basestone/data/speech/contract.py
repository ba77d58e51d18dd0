"""What a source of recordings offers, whatever its format. Rows come one at a time and, as a rule, encoded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from basestone.data.readers.contract import SplitName


@dataclass(frozen=True, kw_only=True)
class Sound:
    """A decoded recording: float32, T samples or T×channels, at ``rate`` samples a second."""

    samples: NDArray[np.float32]
    rate: int


@dataclass(frozen=True, kw_only=True)
class SpeechRow:
    """One recording: ``name`` is what an error message says, ``audio`` an encoded file (WAV, FLAC, OGG …) or a sound.

    ``label`` as an image's; ``text`` is what is said.
    """

    name: str
    audio: bytes | Sound
    label: int | str | None = None
    text: str | None = None
    groups: Mapping[str, str] = field(default_factory=dict[str, str])


class SpeechSource(Protocol):
    """Recordings, in splits of their own or in one split ``train``; with labels all of them, or none."""

    @property
    def labelled(self) -> bool:
        """Whether the recordings have labels."""
        ...

    @property
    def class_names(self) -> Sequence[str] | None:
        """The classes in the order of their integer labels; None when only the rows tell."""
        ...

    def identity(self) -> dict[str, Any]:
        """JSON: SHA-256 of every byte that the rows depend on, and the choices (columns, splits) that select them."""
        ...

    def rows(self, split: SplitName, groups: Sequence[str]) -> Iterator[SpeechRow]:
        """The recordings of one split in their own order; ``groups`` are the columns that must travel along."""
        ...

    def splits(self) -> list[SplitName]:
        """The splits that the source has, in the order train, validation, test."""
        ...
