"""One split of text as batches of token numbers, in the three ways that an objective may read it.

``core.contracts.BatchSource`` each. N samples, T tokens (at most ``max_length``), padded behind with ``spec.pad``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from basestone.core.batch import Batch
from basestone.core.seed import derive, numpy_generator
from basestone.core.spec import TextSpec

IGNORED = -100  # a target that no loss counts
LENGTHS_OF = 8  # batches are padded to a multiple of it, so that few shapes occur
HIDDEN, SWAPPED = 0.8, 0.1  # of the chosen tokens: shown as the mask, as any token; the rest as they are

Positions = NDArray[np.int64]


class Slices(Protocol):
    """Tokens that are read from one place to another."""

    def __getitem__(self, part: slice, /) -> NDArray[Any]:
        """Those of one document, or some of it."""
        ...


class Documents:
    """Documents with their labels: start token, as much as fits, end token."""

    def __init__(
        self,
        flat: NDArray[np.unsignedinteger],
        ends: Positions,
        where: Positions,
        targets: NDArray[Any],
        spec: TextSpec,
        *,
        row_names: Sequence[str],
        groups: Mapping[str, NDArray[np.str_]],
        texts: Callable[[Positions], list[str]],
        encode: Callable[[list[str]], list[list[int]]],
    ) -> None:
        """Document ``where[i]`` is ``flat[ends[where[i]] : ends[where[i] + 1]]``.

        ``targets``: class positions, or quantities (floating point). ``texts`` reads documents by ``where``, ``encode``
        cuts any text into tokens.
        """
        self._flat, self._where, self._texts, self._encode = flat, where, texts, encode
        self._first = ends[where]
        self._length = np.minimum(ends[where + 1] - self._first, spec.max_length - 2)
        quantities = np.issubdtype(targets.dtype, np.floating)
        self._targets = torch.from_numpy(
            targets.astype(np.float32)[:, None] if quantities else targets.astype(np.int64)
        )
        self.spec, self.row_names, self.groups = spec, tuple(row_names), dict(groups)

    def __len__(self) -> int:
        """N."""
        return len(self._where)

    @property
    def targets(self) -> NDArray[Any]:
        """N class positions, 0 … K−1, or N×1 quantities, float32."""
        return self._targets.numpy()

    @property
    def lengths(self) -> Positions:
        """Tokens of each document as a model sees it."""
        return self._length + 2

    def texts(self, positions: Sequence[int] | Positions) -> list[str]:
        """The documents at ``positions``, whole and as they were written."""
        return self._texts(self._where[np.asarray(positions, np.int64)])

    def raw(self, positions: Sequence[int] | Positions) -> Tensor:
        """int64, n×T."""
        index = np.asarray(positions, np.int64)
        return self._framed(self._flat, self._first[index], self._length[index])

    def tokens(self, texts: list[str]) -> Tensor:
        """Any documents as those of the split are seen: int64, n×T."""
        found = self._encode(texts)
        length = np.array([len(ids) for ids in found], np.int64)
        first = np.cumsum(length) - length
        flat = np.array([number for ids in found for number in ids], np.int64)
        return self._framed(flat, first, np.minimum(length, self.spec.max_length - 2))

    def _framed(self, flat: NDArray[Any], first: Positions, length: Positions) -> Tensor:
        width = min(math.ceil((int(length.max()) + 2) / LENGTHS_OF) * LENGTHS_OF, self.spec.max_length)
        column = np.arange(width - 1)
        held = column < length[:, None]
        tokens = np.full((len(first), width), self.spec.pad, np.int64)
        tokens[:, 0] = self.spec.start
        tokens[:, 1:][held] = flat[(first[:, None] + column)[held]]
        tokens[np.arange(len(first)), length + 1] = self.spec.end
        return torch.from_numpy(tokens)

    def batch(self, positions: Positions, generator: torch.Generator | None = None, *, epoch: int = 0) -> Batch:
        """The documents at ``positions``; nothing in them is changed at random."""
        index = torch.from_numpy(np.asarray(positions, np.int64))
        return Batch(inputs=self.raw(positions), targets=self._targets[index], index=index)


class Masked:
    """Documents in which words are hidden (Devlin et al. 2019, arXiv:1810.04805, section 3.1), anew in each epoch.

    Whole words (their later release): a word's tokens are chosen together, until ``share`` of the document's tokens
    is reached; 80 % of the chosen tokens are shown as the mask, 10 % as any token, 10 % as they are. Without a
    generator the choice follows from the document's position, so that validation is the same each time.
    """

    def __init__(self, documents: Documents, continues: NDArray[np.bool_], *, share: float, whole_word: bool) -> None:
        """``continues``: per token of the vocabulary, whether it goes on with the word before it."""
        self._documents, self._share = documents, share
        self._continues = continues if whole_word else np.zeros_like(continues)
        self.spec, self.row_names, self.groups = documents.spec, documents.row_names, documents.groups

    def __len__(self) -> int:
        """N."""
        return len(self._documents)

    @property
    def targets(self) -> NDArray[np.int64]:
        """The documents' own labels."""
        return self._documents.targets

    def raw(self, positions: Sequence[int] | Positions) -> Tensor:
        """The documents with nothing hidden: int64, n×T."""
        return self._documents.raw(positions)

    def batch(self, positions: Positions, generator: torch.Generator | None = None, *, epoch: int = 0) -> Batch:
        """Inputs n×T; targets n×T, −100 where nothing was chosen."""
        tokens = self._documents.raw(positions).numpy()
        if generator is None:
            draws = np.random.default_rng([derive(int(position), "masked") for position in positions])
        else:
            draws = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
        chosen = self.choose(tokens, draws)
        shown = tokens.copy()
        kind = draws.random(tokens.shape)
        shown[chosen & (kind < HIDDEN)] = self.spec.mask
        swapped = chosen & (kind >= HIDDEN) & (kind < HIDDEN + SWAPPED)
        shown[swapped] = draws.integers(self.spec.vocab_size, size=int(swapped.sum()))
        index = torch.from_numpy(np.asarray(positions, np.int64))
        targets = torch.from_numpy(np.where(chosen, tokens, IGNORED))
        return Batch(inputs=torch.from_numpy(shown), targets=targets, index=index)

    def choose(self, tokens: NDArray[np.int64], draws: np.random.Generator) -> NDArray[np.bool_]:
        """n×T: which tokens are to be guessed. At least one word a document; never a special token.

        Words are taken in a random order while less than ``share`` of the tokens is chosen, so that the last word may
        reach over it; a share that a long word would overshoot is met on average, not in each document.
        """
        spec = self.spec
        text = ~np.isin(tokens, [spec.pad, spec.start, spec.end])
        begins = text & ~(self._continues[tokens] & np.roll(text, 1, axis=1))
        word = np.cumsum(begins, axis=1) - 1  # of its document
        lot = draws.random((len(tokens), tokens.shape[1] + 1))
        lots = np.where(text, np.take_along_axis(lot, np.maximum(word, 0), axis=1), 2.0)
        order = np.argsort(lots, axis=1, kind="stable")
        sorted_lots = np.take_along_axis(lots, order, axis=1)
        wanted = np.maximum(1, np.round(self._share * text.sum(1))).astype(np.int64)
        last = np.take_along_axis(sorted_lots, (wanted - 1)[:, None], axis=1)
        return text & (lots <= last)


class Blocks:
    """A split as one stream of tokens in the source's order, cut into blocks; each token's target is the next one.

    In training the cuts move from epoch to epoch. Without a generator block b begins at b × ``max_length``, and the
    last, shorter one counts too: every token but the first is a target exactly once.
    """

    def __init__(
        self,
        flat: Slices,
        ends: Positions,
        where: Positions,
        spec: TextSpec,
        *,
        joined: bool,
        texts: Callable[[Positions], list[str]],
        decode: Callable[[list[int]], str],
        unwanted: NDArray[np.bool_] | None = None,
    ) -> None:
        """``joined``: documents follow one another without an end token between.

        ``texts`` reads documents by ``where``, ``decode`` spells tokens. ``unwanted``: for every token of the stream,
        whether it is one that must not follow; as a target it has the size of the vocabulary added.
        """
        self._flat, self._first, self._where, self._texts, self.spec = flat, ends[where], where, texts, spec
        self.decode, self._unwanted = decode, unwanted
        self._length = ends[where + 1] - self._first
        self._joined = joined
        self._start = np.concatenate([[0], np.cumsum(self._length + (not joined))])
        self.num_tokens = int(self._start[-1])

    def __len__(self) -> int:
        """The number of blocks, the last one perhaps shorter."""
        return max(1, math.ceil((self.num_tokens - 1) / self.spec.max_length))

    @property
    def targets(self) -> NDArray[np.int64]:
        """Zeros: a block has no class."""
        return np.zeros(len(self), np.int64)

    def batch(self, positions: Positions, generator: torch.Generator | None = None, *, epoch: int = 0) -> Batch:
        """Inputs and targets n×T; with a generator the stream is a ring, cut at another place in each epoch."""
        size, count = self.spec.max_length, len(positions)
        inputs = np.full((count, size), self.spec.pad, np.int64)
        targets = np.full((count, size), IGNORED, np.int64)
        for row, position in enumerate(np.asarray(positions).tolist()):
            if generator is None:
                start = position * size
                held = self.read(start, min(size + 1, self.num_tokens - start))
            else:
                start = position * size + self._shift(epoch)
                held = self.ring(start, size + 1)
            inputs[row, : len(held) - 1] = held[:-1]
            targets[row, : len(held) - 1] = held[1:] + self._marks(start + 1, len(held) - 1)
        index = torch.from_numpy(np.asarray(positions, np.int64))
        return Batch(inputs=torch.from_numpy(inputs), targets=torch.from_numpy(targets), index=index)

    def _marks(self, start: int, count: int) -> NDArray[np.int64] | int:
        """What is added to the targets of ``count`` tokens from ``start`` on, round the ring."""
        if self._unwanted is None:
            return 0
        return self.spec.vocab_size * self._unwanted[(start + np.arange(count)) % self.num_tokens]

    def _shift(self, epoch: int) -> int:
        return int(numpy_generator(self.num_tokens, "cut", epoch).integers(self.spec.max_length))

    def ring(self, start: int, count: int) -> NDArray[np.int64]:
        """``count`` tokens from ``start`` on; after the last comes the first."""
        start %= self.num_tokens
        found = self.read(start, min(count, self.num_tokens - start))
        return found if len(found) == count else np.concatenate([found, self.ring(0, count - len(found))])

    def read(self, start: int, count: int) -> NDArray[np.int64]:
        """Tokens ``start`` … ``start + count`` of the stream."""
        parts: list[NDArray[np.int64]] = []
        document = int(np.searchsorted(self._start, start, side="right")) - 1
        left = count
        while left > 0:
            offset = start - int(self._start[document])
            taken = max(0, min(left, int(self._length[document]) - offset))
            first = int(self._first[document]) + offset
            parts.append(self._flat[first : first + taken].astype(np.int64))
            left -= taken
            if left > 0 and not self._joined:
                parts.append(np.array([self.spec.end]))
                left -= 1
            document += 1
            start = int(self._start[document])
        return np.concatenate(parts)

    def raw(self, positions: Sequence[int] | Positions) -> Tensor:
        """Inputs as evaluation sees them: int64, n×T."""
        return self.batch(np.asarray(positions, np.int64)).inputs

    @property
    def num_documents(self) -> int:
        """Documents of the stream."""
        return len(self._where)

    def texts(self) -> list[str]:
        """The documents of the stream, in its order."""
        return self._texts(self._where)

    def documents(self, positions: Positions) -> NDArray[np.int64]:
        """n×T: which document of the split each target belongs to; −1 where there is none."""
        size = self.spec.max_length
        place = np.asarray(positions)[:, None] * size + np.arange(size) + 1
        found = np.searchsorted(self._start, place, side="right") - 1
        return np.where(place < self.num_tokens, found, -1)
