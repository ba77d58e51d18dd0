"""Texts that a served model writes, by a model that writes the alphabet on: b follows a, and nothing follows z."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time

import pytest
from tiny_server import service

from basestone.serving.access import Access
from basestone.serving.protocol import Refusal
from basestone.serving.wanted import parse_wanted

testclient = pytest.importorskip("fastapi.testclient")


def wanted(text="a", **parameters):
    return parse_wanted(json.dumps({"text_input": text, "parameters": {"seed": 1, **parameters}}).encode())


@contextlib.asynccontextmanager
async def writing(folder, **options):
    made = service(folder, writes=True, **options)
    await made.start()
    try:
        while not made.ready:
            await asyncio.sleep(0.01)
        yield made
    finally:
        await made.close()


def run(test):
    asyncio.run(asyncio.wait_for(test(), 60))


async def logged(made, kind):
    return await made.journal(lambda queue: [row.content for row in queue.log.rows(kind)])


@pytest.mark.parametrize(
    ("text", "parameters", "pieces", "end"),
    [
        ("a", {"max_tokens": 3}, ["b", "c", "d"], "length"),
        ("x", {}, ["y", "z", ""], "eos_token"),
        ("a", {"stop": ["de"]}, ["b", "c", "", ""], "stop_sequence"),
        ("a", {"stop": ["dx"], "max_tokens": 3}, ["b", "c", "d"], "length"),
        ("x", {"stop": ["zz"]}, ["y", "", "z"], "eos_token"),
    ],
)
def test_a_text_ends_where_it_should_and_says_why(tmp_path, text, parameters, pieces, end):
    async def test():
        async with writing(tmp_path) as made:
            found = [piece async for piece in made.author.write(wanted(text, **parameters))]
            assert [piece.text for piece in found] == pieces
            assert [piece.end for piece in found] == [None] * (len(pieces) - 1) + [end]
            assert {piece.logprob for piece in found} == {-1.5} and made.author.depth == 0
            (asked,), (told,) = await logged(made, "writing"), await logged(made, "written")
            assert asked["tokens"] == 1 and asked["seed"] == 1 and asked["request"] == told["request"]
            assert told["text"] == "".join(pieces) and told["end"] == end

    run(test)


def test_texts_take_turns_and_do_not_mix(tmp_path):
    async def test():
        async with writing(tmp_path) as made:
            order = []

            async def noted(text):
                async for piece in made.author.write(wanted(text, max_tokens=8)):
                    order.append(piece.text)

            await asyncio.gather(noted("a"), noted("n"))
            assert "".join(one for one in order if one < "n") == "bcdefghi"
            assert "".join(one for one in order if one > "n") == "opqrstuv"
            assert order.index("o") < order.index("i")

    run(test)


def test_a_stop_ends_what_is_being_written_and_the_log_says_what_was_given(tmp_path):
    async def test():
        async with writing(tmp_path) as made:
            pieces = made.author.write(wanted("a"))
            assert [(await anext(pieces)).text for _ in range(3)] == ["b", "c", "d"]
            await made.keeper.stop("ann", "a drill")
            with pytest.raises(Refusal, match="The service was stopped by ann: a drill") as caught:
                await anext(pieces)
            assert caught.value.status == 503
            with pytest.raises(Refusal, match="stopped by ann"):
                await anext(made.author.write(wanted("a")))
            await made.author.close()
            assert [row["text"] for row in await logged(made, "written")] == ["bcd", ""]

    run(test)


def test_who_gives_up_frees_his_place(tmp_path):
    async def test():
        async with writing(tmp_path, max_batch=1) as made:
            begun = asyncio.Event()

            async def read():
                async with contextlib.aclosing(made.author.write(wanted("a", max_tokens=25))) as pieces:
                    async for _ in pieces:
                        begun.set()
                        await asyncio.sleep(0.01)

            task = asyncio.ensure_future(read())
            await begun.wait()
            with pytest.raises(Refusal, match="1 texts are being written, as many as may be") as caught:
                await anext(made.author.write(wanted("b")))
            assert caught.value.status == 429 and caught.value.headers == {"Retry-After": "1"}
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            found = [piece.text async for piece in made.author.write(wanted("b", max_tokens=1))]
            assert found == ["c"]
            ends = [row["end"] for row in await logged(made, "written")]
            assert sorted(ends) == ["cancelled", "length"]

    run(test)


def test_a_deadline_is_kept_and_a_text_that_is_none_refused(tmp_path):
    async def test():
        async with writing(tmp_path) as made:
            pieces = made.author.write(wanted("a"), deadline_s=1e-9)
            with pytest.raises(Refusal, match="The deadline passed after 0 tokens") as caught:
                await anext(pieces)
            assert caught.value.status == 504

    run(test)


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    from basestone.serving.app import build_app

    folder = tmp_path_factory.mktemp("alphabet")

    async def make():
        return service(folder, writes=True)

    with testclient.TestClient(build_app(make, Access(keys=None)), base_url="http://127.0.0.1") as client:
        deadline = time.monotonic() + 30
        while client.get("/v2/health/ready").status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield client


def events(answer):
    assert answer.headers["content-type"].startswith("text/event-stream")
    return [json.loads(line.removeprefix("data: ")) for line in answer.text.split("\n\n") if line]


def test_a_text_at_once_and_the_same_as_events(client):
    body = {"id": "r", "text_input": "a", "parameters": {"max_tokens": 3, "seed": 1, "details": True}}
    whole = client.post("/v2/models/tiny/generate", json=body).json()
    assert whole["text_output"] == "bcd" and (whole["model_name"], whole["model_version"]) == ("tiny", "1")
    assert whole["details"]["finish_reason"] == "length" and whole["parameters"] == {"proven": True}
    assert whole["details"]["logprobs"] == [{"id": ord(one), "text": one, "logprob": -1.5} for one in "bcd"]
    found = events(client.post("/v2/models/tiny/versions/1/generate_stream", json=body))
    assert [one["text_output"] for one in found] == ["b", "c", "d"]
    assert [one["done"] for one in found] == [False, False, True]
    assert found[-1]["details"]["finish_reason"] == "length" and found[-1]["id"] == "r"


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("generate", {"text_input": 3}, 400, "'text_input' must be text."),
        ("generate", {"text_input": ""}, 400, "'text_input' must be a text, and is empty."),
        ("generate_stream", {"text_input": "a", "parameters": {"n": 2}}, 400, "There is no parameter 'n'."),
        (
            "infer",
            {"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": [1]}]},
            400,
            "Ask its /generate.",
        ),
        ("versions/9/generate", {"text_input": "a"}, 404, "There is no model 'tiny version 9'."),
    ],
)
def test_refusals_have_a_status_of_their_own_even_before_a_stream(client, path, body, status, message):
    answer = client.post(f"/v2/models/tiny/{path}", json=body)
    assert answer.status_code == status and message in answer.json()["error"]


def test_metadata_and_metrics_tell_of_texts(client):
    told = client.get("/v2/models/tiny").json()
    assert told["inputs"] == [{"name": "text_input", "datatype": "BYTES", "shape": [1]}]
    assert told["outputs"] == [{"name": "text_output", "datatype": "BYTES", "shape": [1]}]
    client.post("/v2/models/tiny/generate", json={"text_input": "a", "parameters": {"max_tokens": 2}})
    assert "basestone_tokens_total" in client.get("/metrics").text
    assert "generate" in client.get("/v2").json()["extensions"]
