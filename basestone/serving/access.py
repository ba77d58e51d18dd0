"""Who is asking, and what of a request is read before anything is believed: keys, hosts, sizes, types, deadlines."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from basestone.serving.keys import Keys, Role
from basestone.serving.protocol import Refusal

if TYPE_CHECKING:
    from starlette.requests import Request

LOOPBACK = ("127.0.0.1", "localhost", "::1")
BODY_S = 30.0  # within which a body must have come
LONGEST_S = 600.0  # a deadline beyond that is a mistake


@dataclass(frozen=True, kw_only=True)
class Access:
    """``keys`` None: anybody on this machine, and nobody else, may do everything."""

    keys: Keys | None
    max_body: int = 32_000_000

    def caller(self, authorization: str | None, role: Role) -> str | None:
        """The name of the key's holder, None where there are no keys; Refusal 401 or 403."""
        if self.keys is None:
            return None
        scheme, _, token = (authorization or "").partition(" ")
        key = self.keys.whose(token.strip()) if scheme.lower() == "bearer" else None
        if key is None:
            raise Refusal(401, "A valid key must be sent as 'Authorization: Bearer …'.", {"WWW-Authenticate": "Bearer"})
        if not key.allows(role):
            raise Refusal(403, f"This needs a key of role '{role}'; that of {key.name} is for '{key.role}'.")
        return key.name

    def check(self, request: Request, role: Role) -> str | None:
        """As ``caller``; without keys the request must also be addressed to this machine (DNS rebinding)."""
        if self.keys is None:
            host = host_of(request.headers.get("host", ""))
            if host not in LOOPBACK:
                raise Refusal(403, f"A service without keys answers on this machine only, not as '{host[:60]}'.")
        return self.caller(request.headers.get("authorization"), role)

    async def body(self, request: Request, types: tuple[str, ...]) -> bytes:
        """The request's body; Refusal 408, 411, 413 or 415 instead of reading what must not be read."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in types:
            raise Refusal(415, f"The content type must be {' or '.join(types)}; got '{kind[:60]}'.")
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise Refusal(415, "Compressed bodies are not accepted. Send it as it is, without Content-Encoding.")
        length = request.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self.max_body:
            raise Refusal(413, f"A request must have at most {self.max_body:,} bytes; got {length[:20]}.")
        held = bytearray()
        try:
            async with asyncio.timeout(BODY_S):
                async for part in request.stream():
                    held += part
                    if len(held) > self.max_body:
                        raise Refusal(413, f"A request must have at most {self.max_body:,} bytes; this has more.")
        except TimeoutError as error:
            raise Refusal(408, f"A request's body must come within {BODY_S:g} s, and this did not.") from error
        return bytes(held)


def host_of(header: str) -> str:
    """The name in a ``Host`` header, in small letters, without its port."""
    name, _, rest = header.rpartition(":")
    return (name if name and rest.isdecimal() else header).strip("[]").lower()


def deadline_of(written: str | None) -> float | None:
    """Seconds that the caller waits, from ``x-deadline-ms``; None where it does not say. Refusal 400."""
    if written is None:
        return None
    if not written.isdecimal() or len(written) > 9 or not 0 < int(written) <= 1000 * LONGEST_S:
        raise Refusal(
            400, f"x-deadline-ms must be whole milliseconds, 1 to {1000 * LONGEST_S:g}; got '{written[:20]}'."
        )
    return int(written) / 1000
