"""What a caller wants a language model to write: the request of the protocol's generate extension.

https://github.com/kserve/open-inference-protocol, ``generate_rest.yaml``. ``top_k``, ``seed`` and ``details`` are ours.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from basestone.serving.protocol import Refusal, identity, json_object, mapping, text

MAX_TOKENS, DEFAULT_TOKENS = 512, 20  # as the specification has them
MAX_STOPS, MAX_STOP = 5, 100  # sequences, characters of one
PARAMETERS = ("max_tokens", "temperature", "top_p", "top_k", "seed", "stop", "details")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """``temperature`` 0 takes the likeliest token each time; ``stop``: texts before which it ends."""

    id: str
    text: str
    max_tokens: int
    temperature: float
    top_p: float
    top_k: int | None
    seed: int
    stop: tuple[str, ...]
    details: bool

    @property
    def choice(self) -> dict[str, Any]:
        """How tokens are chosen; with the prompt it decides the text."""
        return {"temperature": self.temperature, "top_k": self.top_k, "top_p": self.top_p, "seed": self.seed}


def parse_wanted(body: bytes) -> Wanted:
    """Reads a request's body; Refusal 400 says what is wrong."""
    document = json_object(body)
    told = mapping(document.get("parameters") or {}, "'parameters'")
    if unknown := sorted(set(told) - set(PARAMETERS)):
        raise Refusal(400, f"There is no parameter '{unknown[0][:60]}'. Known: {', '.join(PARAMETERS)}.")
    return Wanted(
        id=identity(document.get("id")),
        text=text(document.get("text_input"), "'text_input'"),
        max_tokens=int(_number(told, "max_tokens", DEFAULT_TOKENS, 1, MAX_TOKENS, whole=True)),
        temperature=_number(told, "temperature", 1.0, 0, 10),
        top_p=_number(told, "top_p", 1.0, 1e-6, 1),
        top_k=int(_number(told, "top_k", 0, 1, 2**31, whole=True)) or None,
        seed=int(_number(told, "seed", secrets.randbits(48), 0, 2**53 - 1, whole=True)),
        stop=_stops(told.get("stop")),
        details=told.get("details") is True,
    )


def _number(
    told: Mapping[str, Any], name: str, default: float, least: float, most: float, *, whole: bool = False
) -> float:
    value = told.get(name)
    if value is None:
        return default
    right = isinstance(value, int) or (isinstance(value, float) and not whole)
    if not right or isinstance(value, bool) or not least <= value <= most:
        kind = "a whole number" if whole else "a number"
        raise Refusal(400, f"'{name}' must be {kind} from {least:g} to {most:g}; got {value!r:.40}.")
    return value


def _stops(value: Any) -> tuple[str, ...]:
    listed = cast("Sequence[Any]", value or ())
    if not isinstance(listed, list | tuple) or len(listed) > MAX_STOPS:
        raise Refusal(400, f"'stop' must be a list of at most {MAX_STOPS} texts.")
    stops = tuple(text(one, "Each of 'stop'") for one in listed)
    if not all(0 < len(one) <= MAX_STOP for one in stops):
        raise Refusal(400, f"Each of 'stop' must have 1 to {MAX_STOP} characters.")
    return stops


class Stops:
    """Looks for the texts before which a caller wants the end, also where one comes in pieces."""

    def __init__(self, stops: Sequence[str]) -> None:
        """Nothing has been written yet."""
        self._stops, self._held = tuple(stops), ""

    def take(self, piece: str) -> tuple[str, bool]:
        """What may be given away now, and whether that was the end; what might begin a stop is kept back."""
        held = self._held + piece
        found = [place for stop in self._stops if (place := held.find(stop)) >= 0]
        if found:
            self._held = ""
            return held[: min(found)], True
        kept = max((_overlap(held, stop) for stop in self._stops), default=0)
        self._held = held[len(held) - kept :]
        return held[: len(held) - kept], False

    def rest(self) -> str:
        """What was kept back, when no more will come."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """How many of the last characters of ``text`` begin ``stop``."""
    return next((size for size in range(min(len(text), len(stop) - 1), 0, -1) if stop.startswith(text[-size:])), 0)
