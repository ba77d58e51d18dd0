"""A served language model writes, several texts at once: each gets a token in its turn, so that nobody waits for long.

What was asked is in the log before the first token leaves, and the text as it was given before its end is told;
whatever cut it short, a stop, a lost process or a caller who hung up, is told there too.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from basestone.core.errors import DataError
from basestone.serving.protocol import Refusal
from basestone.serving.review import Answer
from basestone.serving.sieve import digest_of_text
from basestone.serving.wanted import Stops, Wanted
from basestone.serving.worker import WorkerLost

if TYPE_CHECKING:
    from basestone.serving.offer import Tongue
    from basestone.serving.service import Service
    from basestone.serving.sieve import Sieve

End = Literal["length", "eos_token", "stop_sequence", "content_filter"]
ENDS: tuple[End, ...] = get_args(End)
STRETCH = 16  # tokens that wait for the filter together


@dataclass(frozen=True, kw_only=True)
class Piece:
    """One token's share of a text: what of it can be said already, and of the last piece why it is the last."""

    text: str
    token: int
    logprob: float
    end: End | None = None
    ticket: str = ""  # of the people who were asked, where the filter ended it


class Author:
    """Writes texts with a service's model; ``most`` at once."""

    def __init__(self, service: Service, tongue: Tongue, most: int, sieve: Sieve | None = None) -> None:
        """``tongue``: between text and tokens; ``sieve`` keeps back what is asked and what is written."""
        self._service, self._tongue, self._most, self._sieve = service, tongue, most, sieve
        if sieve is not None:
            sieve.stopped = lambda: service.keeper.stopped is not None
        self._numbers, self._open = itertools.count(1), set[int]()
        self._errands = set[asyncio.Task[None]]()

    def start(self) -> None:
        """Has the filter loaded, where there is one; in a running event loop."""
        if self._sieve is not None:
            self._run(self._sieve.start())

    @property
    def depth(self) -> int:
        """Texts that are being written."""
        return len(self._open)

    def refuse_if_full(self) -> None:
        """Refusal 429 when as many texts are being written as may be."""
        if len(self._open) >= self._most:
            raise Refusal(429, f"{self._most} texts are being written, as many as may be. Come again.", RETRY)

    async def write(self, wanted: Wanted, deadline_s: float | None = None) -> AsyncGenerator[Piece]:
        """The pieces of one text, the last with an ``end``; Refusal when it cannot be begun, or not be ended.

        Whoever may leave before the end closes it (``contextlib.aclosing``).
        """
        prompt = self._read(wanted)
        self.refuse_if_full()
        number, given, end = next(self._numbers), list[str](), "cancelled"
        started = time.monotonic()
        self._open.add(number)
        try:
            if self._sieve is not None and (ticket := await self._sift(self._sieve, wanted, wanted.text, "prompt")):
                raise Refusal(422, f"The filter keeps this prompt back, and people were asked: ticket {ticket}.")
            await self._log("writing", wanted, prompt=digest_of_text(wanted.text), tokens=len(prompt), **wanted.choice)
            async for piece in self._sifted(
                self._pieces(number, prompt, wanted, deadline_s and started + deadline_s), wanted
            ):
                self._count(bool(given), time.monotonic() - started)
                given.append(piece.text)
                if piece.end:
                    end = piece.end
                    await self._log("written", wanted, text="".join(given), end=end)
                yield piece
        except Refusal as refusal:
            end = refusal.message
            raise
        finally:
            self._open.discard(number)
            self._run(self._forget(number))
            if end not in ENDS:
                self._run(self._log("written", wanted, text="".join(given), end=end))

    async def _pieces(
        self, number: int, prompt: list[int], wanted: Wanted, deadline: float | None
    ) -> AsyncIterator[Piece]:
        speak, stops = self._tongue.speaker(prompt), Stops(wanted.stop)
        question: dict[str, Any] = {"text": number, "begin": wanted.choice}
        array = np.array(prompt, np.int64)
        for place in range(1, wanted.max_tokens + 1):
            if deadline is not None and time.monotonic() > deadline:
                raise Refusal(504, f"The deadline passed after {place - 1} tokens.")
            told, _ = await self._service.ask(question, array if place == 1 else None)
            question = {"text": number}
            if told["token"] == self._tongue.end:
                yield Piece(text=stops.rest(), token=told["token"], logprob=told["logprob"], end="eos_token")
                return
            text, found = stops.take(speak(told["token"]))
            end: End | None = "stop_sequence" if found else "length" if place == wanted.max_tokens else None
            yield Piece(text=text + stops.rest() if end else text, **told, end=end)
            if end:
                return

    async def _sifted(self, pieces: AsyncIterator[Piece], wanted: Wanted) -> AsyncIterator[Piece]:
        """The pieces; with a filter some at a time, when the text up to them was judged, and none after a bad one."""
        held, text, known = list[Piece](), "", dict[str, float]()
        async for piece in pieces:
            held.append(piece)
            text += piece.text
            if self._sieve is None or piece.end or len(held) == STRETCH:
                if self._sieve is not None and (ticket := await self._sift(self._sieve, wanted, text, "text", known)):
                    yield Piece(text="", token=-1, logprob=0.0, end="content_filter", ticket=ticket)
                    return
                for one in held:
                    yield one
                held.clear()

    async def _sift(
        self, sieve: Sieve, wanted: Wanted, text: str, what: str, known: dict[str, float] | None = None
    ) -> str:
        """The ticket of a text that is kept back, which is in the log when it returns; empty for one that may pass."""
        try:
            found = await sieve.judge(text, self._service.overrides, known)
        except Refusal:
            self._service.keeper.require_answering()  # a stop ends the filter too, and is what a caller hears of
            raise
        if not found.held:
            self._service.keeper.require_answering()  # or what was written before a stop would be given after it
            return ""
        ticket = sieve.ticket(found, wanted.id, f"filtered_{what}")
        told = {"what": what, "digest": found.digest, "score": found.shown, "ticket": ticket.id}
        await self._service.journal.file(Answer(kind="filtered", told={"request": wanted.id, **told}, tickets=[ticket]))
        return ticket.id

    def _read(self, wanted: Wanted) -> list[int]:
        try:
            return self._tongue.tokens(wanted.text)
        except DataError as error:
            raise Refusal(400, str(error)) from error

    def _count(self, begun: bool, seconds: float) -> None:
        metrics = self._service.metrics
        metrics.tokens.inc()
        if not begun:
            metrics.first_token.observe(seconds)

    async def _log(self, kind: str, wanted: Wanted, **told: Any) -> None:
        await self._service.journal.file(Answer(kind=kind, told={"request": wanted.id, **told}))

    async def _forget(self, number: int) -> None:
        with contextlib.suppress(WorkerLost):
            await self._service.keeper.ask({"text": number, "end": True}, None)

    def _run(self, errand: Coroutine[Any, Any, None]) -> None:
        """What must be done although the caller, and with him the request's task, is gone."""
        task = asyncio.ensure_future(errand)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    async def halt(self) -> None:
        """Kills the filter's process, where there is one; the next text that must be judged starts another."""
        if self._sieve is not None:
            await self._sieve.halt()

    async def close(self) -> None:
        """Waits for what is still to be written down."""
        await asyncio.gather(*self._errands, return_exceptions=True)
        if self._sieve is not None:
            await self._sieve.close()


RETRY = {"Retry-After": "1"}
