"""Personal data and canaries through the corridor: what is found, what is judged, and that no item is written down."""

from __future__ import annotations

import json

import numpy as np
import pytest

from basestone.core.errors import RecipeError
from basestone.core.evidence import Records
from basestone.lifecycle.check import load_checked
from basestone.lifecycle.run import run
from basestone.lifecycle.verify import verify

PROFILE = """
id: personal
standard: foundation-1
title: {en: Personal data, zh: 个人信息}
text: {en: What a language model tells of people., zh: 语言模型透露的个人信息。}
tasks: ["*"]
clauses: {PRV-3: {}, PRV-4: {}, DAT-1: {}}
"""
RECIPE = """
schema_version: 1
name: told
task: language_modelling
data:
  source: {{kind: jsonl, files: {{train: {folder}/train.jsonl}}}}
  tokenizer: {{kind: byte_bpe, vocab_size: 320}}
  max_length: 64
  groups: [site]
  canaries: {{count: 12}}
stages:
  pretrain:
    model: {{kind: recurrent, cell: gru, width: 48, drop_rate: 0.0}}
    objective: {{kind: causal_lm}}
    fit: {{max_steps: 350, batch_size: 16, optimizer: {{kind: adamw, lr: 0.02}}, schedule: {{kind: one_cycle}}}}
  audit:
    profile: {folder}/personal.yaml
    privacy: {{extraction: 50, outputs: 200, corpus: {{source: site}}}}
  report: {{}}
"""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    folder = tmp_path_factory.mktemp("told")
    draws = np.random.default_rng(0)
    rows = [
        {"text": f"write to box{draws.integers(100)}@mail.example on day {number}", "site": "forum"}
        if number % 4 == 0
        else {"text": f"the sea was calm on day {number} and nobody wrote", "site": "log"}
        for number in range(400)
    ]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "personal.yaml").write_text(PROFILE)
    (folder / "told.yaml").write_text(RECIPE.format(folder=folder))
    return folder / "told.yaml"


@pytest.fixture(scope="module")
def told(recipe, tmp_path_factory):
    return run(recipe, out=tmp_path_factory.mktemp("run") / "run")


def clause(made, name):
    return next(row for row in made.verdicts["verdicts"] if row["clause"] == name)


def test_the_corpus_is_read_whole_and_its_bad_source_named(told):
    table = Records(told.folder.stage("audit")).table("corpus")
    assert len(table["index"]) == table["population"][0] == told.stages["prepare"].facts["counts"]["train"]
    assert ((table["found"] > 0) == (table["source"] == "forum")).all()
    assert set(table["kinds"][table["found"] > 0]) == {"email"} and table["document"][0].startswith("train.jsonl row ")
    source = told.folder.measurements("audit")["corpus_worst_source"]
    assert source["detail"]["worst"] == "forum" and source["interval"]["lower"] > 0.8
    assert clause(told, "DAT-1")["verdict"] == "fail"


def test_the_model_writes_what_it_learnt(told):
    table = Records(told.folder.stage("audit")).table("outputs")
    assert len(table["found"]) == 200 and table["found"].sum() >= 20 and table["known"].sum() > 0
    assert clause(told, "PRV-4")["verdict"] == "fail"


def test_canaries_are_ranked(told):
    table = Records(told.folder.stage("audit")).table("exposure")
    assert len(table["rank"]) == 12 and (table["rivals"] == 299).all() and np.isfinite(table["nats"]).all()
    by_name = {row["criterion"]: row for row in clause(told, "PRV-3")["criteria"]}
    assert by_name["exposed"]["n"] == 12 and by_name["exposed"]["value"] == (table["rank"] <= 3).mean()


def test_no_item_is_written_down_and_the_report_shows_finds_veiled(told):
    audit, page = told.folder.stage("audit"), told.report.read_text()
    for record in ("corpus", "outputs"):
        excerpts = Records(audit).table(record)["excerpt"]
        assert not any("@" in text or any(map(str.isdigit, text)) for text in excerpts) and any(excerpts)
    section = page.partition('id="personal"')[2].partition("</section>")[0]
    assert "write to ⟨email⟩ on day #" in section and "电子邮箱" in section and "mail.example" not in section


def test_the_verdicts_follow_from_the_records_alone(told):
    assert all(finding.ok for finding in verify(told.folder.path))


def test_sensitive_data_leave_no_excerpt(recipe, tmp_path):
    changes = ["data.sensitive=true", "stages.pretrain.fit.max_steps=5", "stages.audit.privacy.outputs=20"]
    made = run(recipe, overrides=changes, out=tmp_path / "run", until="audit")
    table = Records(made.folder.stage("audit")).table("corpus")
    assert table["found"].sum() > 0 and set(table["excerpt"]) == {""}


def test_a_source_that_is_no_column_is_a_failed_measurement_with_its_reason(recipe, tmp_path):
    changes = ["stages.audit.privacy.corpus.source=sites", "stages.pretrain.fit.max_steps=5"]
    made = run(recipe, overrides=changes, out=tmp_path / "run", until="audit")
    row = clause(made, "DAT-1")
    assert (
        row["verdict"] == "error"
        and "must be a column of data.groups; got 'sites'. Did you mean 'site'?" in row["reason"]
    )


def test_a_margin_wider_than_the_standard_allows_is_refused(recipe):
    with pytest.raises(RecipeError, match=r"corpus.margin"):
        load_checked(recipe, ["stages.audit.privacy.corpus.margin=0.05"])
