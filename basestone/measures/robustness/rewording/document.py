"""A text as words and what is between them, so that some of the words can be written another way."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_PIECES = re.compile(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+(?:['’][^\W_\u3400-\u9fff]+)*|[\W_]+")


@dataclass(frozen=True)
class Document:
    """``pieces`` joined are the text; those at ``places`` are words, a Chinese character being one of its own."""

    pieces: tuple[str, ...]
    places: tuple[int, ...]

    @classmethod
    def of(cls, text: str) -> Document:
        """The text, cut."""
        pieces = tuple(_PIECES.findall(text))
        return cls(pieces, tuple(place for place, piece in enumerate(pieces) if piece[0].isalnum()))

    def word(self, place: int) -> str:
        """The word there."""
        return self.pieces[place]

    def written(self, changes: Mapping[int, str]) -> str:
        """The text with other words at some places; an empty one leaves its word out."""
        return "".join(changes.get(place, piece) for place, piece in enumerate(self.pieces))


def words_of(texts: Iterable[str]) -> frozenset[str]:
    """The words of some texts, lower-case."""
    return frozenset(document.word(place).lower() for document in map(Document.of, texts) for place in document.places)
