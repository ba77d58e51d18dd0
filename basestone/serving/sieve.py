"""A filter in a served language model's path: what it is asked, and what it writes, is judged before it goes on.

The filter is another model, a classifier of texts with a threshold from its own audit (SAF-4), in a process of its own.
Nothing passes unjudged: a filter that cannot answer is a refusal. A text longer than the filter reads is judged stretch
by stretch, each beginning within the one before, and the worst of them counts.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basestone.serving.nursery import Nursery
from basestone.serving.protocol import Refusal
from basestone.serving.review import Doubtful
from basestone.serving.worker import Worker, WorkerLost

BATCH = 16  # stretches that the filter sees at once


@dataclass(frozen=True, kw_only=True)
class Filter:
    """What keeps texts back: those whose ``score`` of N×K logits, log odds of harm, lies above ``threshold``.

    ``harmful``: the label that a text is kept back as. ``stretches``: a text in pieces that the model reads whole;
    ``read``: such pieces in UTF-8 as a batch. ``request``: for the process that runs it.
    """

    name: str
    version: str
    labels: tuple[str, ...]
    harmful: str
    threshold: float
    stretches: Callable[[str], list[str]]
    read: Callable[[list[bytes]], NDArray[Any]]
    score: Callable[[NDArray[Any]], NDArray[np.float64]]
    request: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def described(self) -> dict[str, Any]:
        """As the log and every answer's standing have it."""
        told = {"filter": self.name, "version": self.version, "harmful": self.harmful, "labels": list(self.labels)}
        return told | {"threshold": self.threshold}


@dataclass(frozen=True, kw_only=True)
class Sifted:
    """A text that was judged: how much speaks for harm (log odds), and whether it is kept back."""

    text: str
    score: float
    held: bool

    @property
    def shown(self) -> float | None:
        """The score where there is one: a person has none, nor has what is no number."""
        return round(self.score, 6) if math.isfinite(self.score) else None

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the text."""
        return digest_of_text(self.text)


class Sieve:
    """A filter and the process that runs it."""

    def __init__(self, filter_: Filter, nursery: Nursery) -> None:
        """Nothing is started yet. ``stopped``: whether a process may not be started now; of the service it is in."""
        self.filter, self._nursery = filter_, nursery
        self.stopped: Callable[[], bool] = lambda: False
        self._worker: Worker | None = None
        self._starting = asyncio.Lock()

    async def start(self) -> None:
        """Loads the filter, or leaves that to the first text where it fails now."""
        try:
            await self._living()
        except WorkerLost:
            return

    async def halt(self) -> None:
        """Kills the process, also one that is just loading; the next text starts another."""
        if self._worker:
            await self._worker.halt()

    async def close(self) -> None:
        """Ends, and the process with it."""
        await self.halt()
        self._nursery.close()

    async def judge(self, text: str, overrides: Mapping[str, str], known: dict[str, float] | None = None) -> Sifted:
        """One text; a person's label (digest → label) comes before the filter's. Refusal 503 where it has no answer.

        ``known``: scores of pieces, kept from one judgement to the next of a text that grows.
        """
        if (human := overrides.get(digest_of_text(text))) is not None:
            return Sifted(text=text, score=-math.inf, held=human == self.filter.harmful)
        pieces = self.filter.stretches(text)
        if text.strip() and not pieces:
            return Sifted(text=text, score=math.inf, held=True)  # it says something, and the filter cannot read it
        try:
            score = worst(await self._scores(pieces, {} if known is None else known))
        except WorkerLost as error:
            raise Refusal(503, f"The filter cannot judge now: {error}. Try again.", {"Retry-After": "1"}) from error
        return Sifted(text=text, score=score, held=score > self.filter.threshold)

    def ticket(self, sifted: Sifted, request: str, reason: str) -> Doubtful:
        """A text that was kept back, for people."""
        return Doubtful(
            id=uuid.uuid4().hex,
            request=request,
            digest=sifted.digest,
            media="text/plain",
            input=sifted.text.encode(),
            prediction=self.filter.harmful,
            confidence=1 / (1 + math.exp(-sifted.score)) if sifted.score > -700 else 0.0,
            reasons=(reason,),
        )

    async def _scores(self, pieces: list[str], known: dict[str, float]) -> list[float]:
        fresh = [piece for piece in pieces if piece not in known]
        for begin in range(0, len(fresh), BATCH):
            part = fresh[begin : begin + BATCH]
            _, logits = await (await self._living()).ask({}, self.filter.read([piece.encode() for piece in part]))
            assert logits is not None
            known.update(zip(part, self.filter.score(logits).tolist(), strict=True))
        return [known[piece] for piece in pieces]

    async def _living(self) -> Worker:
        """The process, started anew where it was lost."""
        async with self._starting:
            if self.stopped():
                raise WorkerLost("the service was stopped")
            if self._worker is None or self._worker.pid is None:
                self._worker = Worker(self._nursery)
                try:
                    await self._worker.start()
                except WorkerLost:
                    self._worker = None
                    raise
            return self._worker


def digest_of_text(text: str) -> str:
    """SHA-256 (hex) of its UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def worst(scores: list[float]) -> float:
    """The highest; what is no number is worse than any, nothing better than all."""
    return math.inf if any(map(math.isnan, scores)) else max(scores, default=-math.inf)
