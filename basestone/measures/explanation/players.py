"""The players among whom an answer is shared out: patches of one image, words of one document, a recording's stretches.

A coalition says who is there. Whoever is not is covered with the data's mean colour, or taken out of the document,
which then closes up, so that the model reads a shorter document and no stand-in, or is silent: a recording without its
last stretches ends sooner. P players, S coalitions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor

from basestone.core.spec import TextSpec

FEWEST = 4  # players, below which there is no order worth judging


class Players(Protocol):
    """One sample, taken apart."""

    def __len__(self) -> int:
        """P."""
        ...

    def shown(self, keep: Tensor) -> Tensor:
        """S inputs of the model, from S×P booleans: who is there."""
        ...

    def pooled(self, attribution: Tensor) -> Tensor:
        """P sums, from one number a pixel (H×W), a token (T or more) or a sample (T)."""
        ...

    @property
    def baseline(self) -> Tensor:
        """A batch of one, shaped as the whole sample, of which nothing is there; what gradients start from."""
        ...


@dataclass(frozen=True, eq=False)
class Patches:
    """One image: C×H×W in 0–1; ``cell``: H×W, the player of each pixel; ``colour``: C, what covers."""

    image: Tensor
    cell: Tensor
    colour: Tensor

    def __len__(self) -> int:
        """P."""
        return int(self.cell.max()) + 1

    def shown(self, keep: Tensor) -> Tensor:
        """S×C×H×W."""
        return torch.where(keep[:, self.cell][:, None], self.image[None], self.colour[None, :, None, None])

    def pooled(self, attribution: Tensor) -> Tensor:
        """See ``Players``."""
        return _summed(attribution, self.cell, len(self))

    @property
    def baseline(self) -> Tensor:
        """1×C×H×W of one colour."""
        return self.colour[None, :, None, None].expand(1, *self.image.shape)


@dataclass(frozen=True, eq=False)
class Stretches:
    """One recording: ``sound``: T samples in −1 … 1; ``cell``: T, the player of each; ``spoken``: T without padding."""

    sound: Tensor
    cell: Tensor
    spoken: int

    def __len__(self) -> int:
        """P."""
        return int(self.cell.max()) + 1

    def shown(self, keep: Tensor) -> Tensor:
        """S×T."""
        return self.sound * keep[:, self.cell]

    def pooled(self, attribution: Tensor) -> Tensor:
        """See ``Players``."""
        return _summed(attribution, self.cell, len(self))

    @property
    def baseline(self) -> Tensor:
        """1×T of silence."""
        return torch.zeros_like(self.sound)[None]


@dataclass(frozen=True, eq=False)
class Words:
    """One document: the token numbers of each player, in order."""

    pieces: tuple[tuple[int, ...], ...]
    spec: TextSpec

    def __len__(self) -> int:
        """P."""
        return len(self.pieces)

    def shown(self, keep: Tensor) -> Tensor:
        """S×T: start, the kept tokens, end, padding."""
        spec = self.spec
        rows = [
            [spec.start, *(token for piece, kept in zip(self.pieces, row, strict=True) if kept for token in piece)]
            for row in keep.tolist()
        ]
        return padded([torch.tensor([*row, spec.end]) for row in rows], spec.pad)

    def pooled(self, attribution: Tensor) -> Tensor:
        """See ``Players``; start and end belong to nobody."""
        lengths = [len(piece) for piece in self.pieces]
        return torch.stack([part.sum() for part in attribution[1 : 1 + sum(lengths)].split(lengths)])

    @property
    def baseline(self) -> Tensor:
        """1×T: padding between start and end."""
        length = sum(map(len, self.pieces))
        return torch.tensor([[self.spec.start, *[self.spec.pad] * length, self.spec.end]])


def patches(image: Tensor, colour: Sequence[float], rows: int, columns: int) -> Patches:
    """An image of C×H×W in 0–1 in a grid of at most ``rows`` × ``columns`` patches, numbered row by row."""
    height, width = image.shape[1:]
    rows, columns = min(rows, height), min(columns, width)
    row = torch.arange(height) * rows // height
    column = torch.arange(width) * columns // width
    return Patches(image, row[:, None] * columns + column, image.new_tensor(colour))


def stretches(sound: Tensor, players: int) -> Stretches:
    """A recording of T samples in at most so many equal stretches; the silence behind it is the last one's."""
    spoken = int(sound.nonzero().max()) + 1 if sound.any() else len(sound)
    count = min(players, spoken)
    return Stretches(sound, (torch.arange(len(sound)) * count // spoken).clamp(max=count - 1), spoken)


def _summed(attribution: Tensor, cell: Tensor, players: int) -> Tensor:
    return attribution.new_zeros(players).index_add_(0, cell.flatten(), attribution.flatten())


def grid(players: int) -> tuple[int, int]:
    """The squarest grid of so many patches: 12 are 3 × 4."""
    rows = max(side for side in range(1, int(players**0.5) + 1) if players % side == 0)
    return rows, players // rows


def words_of(text: str) -> list[str]:
    """What a document's players are: its words, each with the space before it; letters in scripts without spaces."""
    parts = text.split()
    if len(parts) < FEWEST <= len(text):
        return list(text.strip())
    return [part if place == 0 else f" {part}" for place, part in enumerate(parts)]


def document(text: str, tokens: Callable[[list[str]], Tensor], spec: TextSpec) -> tuple[Words, list[str]]:
    """A document's words as players, as many as the model reads at once, and the words themselves.

    ``tokens`` frames and pads any texts, as ``Documents.tokens`` does; a word that has no token is nobody's.
    """
    found = words_of(text)
    framed = tokens(found).tolist() if found else []
    pieces = [tuple(token for token in row[1:] if token != spec.pad)[:-1] for row in framed]
    kept: list[tuple[tuple[int, ...], str]] = []
    room = spec.max_length - 2
    for piece, word in zip(pieces, found, strict=True):
        room -= len(piece)
        if room < 0:
            break
        if piece:
            kept.append((piece, word.strip()))
    return Words(tuple(piece for piece, _ in kept), spec), [word for _, word in kept]


def merged(words: Words, players: int) -> Words:
    """Neighbouring words joined into at most so many players, of as equal a number of words as can be."""
    ends = ends_of(len(words), players)
    joined = [sum(words.pieces[start:end], ()) for start, end in pairwise(ends)]
    return Words(tuple(joined), words.spec)


def ends_of(words: int, players: int) -> list[int]:
    """Where each of at most so many groups of words ends, after a first 0."""
    count = min(players, words)
    return [round(words * place / count) for place in range(count + 1)]


def padded(rows: Sequence[Tensor], pad: int) -> Tensor:
    """N×T from N vectors of different lengths."""
    return torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True, padding_value=pad)


def everyone(players: Players) -> Tensor:
    """The whole sample as a batch of one."""
    return players.shown(torch.ones(1, len(players), dtype=torch.bool))


def stacked(samples: Sequence[Players], of: Callable[[Players], Tensor]) -> Tensor:
    """One batch of what ``of`` gives of each sample; documents padded behind."""
    rows = [of(sample)[0] for sample in samples]
    first = samples[0]
    return padded(rows, first.spec.pad) if isinstance(first, Words) else torch.stack(rows)
