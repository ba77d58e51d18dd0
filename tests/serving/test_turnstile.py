"""What is turned away on the connection: plain requests for inference, whole and in turn; all else is let through."""

from __future__ import annotations

import asyncio
from functools import partial
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basestone.serving.protocol import Refusal
from basestone.serving.turnstile import Turnstile, length_of

httptools = pytest.importorskip("httptools")
FULL = Refusal(429, "Come again.", {"Retry-After": "2"})
PATH = "/v2/models/tiny/infer"


def request(path=PATH, body=b"", method="POST", version="1.1", **headers):
    told = {"host": "127.0.0.1", "content-length": str(len(body))} | {
        n.replace("_", "-"): v for n, v in headers.items()
    }
    head = f"{method} {path} HTTP/{version}\r\n" + "".join(f"{n}: {v}\r\n" for n, v in told.items() if v is not None)
    return head.encode() + b"\r\n" + body


class Behind:
    """An HTTP server that keeps what it gets; ``cycle`` as uvicorn's protocols have it."""

    def __init__(self):
        self.got, self.cycle = bytearray(), None

    def connection_made(self, transport):
        pass

    def data_received(self, data):
        self.got += data


class Wire:
    def __init__(self):
        self.sent = b""

    def write(self, data):
        self.sent += data


def turnstile(full=True):
    behind, wire = Behind(), Wire()
    gate = Turnstile(behind, lambda: FULL if full else None, lambda: [(b"date", b"today")])
    gate.connection_made(wire)
    return gate, behind, wire


def test_a_full_service_says_so_and_the_connection_goes_on():
    gate, behind, wire = turnstile()
    gate.data_received(request(body=b'{"inputs": []}'))
    head, _, body = wire.sent.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert lines[0] == b"http/1.1 429 too many requests" and body == b'{"error": "Come again."}'
    assert {b"retry-after: 2", b"content-type: application/json", b"date: today"} < set(lines)
    assert b"content-length: %d" % len(body) in lines
    gate.data_received(request("/v2/health/live", method="GET", content_length=None))
    assert behind.got.startswith(b"GET /v2/health/live") and wire.sent.count(b"HTTP/1.1") == 1


def test_what_is_let_through_is_untouched_while_there_is_room():
    gate, behind, wire = turnstile(full=False)
    sent = request(body=b"x" * 100) * 3
    gate.data_received(sent)
    assert bytes(behind.got) == sent and not wire.sent


@pytest.mark.parametrize(
    "other",
    [
        request("/v2/models/tiny", method="GET"),
        request("/v2/models/tiny/generate", body=b"{}"),
        request("/stop", body=b"{}"),
        request("/v2/models/a/b/c/infer", body=b"{}"),
    ],
)
def test_other_questions_get_their_answer_however_full_it_is(other):
    gate, behind, wire = turnstile()
    gate.data_received(other + request())
    assert bytes(behind.got) == other and wire.sent.count(b"429") == 1


@pytest.mark.parametrize(
    "odd",
    [
        request(transfer_encoding="chunked"),
        request(expect="100-continue"),
        request(connection="close"),
        request(connection="Upgrade", upgrade="websocket"),
        request(version="1.0"),
        request(content_length="5, 5"),
        request(content_length="-1"),
        request(content_length="+3"),
        request(content_length="1e3"),
        request(content_length="100000000"),
        request().replace(b"content-length: 0", b"content-length: 0\r\nContent-Length: 7"),
        request()[:20],
    ],
)
def test_where_a_message_ends_is_never_guessed(odd):
    """Smuggling: a body that looks like a request. Such a connection is the HTTP server's, with all that follows."""
    gate, behind, wire = turnstile()
    assert length_of(odd) is None
    gate.data_received(odd)
    gate.data_received(request())
    assert bytes(behind.got) == odd + request() and not wire.sent


def test_nobody_is_turned_away_before_the_one_who_asked_first_has_his_answer():
    """Answers of a connection come in the order of its requests."""
    gate, behind, wire = turnstile()
    behind.cycle = SimpleNamespace(response_complete=False)
    gate.data_received(request())
    assert bytes(behind.got) == request() and not wire.sent
    behind.cycle = SimpleNamespace(response_complete=True)
    gate.data_received(request())
    assert bytes(behind.got) == request() and b"429" in wire.sent


class Messages:
    """Bodies of the requests that a parser finds."""

    def __init__(self):
        self.bodies, self.body = [], b""

    def on_body(self, body):
        self.body += body

    def on_message_complete(self):
        self.bodies.append(self.body)
        self.body = b""


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_wherever_it_is_cut_every_request_is_answered_or_arrives_whole(data):
    """By another parser: what arrives behind is whole requests in order, and with the refused they are all."""
    asked = data.draw(st.lists(st.tuples(st.booleans(), st.binary(max_size=40)), min_size=1, max_size=6))
    stream = b"".join(
        request(PATH if infer else "/stop", body=b"%d:" % place + body) for place, (infer, body) in enumerate(asked)
    )
    cuts = sorted(data.draw(st.sets(st.integers(1, len(stream) - 1), max_size=8)))
    gate, behind, wire = turnstile()
    for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        gate.data_received(stream[begin:end])
    found = Messages()
    httptools.HttpRequestParser(found).feed_data(bytes(behind.got)) if behind.got else None
    places = [int(body.partition(b":")[0]) for body in found.bodies]
    assert [body.partition(b":")[2] for body in found.bodies] == [asked[place][1] for place in places]
    assert places == sorted(set(places)) and not found.body
    assert wire.sent.count(b"HTTP/1.1 429") == len(asked) - len(places)
    assert all(asked[place][0] for place in set(range(len(asked))) - set(places))


async def _answers(full, requests):
    """The statuses that a real uvicorn gives on one connection."""
    uvicorn = pytest.importorskip("uvicorn")
    from basestone.serving.server import _turnstile

    async def app(scope, receive, send):
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    config = uvicorn.Config(app, log_level="warning", lifespan="off", port=0)
    config.load()
    config.http_protocol_class = partial(_turnstile, config.http_protocol_class, full)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    reader, writer = await asyncio.open_connection(*server.servers[0].sockets[0].getsockname())
    found = []
    for one in requests:
        writer.write(one)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(head.partition(b"content-length: ")[2].split(b"\r\n")[0]))
        found.append((int(head.split()[1]), b"\r\ndate: " in head))
    writer.close()
    server.should_exit = True
    await running
    return found


def test_in_front_of_uvicorn_a_connection_is_kept_through_answers_and_refusals():
    calls = iter([FULL, None, FULL, FULL, None])
    found = asyncio.run(_answers(lambda: next(calls), [request(body=b"abc")] * 5))
    assert [status for status, _ in found] == [429, 200, 429, 429, 200] and all(dated for _, dated in found)
