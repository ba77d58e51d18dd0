"""Who may talk to the page: this machine alone, or who knows the token; never another site in the same browser.

A page on loopback can be reached by every site that the user visits: by a name that is made to resolve to 127.0.0.1
(DNS rebinding), or by a request across origins. So the ``Host`` must be one of ours and an ``Origin``, where there is
one, the same. Off loopback a token is asked for as well, compared in constant time.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "basestone_studio"
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; frame-ancestors 'self'; object-src 'none'; base-uri 'none'; form-action 'self'"
)  # 'unsafe-eval': Vue compiles its templates in the browser
HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"content-security-policy": POLICY.encode(),
}


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on ``host``."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def new_token() -> str:
    """A token that cannot be guessed: 256 bits."""
    return secrets.token_urlsafe(32)


class Guard:
    """Lets through what may pass, answers the rest with 403, and adds headers that keep the browser strict."""

    def __init__(self, app: App, token: str | None) -> None:
        """``token`` None: the server listens on loopback, and only names of loopback are accepted as ``Host``."""
        self._app = app
        self._digest = _digest(token) if token is not None else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request or one websocket."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        given = dict(parse_qsl(scope["query_string"].decode("latin-1"))).get("token", "")
        if not self._is_from_here(headers):
            await _refuse(scope, send, "This page answers only under the address that it was started with.")
        elif self._digest is None or self._knows(_cookie(headers)) or self._knows(_bearer(headers)):
            await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "http" and scope["method"] == "GET" and self._knows(given):
            await _welcome(scope, send, given)
        else:
            await _refuse(scope, send, "A token is needed: open the address that 'basestone studio' printed.")

    def _is_from_here(self, headers: dict[str, str]) -> bool:
        host, origin = headers.get("host", ""), headers.get("origin")
        name = urlsplit(f"//{host}").hostname or ""
        if self._digest is None and not is_loopback(name):
            return False
        return origin is None or urlsplit(origin).netloc == host

    def _knows(self, word: str) -> bool:
        return self._digest is not None and hmac.compare_digest(_digest(word), self._digest)


def _digest(word: str) -> bytes:
    return hashlib.sha256(word.encode()).digest()


def _bearer(headers: dict[str, str]) -> str:
    return headers.get("authorization", "").removeprefix("Bearer ")


def _cookie(headers: dict[str, str]) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


async def _welcome(scope: Scope, send: Send, token: str) -> None:
    """Keeps the token in a cookie that scripts cannot read and takes it out of the address."""
    rest = [(name, value) for name, value in parse_qsl(scope["query_string"].decode("latin-1")) if name != "token"]
    where = scope["path"] + (f"?{urlencode(rest)}" if rest else "")
    cookie = f"{COOKIE}={token}; HttpOnly; SameSite=Strict; Path=/"
    headers = [(b"location", where.encode()), (b"set-cookie", cookie.encode()), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def _refuse(scope: Scope, send: Send, words: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": f"{words}\n".encode()})


def _with_headers(send: Send) -> Send:
    """Ours where the answer has none of its own: a file of a run brings a stricter policy."""

    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            own = {name.lower() for name, _ in message["headers"]}
            added = [(name, value) for name, value in HEADERS.items() if name not in own]
            message = {**message, "headers": [*message["headers"], *added]}
        await send(message)

    return sending
