"""Whatever comes over HTTP is answered: by an answer, or by a 4xx that says in one sentence what must hold."""

from __future__ import annotations

import base64
import json
import struct
import time
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_server import service

from basestone.serving.access import Access
from basestone.serving.keys import Keys, new_token

testclient = pytest.importorskip("fastapi.testclient")
INFER = "/v2/models/tiny/infer"
PATIENCE_S = 30.0


def tensor(**more):
    return {"name": "image", "shape": [1, 1, 2, 2], "datatype": "UINT8", "data": [1, 2, 3, 4]} | more


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """The application with keys of each role, its service started; ``tokens`` by role."""
    from basestone.serving.app import build_app

    folder = tmp_path_factory.mktemp("tiny")
    tokens = {role: new_token(folder / "keys.json", "ann", role) for role in ("client", "reviewer", "operator")}

    async def make():
        return service(folder)

    app = build_app(make, Access(keys=Keys(folder / "keys.json"), max_body=20_000))
    with testclient.TestClient(app, base_url="http://127.0.0.1") as client:
        client.tokens = tokens
        deadline = time.monotonic() + PATIENCE_S
        while client.get("/v2/health/ready").status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield client


def post(client, body, path=INFER, role="client", **headers):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"content-type": "application/json", "authorization": f"Bearer {client.tokens[role]}"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(path, content=content, headers={name: held for name, held in sent.items() if held is not None})


def refused(answer, status):
    """The one sentence of a refusal; a trace or anything besides it is none."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json" and set(answer.json()) == {"error"}
    assert "Traceback" not in answer.text and 'File "' not in answer.text
    return answer.json()["error"]


def test_a_good_request_is_answered_by_the_model(client):
    from tiny_server import LABELS, WEIGHTS

    answer = post(client, {"inputs": [tensor()]})
    found = {one["name"]: one["data"] for one in answer.json()["outputs"]}
    logits = np.array([1, 2, 3, 4], np.float32) / 255 @ WEIGHTS
    assert found["label"] == [LABELS[int(logits.argmax())]]
    np.testing.assert_allclose(found["probabilities"], np.exp(logits) / np.exp(logits).sum(), rtol=1e-5)


@pytest.mark.parametrize(
    ("key", "status", "message"),
    [
        (None, 401, "A valid key must be sent as 'Authorization: Bearer …'."),
        ("Bearer bst_ab_cd", 401, "A valid key must be sent"),
        ("Basic dXNlcjpwYXNz", 401, "A valid key must be sent"),
        ("Bearer", 401, "A valid key must be sent"),
    ],
)
def test_without_a_right_key_nobody_is_answered(client, key, status, message):
    for path in (INFER, "/stop", "/release", "/review/override"):
        assert message in refused(post(client, {"inputs": [tensor()]}, path, authorization=key), status)


@pytest.mark.parametrize("path", ["/stop", "/release"])
def test_a_key_does_no_more_than_its_role(client, path):
    assert "needs a key of role 'operator'; that of ann is for 'client'" in refused(post(client, {}, path), 403)
    assert "is for 'reviewer'" in refused(post(client, {}, path, role="reviewer"), 403)


def binary(datatype, shape, raw):
    """A request by the binary extension, and the length of its JSON."""
    told = {
        "inputs": [
            {"name": "image", "shape": shape, "datatype": datatype, "parameters": {"binary_data_size": len(raw)}}
        ]
    }
    head = json.dumps(told).encode()
    return head + raw, {"inference_header_content_length": str(len(head)), "content_type": "application/octet-stream"}


def png(width, height, held=b"\0" * 10_000):
    """A PNG that claims a size; its pixels, if any, are of another."""

    def chunk(kind, body):
        return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(held)) + chunk(b"IEND", b"")


def encoded(file):
    return {"inputs": [tensor(shape=[1], datatype="BYTES", data=[base64.b64encode(file).decode()])]}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"inputs": [tensor(shape=[1, 1, 3, 3], data=[0] * 9)]}, "'image' must be N × 1 × 2 × 2; got 1 × 1 × 3 × 3."),
        ({"inputs": [tensor(data=[0] * 3)]}, "must hold the 4 elements of shape [1, 1, 2, 2]; got 3."),
        ({"inputs": [tensor(shape=[2**31] * 8)]}, "must be a list of whole numbers from 0 on"),
        ({"inputs": [tensor(shape=[2**30, 2**30, 2**30, 1])]}, "got 4."),
        ({"inputs": [tensor(datatype="FP32", data=[0, 0, 0, 1e300])]}, "must hold finite numbers"),
        (
            b'{"inputs": [{"name": "image", "shape": [1], "datatype": "FP32", "data": [NaN]}]}',
            "must be finite; got NaN.",
        ),
        (b"[" * 19_000, "The body must be JSON and is not"),
        (b'{"inputs": ' + b"9" * 5_000 + b"}", "must be JSON and is not"),
        (b"\xff\xfe", "must be JSON and is not"),
        (encoded(png(8_000, 8_000)), "must have at most 40,000,000 pixels; it claims 8000 × 8000."),
        (encoded(png(60_000, 60_000)), "it claims more than 178 million."),
        (encoded(png(4, 4, b"")), "must be an image that can be decoded"),
        (encoded(b"GIF89a"), "must be an image that can be decoded"),
    ],
    ids=["shape", "few", "huge", "product", "infinite", "nan", "deep", "digits", "utf8", "bomb", "bombs", "cut", "gif"],
)
def test_bad_tensors_are_400(client, body, message):
    assert message in refused(post(client, body), 400)


def test_half_a_character_reaches_no_log(client):
    refusal = refused(post(client, {"id": "\ud800", "inputs": [tensor()]}), 400)
    assert refusal == "'id' must be valid Unicode text."
    body = {"digest": "a" * 64, "label": "cat", "reason": "\udfff"}
    assert "The body must be valid Unicode text." in refused(post(client, body, "/review/override", "reviewer"), 400)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_in_raw_bytes_is_400_too(client, value):
    body, headers = binary("FP32", [1, 1, 2, 2], np.array([0, 0, 1, value], np.float32).tobytes())
    assert "'image' must hold finite numbers; 1 are NaN or infinite." in refused(post(client, body, **headers), 400)


@pytest.mark.parametrize(
    ("headers", "status", "message"),
    [
        ({"content_type": "text/html"}, 415, "The content type must be application/json"),
        ({"content_type": None}, 415, "got ''."),
        ({"content_encoding": "gzip"}, 415, "Compressed bodies are not accepted."),
        ({"x_deadline_ms": "-5"}, 400, "x-deadline-ms must be whole milliseconds"),
        ({"inference_header_content_length": "99999"}, 400, "must be a number of bytes up to"),
        ({"inference_header_content_length": "²"}, 400, "must be a number of bytes up to"),
        ({"content_length": "99999999999999999999999"}, 413, "A request must have at most 20,000 bytes"),
    ],
)
def test_bad_headers_are_refused(client, headers, status, message):
    sent = {name: held.encode() if held else held for name, held in headers.items()}
    assert message in refused(post(client, {"inputs": [tensor()]}, **sent), status)


def test_a_body_that_is_too_large_is_cut_off(client):
    assert "got 20001." in refused(post(client, b" " * 20_001), 413)
    bomb = zlib.compress(b" " * 10_000_000)
    assert "Compressed bodies" in refused(post(client, bomb, content_encoding="deflate"), 415)

    def endless():
        for _ in range(100):
            yield b" " * 1_000

    headers = {"content-type": "application/json", "authorization": f"Bearer {client.tokens['client']}"}
    assert "this has more." in refused(client.post(INFER, content=endless(), headers=headers), 413)


@pytest.mark.parametrize(
    "name",
    [
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e%2f%2e%2e%2fkeys.json",
        "...",
        "%00",
        "tiny%2f..%2ftiny",
        "x" * 3_000,
        "tiny ",
        "ｔｉｎｙ",
    ],
)
def test_names_lead_nowhere(client, name):
    for path in (f"/v2/models/{name}/infer", f"/v2/models/tiny/versions/{name}/infer", f"/v2/models/{name}/generate"):
        answer = post(client, {"inputs": [tensor()]}, path)
        assert answer.status_code in (404, 405) and len(answer.text) < 300, answer.text
        assert "root:" not in answer.text and "salt" not in answer.text


TEXT = st.text(max_size=8) | st.sampled_from(["tiny", "1", "..", "%2e%2e%2f", "\0", "é", "image", "NaN"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.just("\ud800"),  # half a character
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
PARTS = {
    "name": st.just("image") | JSON,
    "shape": st.just([1, 1, 2, 2]) | st.lists(st.integers(-1, 2**40), max_size=9) | JSON,
    "datatype": st.sampled_from(["BOOL", "UINT8", "INT64", "FP32", "BYTES", "FP16"]) | JSON,
    "data": st.lists(st.integers(0, 255), min_size=4, max_size=4) | JSON,
    "parameters": st.fixed_dictionaries({"binary_data_size": st.integers(-1, 40) | JSON}) | JSON,
}
REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "inputs": st.lists(st.fixed_dictionaries({}, optional=PARTS), max_size=3) | JSON,
        "outputs": JSON,
        "id": JSON,
        "parameters": JSON,
        "text_input": JSON,
        "label": JSON,
        "reason": JSON,
        "by": JSON,
        "digest": JSON,
    },
)
VERBS = ["infer", "infer", "infer", "ready", "generate", "generate_stream", "versions/{}/infer"]
PATHS = [f"/v2/models/{name}/{verb}" for name in ("tiny", "{}") for verb in VERBS]
PATHS += ["/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/{}", "/metrics", "/openapi.json", "/{}"]
PATHS += ["/stop", "/release", "/review", "/review/waiting", "/review/status", "/review/override"]
PATHS += ["/review/tickets/{}", "/review/tickets/{}/input"]
HEADERS = st.fixed_dictionaries(
    {
        "content-type": st.sampled_from(
            ["application/json", "application/json", "application/octet-stream", "text/plain"]
        )
    },
    optional={
        "x-deadline-ms": st.sampled_from(["5000", "1", "x", ""]),
        "inference-header-content-length": st.integers(-1, 300).map(str),
        "accept-encoding": st.just("gzip"),
        "x-reviewer": st.sampled_from(["ann", "%00", ""]),
        "range": st.just("bytes=0-1"),
    },
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(PATHS),
    TEXT,
    st.sampled_from(["POST", "POST", "POST", "GET", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE"]),
    st.sampled_from(["client", "client", "reviewer", None]),
    HEADERS,
    (REQUESTS | JSON).map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60),
)
def test_a_fuzzer_finds_no_fault_of_ours(client, path, piece, method, role, headers, body):
    """No 5xx, no trace, and every refusal is one sentence; the operator's key is not among those tried."""
    from urllib.parse import quote

    told = {"authorization": f"Bearer {client.tokens[role]}"} if role else {}
    answer = client.request(method, path.replace("{}", quote(piece, safe="%")), content=body, headers=headers | told)
    assert answer.status_code < 500 or (answer.status_code == 504 and headers.get("x-deadline-ms") == "1"), answer.text
    assert "Traceback" not in answer.text
    if answer.status_code >= 400 and method != "HEAD":
        assert set(answer.json()) == {"error"} and answer.json()["error"]
