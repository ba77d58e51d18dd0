"""Turns requests for inference away on the connection itself while the service is full, before HTTP is parsed.

Under overload most of what a server does is to say no. A refusal that goes through the parser, a task and ASGI costs
several times as much as one that is written where the bytes arrive, and what it costs is taken from those who could be
answered (receive livelock: Mogul & Ramakrishnan 1997, ACM TOCS 15(3)).

Only the plainest requests are turned away here: a whole head in one piece, ``POST …/infer`` of HTTP/1.1, one
Content-Length. A connection on which anything else was seen belongs to the HTTP server from then on.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from basestone.serving.protocol import Refusal
from basestone.serving.rest import JSON, sentence

MOST_DIGITS = 8  # of a Content-Length; whoever claims more is refused by the HTTP server, which hangs up
INFER = re.compile(rb"POST /v2/models/[^/ ?]+(?:/versions/[^/ ?]+)?/infer HTTP/1\.1\r\n")
END = b"\r\n\r\n"
OPENS = (b"transfer-encoding:", b"expect:", b"upgrade:")  # the head does not tell where it ends, or who answers


class Turnstile(asyncio.Protocol):
    """In front of one connection's HTTP protocol: lets requests through to ``behind``, or turns them away."""

    def __init__(self, behind: Any, full: Callable[[], Refusal | None], headers: Callable[[], Any]) -> None:
        """``full``: why one more request is refused now, None where it is not; ``headers``: of every answer."""
        self._behind, self._full, self._headers = behind, full, headers
        self._transport: Any = None
        self._owed, self._passes, self._opaque = 0, True, False  # bytes of the body to come; where they go

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        self._transport = transport
        self._behind.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._behind.connection_lost(exc)

    def eof_received(self) -> bool | None:
        """The caller sends no more."""
        return self._behind.eof_received()

    def pause_writing(self) -> None:
        """The caller does not read."""
        self._behind.pause_writing()

    def resume_writing(self) -> None:
        """The caller reads again."""
        self._behind.resume_writing()

    def data_received(self, data: bytes) -> None:
        """Bytes of one or more requests, cut anywhere."""
        while data and not self._opaque:
            taken = self._owed or self._begin(data)
            piece, data = data[:taken], data[taken:]
            self._owed = taken - len(piece)
            if self._passes and piece:
                self._behind.data_received(piece)
        if data:
            self._behind.data_received(data)

    def _begin(self, data: bytes) -> int:
        """The length of the request that begins here, head and body; 0 where this connection is not for us."""
        length = length_of(data)
        self._opaque = length is None
        self._passes = self._opaque or not self._turned_away(data)
        return length or 0

    def _turned_away(self, data: bytes) -> bool:
        """Whether the request got its refusal here. Never out of turn: not while an answer is being made."""
        cycle = self._behind.cycle
        if (cycle is not None and not cycle.response_complete) or not INFER.match(data):
            return False
        refusal = self._full()
        if refusal is not None:
            self._transport.write(written(refusal, self._headers()))
        return refusal is not None


def length_of(data: bytes) -> int | None:
    """Bytes of the request at the start of ``data``, with its body, or None where that is not plainly told."""
    end = data.find(END)
    if end < 0:
        return None
    lines = data[:end].lower().split(b"\r\n")
    if not lines[0].endswith(b" http/1.1") or any(line.startswith(OPENS) for line in lines):
        return None
    if any(line.startswith(b"connection:") and line[11:].strip() != b"keep-alive" for line in lines):
        return None
    lengths = [line[15:].strip() for line in lines if line.startswith(b"content-length:")]
    if len(lengths) > 1 or not all(0 < len(length) <= MOST_DIGITS and length.isdigit() for length in lengths):
        return None
    return end + len(END) + (int(lengths[0]) if lengths else 0)


def written(refusal: Refusal, more: Any) -> bytes:
    """A refusal as it goes over the wire; ``more``: headers as pairs of bytes."""
    return _bytes(refusal.status, refusal.message, tuple(refusal.headers.items()), tuple(more))


@lru_cache(16)
def _bytes(
    status: int, message: str, headers: tuple[tuple[str, str], ...], more: tuple[tuple[bytes, bytes], ...]
) -> bytes:
    body = sentence(message)
    told = [(name.encode(), value.encode()) for name, value in (*JSON.items(), *headers)]
    told += [(b"content-length", b"%d" % len(body)), *more]
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()
    return head + b"".join(b"%s: %s\r\n" % one for one in told) + b"\r\n" + body
