from __future__ import annotations

import asyncio
from typing import Any

import pytest

from basestone.studio.access import COOKIE, Guard, is_loopback, new_token


async def inner(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": scope.get("answers", [])})
    await send({"type": "http.response.body", "body": b"inside"})


def ask(token: str | None, headers: dict[str, str], query: str = "", kind: str = "http", **more: Any) -> list[Any]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": kind,
        "method": "GET",
        "path": "/runs/a",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        **more,
    }
    asyncio.run(Guard(inner, token)(scope, None, send))  # pyright: ignore[reportArgumentType]
    return sent


def status(*words: Any, **more: Any) -> Any:
    first = ask(*words, **more)[0]
    return first.get("status") or first["type"]


@pytest.mark.parametrize("host", ["127.0.0.1:8420", "localhost:8420", "[::1]:8420", "localhost"])
def test_this_machine_needs_no_token(host: str) -> None:
    assert status(None, {"host": host}) == 200
    assert status(None, {"host": host, "origin": f"http://{host}"}) == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "192.168.0.7:8420", "", "localhost.evil"])
def test_a_name_that_was_made_to_lead_here_is_refused(host: str) -> None:
    assert status(None, {"host": host}) == 403
    assert status(None, {"host": host}, kind="websocket") == "websocket.close"


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9999", "http://localhost:8420"])
def test_another_site_is_refused(origin: str) -> None:
    headers = {"host": "127.0.0.1:8420", "origin": origin}
    assert status(None, headers) == 403
    assert status(None, headers, kind="websocket") == "websocket.close"
    assert status("secret", headers | {"cookie": f"{COOKIE}=secret"}) == 403


def test_a_token_is_needed_off_loopback_and_comes_by_address_once() -> None:
    host = {"host": "10.0.0.5:8420"}
    assert status("secret", host) == 403
    assert status("secret", host, "token=wrong") == 403
    assert status("secret", host, kind="websocket") == "websocket.close"
    answer = ask("secret", host, "token=secret&first=a")[0]
    told = dict(answer["headers"])
    assert answer["status"] == 303 and told[b"location"] == b"/runs/a?first=a"
    assert b"HttpOnly" in told[b"set-cookie"] and b"SameSite=Strict" in told[b"set-cookie"]
    assert status("secret", host | {"cookie": f"other=1; {COOKIE}=secret"}) == 200
    assert status("secret", host | {"cookie": f"{COOKIE}=secre"}) == 403
    assert status("secret", host | {"authorization": "Bearer secret"}) == 200
    assert status("secret", host, "token=secret", method="POST") == 403


def test_the_comparison_takes_the_same_time_whatever_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every comparison goes through hmac.compare_digest, on digests of equal length."""
    import hmac

    seen: list[tuple[int, int]] = []
    real = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: seen.append((len(a), len(b))) or real(a, b))
    status("secret", {"host": "10.0.0.5", "cookie": f"{COOKIE}=x", "authorization": "Bearer yy"}, "token=zzz")
    assert seen == [(32, 32)] * 3


def test_headers_keep_the_browser_strict_and_a_stricter_policy_stands() -> None:
    told = dict(ask(None, {"host": "localhost"})[0]["headers"])
    assert told[b"x-content-type-options"] == b"nosniff" and b"default-src 'self'" in told[b"content-security-policy"]
    own = [(b"content-security-policy", b"default-src 'none'")]
    assert dict(ask(None, {"host": "localhost"}, answers=own)[0]["headers"])[b"content-security-policy"] == own[0][1]


def test_what_loopback_is() -> None:
    assert all(is_loopback(host) for host in ("127.0.0.1", "127.0.0.9", "::1", "[::1]", "localhost"))
    assert not any(is_loopback(host) for host in ("0.0.0.0", "::", "192.168.1.2", "example.org", ""))


def test_tokens_differ_and_cannot_be_guessed() -> None:
    assert len({new_token() for _ in range(20)}) == 20 and len(new_token()) >= 43
