"""What is served: a model's name and labels, how its input is read, when it is doubtful, and what it stands on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from numpy.typing import NDArray

from basestone.serving.safety import Guard, Unguarded


class Received(Protocol):
    """A batch, and each sample as a person can look at it."""

    batch: NDArray[Any]
    media: str
    original: Callable[[int], bytes]


class Reader(Protocol):
    """What a request's one input means."""

    @property
    def name(self) -> str:
        """The input's name."""
        ...

    @property
    def encoded(self) -> bool:
        """Whether JSON must carry byte strings as base64."""
        ...

    @property
    def datatypes(self) -> Sequence[str]:
        """What it takes, as the protocol calls it."""
        ...

    @property
    def shape(self) -> Sequence[int]:
        """Of one sample; −1 where it is free."""
        ...

    def read(self, datatype: str, data: NDArray[Any] | Sequence[bytes], /) -> Any:
        """A ``Received``; DataError when the samples cannot be used."""
        ...


class Tongue(Protocol):
    """Between text and the tokens of a model that writes; ``end`` is the token after which it writes no more."""

    @property
    def end(self) -> int:
        """The number of that token."""
        ...

    def tokens(self, text: str, /) -> list[int]:
        """At least one; DataError when a text has none."""
        ...

    def speaker(self, prompt: Sequence[int], /) -> Callable[[int], str]:
        """What turns the tokens that follow a prompt into text, one by one; empty while a character is not whole."""
        ...


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What is served and on what standing. ``parameters`` go into every answer.

    A model that answers classes has ``labels`` and a ``reader``, one that writes has a ``tongue``.
    """

    name: str
    version: str
    labels: tuple[str, ...]
    reader: Reader | None
    tongue: Tongue | None = None
    guard: Guard | Unguarded
    parameters: Mapping[str, Any]
    described: Mapping[str, Any] = field(default_factory=dict[str, Any])
