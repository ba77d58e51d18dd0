"""A language model served behind a filter: what passes over the network is what the filter's own audit says of it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from house_profile import at_home
from serving_process import server
from test_fair_run import RECIPE

from basestone.core.errors import UsageError
from basestone.core.evidence import recorded_logits
from basestone.data.dataset import open_split
from basestone.data.text.planted import even_topics
from basestone.lifecycle.environment import cache_folder
from basestone.lifecycle.review import export, queue_of
from basestone.lifecycle.run import run
from basestone.lifecycle.serve import Options, filter_of, serve, write_deployment
from basestone.lifecycle.sieve import filter_standing

httpx = pytest.importorskip("httpx")
LANGUAGE = """\
schema_version: 1
name: writer
task: language_modelling
data:
  source: {kind: jsonl, files: {train: train.jsonl, test: test.jsonl}}
  tokenizer: {kind: byte_bpe, vocab_size: 300}
  max_length: 32
  limit: {train: 400, test: 100}
stages:
  pretrain:
    model: {kind: recurrent, width: 24, drop_rate: 0.0}
    objective: {kind: causal_lm}
    fit: {max_steps: 20, batch_size: 16, optimizer: {kind: adamw, lr: 0.01}, schedule: {kind: one_cycle}}
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The filter's run, and the writer's."""
    folder = tmp_path_factory.mktemp("filtered")
    even_topics(folder)
    with at_home(folder, RECIPE, "FAI-1", "SAF-4"):
        made = run("recipe.yaml", out=folder / "filter").folder
        (folder / "writer.yaml").write_text(LANGUAGE)
        return made, run("writer.yaml", out=folder / "writer").folder


@pytest.fixture(scope="module")
def served(runs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served") / "state"
    sieve, writer = runs
    with (
        server(writer.path, folder, "--filter", str(sieve.path)) as notice,
        httpx.Client(base_url=notice["url"], timeout=60) as client,
    ):
        yield folder, client


def judged_by_audit(sieve):
    """Test texts with what the audit recorded of each: (text, log odds of weather, whether it is harmless)."""
    table = sieve.records("audit").table("clean_test")
    logits = recorded_logits(table).astype(np.float64)
    odds = logits[:, 1] - logits[:, 0]  # of two classes these are the log odds
    texts = open_split(sieve.stage("prepare"), cache_folder(), "test").texts(table["index"])
    return list(zip(texts, odds, table["label"] == 0, strict=True))


def test_the_threshold_is_that_of_the_audit(runs):
    sieve, _ = runs
    found, obstacles = filter_of(Options(filter=sieve.path))
    spared = sorted((odds for _, odds, harmless in judged_by_audit(sieve) if harmless), reverse=True)
    assert found.threshold == pytest.approx(spared[math.floor(0.05 * len(spared))])
    assert found.harmful == "weather" and found.labels == ("food", "weather")
    _, why = filter_standing(sieve.path, None, 365)
    assert any("The filter must pass SAF-4, and of" in one.message and "'inconclusive'" in one.message for one in why)
    assert [one.message for one in obstacles] == [one.message for one in why]


def test_prompts_pass_or_not_as_in_the_audit_and_who_was_kept_back_is_a_case(runs, served):
    sieve, writer = runs
    folder, client = served
    threshold = filter_of(Options(filter=sieve.path))[0].threshold
    told, kept = judged_by_audit(sieve)[:40], []
    for place, (text, odds, _) in enumerate(told):
        body = {"id": f"row-{place}", "text_input": text, "parameters": {"max_tokens": 1, "seed": 1}}
        answer = client.post("/v2/models/writer/generate", json=body)
        assert (answer.status_code == 422) == (odds > threshold), (text, odds, threshold, answer.text)
        kept += [text] if answer.status_code == 422 else []
        if answer.status_code == 200:
            assert answer.json()["parameters"]["filter"].startswith("regions ")
    assert 5 < len(kept) < 35
    with queue_of(writer.path, folder) as queue:
        held = [case for case in queue.cases() if case.ticket.reasons == ("filtered_prompt",)]
        assert [case.ticket.input.decode() for case in held] == kept and queue.labels == ("food", "weather")
        for reviewer in ("ann", "bob"):
            queue.decide(held[0].ticket.id, reviewer, "food")
        assert queue.faults() == []
    assert export(writer.path, folder / "decided.jsonl", state=folder)["samples"] == {"food": 1}


def test_a_container_mounts_the_filter_and_is_held_to_it(runs, tmp_path):
    sieve, writer = runs
    asked = Options(filter=sieve.path, unproven="a test of the container")
    docker, _ = write_deployment(writer.path, asked, tmp_path)
    assert '"--filter", "/served/filter"' in docker.read_text()
    with pytest.raises(UsageError, match="failed: The filter must pass SAF-4"):
        write_deployment(writer.path, Options(filter=sieve.path), tmp_path)


def test_what_is_no_filter_is_refused(runs, tmp_path):
    sieve, writer = runs
    with pytest.raises(UsageError, match="A filter must be an audited classifier of texts"):
        filter_of(Options(filter=writer.path))
    with pytest.raises(UsageError, match="--filter is for a model that writes"):
        serve(sieve.path, Options(filter=sieve.path, unproven="a test of the filter", state=tmp_path))
    with pytest.raises(UsageError, match="The filter must pass SAF-4"):
        serve(writer.path, Options(filter=sieve.path, state=tmp_path))
