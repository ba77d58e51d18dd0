"""A language model served: what it writes over the network is what it writes here, token by token."""

from __future__ import annotations

import json

import pytest
from serving_process import server

from basestone.core.errors import UsageError
from basestone.data.single import one_prompt, read_tokenizer
from basestone.lifecycle.dictated import chooser
from basestone.lifecycle.restore import restore
from basestone.lifecycle.review import queue_of
from basestone.lifecycle.run import run
from basestone.models.generate import generate, greedy

httpx = pytest.importorskip("httpx")
LANGUAGE = """
schema_version: 1
name: topics
task: language_modelling
data:
  source: {kind: pydoc_topics}
  tokenizer: {kind: byte_bpe, vocab_size: 300}
  max_length: 32
  split: {validation: 0.1, test: 0.5}
stages:
  pretrain:
    model: {kind: recurrent, width: 32, drop_rate: 0.0}
    objective: {kind: causal_lm}
    fit: {max_steps: 40, batch_size: 32, optimizer: {kind: adamw, lr: 0.01}, schedule: {kind: one_cycle}}
"""
PROMPT = "The import statement"


@pytest.fixture(scope="module")
def language(tmp_path_factory):
    folder = tmp_path_factory.mktemp("language")
    (folder / "topics.yaml").write_text(LANGUAGE)
    return run(folder / "topics.yaml", out=folder / "run").folder


@pytest.fixture(scope="module")
def served(language, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served") / "state"
    with server(language.path, folder) as notice, httpx.Client(base_url=notice["url"], timeout=30) as client:
        yield folder, client


def written(language, count, choose):
    """What the restored model writes after the prompt."""
    model, spec = restore(language, "pretrain")
    tokenizer = read_tokenizer(language.stage("prepare"))
    prompt = one_prompt(PROMPT, tokenizer)
    return tokenizer.decode(generate(model, prompt, count, choose, window=spec.max_length), skip_special_tokens=True)


def asked(**parameters):
    return {"text_input": PROMPT, "parameters": parameters}


def events(lines):
    return [json.loads(line.removeprefix("data: ")) for line in lines if line]


@pytest.mark.parametrize(
    ("parameters", "choose"),
    [
        ({"temperature": 0}, greedy),
        ({"temperature": 0.8, "top_k": 50, "seed": 7}, chooser(temperature=0.8, top_k=50, top_p=1.0, seed=7)),
    ],
)
def test_a_text_is_what_the_model_writes_here(served, language, parameters, choose):
    _, client = served
    answer = client.post("/v2/models/topics/generate", json=asked(max_tokens=60, details=True, **parameters)).json()
    assert answer["text_output"] == written(language, 60, choose)
    assert answer["details"]["finish_reason"] == "length" and answer["details"]["tokens"] == 60
    assert all(one["logprob"] < 0 for one in answer["details"]["logprobs"])


def test_events_carry_the_same_text_and_the_log_has_it(served, language):
    folder, client = served
    body = asked(max_tokens=40, temperature=0) | {"id": "streamed"}
    with client.stream("POST", "/v2/models/topics/generate_stream", json=body) as answer:
        found = events(answer.iter_lines())
    assert len(found) == 40 and [one["done"] for one in found] == [False] * 39 + [True]
    text = "".join(one["text_output"] for one in found)
    assert text == written(language, 40, greedy) and found[-1]["parameters"]["proven"] is False
    with queue_of(language.path, folder) as queue:
        rows = [row.content for row in queue.log.rows("written")]
        assert next(row["text"] for row in rows if row["request"] == "streamed") == text
        assert queue.faults() == []


def test_a_caller_who_hangs_up_ends_his_text(served, language):
    folder, client = served
    body = asked(max_tokens=512, temperature=0) | {"id": "left"}
    with client.stream("POST", "/v2/models/topics/generate_stream", json=body) as answer:
        next(answer.iter_lines())
    whole = client.post("/v2/models/topics/generate", json=asked(max_tokens=3, temperature=0)).json()
    assert whole["text_output"] == written(language, 3, greedy)
    for _ in range(100):
        with queue_of(language.path, folder) as queue:
            rows = {row.content["request"]: row.content for row in queue.log.rows("written")}
        if "left" in rows:
            break
    assert rows["left"]["end"] == "cancelled"


def test_what_writes_answers_no_classes_and_is_not_drilled(served, language):
    from basestone.lifecycle.drill import drill

    _, client = served
    answer = client.post(
        "/v2/models/topics/infer", json={"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["a"]}]}
    )
    assert answer.status_code == 400 and "topics writes and answers no classes" in answer.json()["error"]
    with pytest.raises(UsageError, match="What is drilled must answer classes"):
        drill(language.path)
