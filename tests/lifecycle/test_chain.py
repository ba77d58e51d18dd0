"""Tasks in a chain: data of a stage's own, what a task gains from the one before, and what the earlier one loses."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from basestone.core.artifact import read_json
from basestone.core.errors import UsageError
from basestone.core.evidence import read_records
from basestone.lifecycle.restore import restore, restore_over
from basestone.lifecycle.run import run
from basestone.lifecycle.verify import verify
from basestone.recipe.check import check

SHORT = "{max_steps: 30, batch_size: 50, optimizer: {kind: adamw, lr: 0.01}, schedule: {kind: one_cycle}}"
CHAIN = f"""
schema_version: 1
name: chain
task: image_classification
data: {{source: {{kind: sklearn_digits}}}}
stages:
  low:
    kind: pretrain
    data: {{source: {{kind: sklearn_digits}}, classes: {{even: ["0", "2", "4"], odd: ["1", "3"]}}}}
    model: {{kind: small_cnn, widths: [8, 16]}}
    fit: {SHORT}
  high:
    kind: adapt
    data: {{source: {{kind: sklearn_digits}}, classes: {{five: ["5"], six: ["6"]}}, limit: {{train: 60}}}}
    methods: [{{kind: probe}}]
    fit: {SHORT}
  all:
    kind: adapt
    methods: [{{kind: scratch}}, {{kind: full}}]
    fit: {SHORT}
  audit:
    subject: high
    samples: {{corruptions: 40, latency_runs: 299}}
    declare: {{GEN-1: 0.6}}
  report: {{}}
"""


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chain")
    (folder / "chain.yaml").write_text(CHAIN)
    return run(folder / "chain.yaml", out=folder / "run")


def earlier(chain, stage):
    return {row["stage"]: row for row in read_json(chain.folder.stage(stage) / "comparison.json")["earlier"]}


def test_every_stage_reads_its_own_data_and_an_audit_those_of_its_model(chain):
    assert restore(chain.folder, "low")[1].class_names == ("even", "odd")
    assert restore(chain.folder, "high")[1].class_names == ("five", "six")
    assert restore(chain.folder, "all")[1].num_classes == 10
    card = read_json(chain.folder.stage("high.data") / "card.json")
    assert card["splits"]["train"] | {"sha256": 0} == {
        "count": 60,
        "classes": {"five": 30, "six": 30},
        "groups": {},
        "sha256": 0,
    }
    assert set(chain.stages["audit"].parents) == {"high.data", "high"}
    judged = chain.folder.measurements("audit")["accuracy"]
    assert judged["n"] == card["splits"]["test"]["count"]
    assert all(finding.ok for finding in verify(chain.folder.path))


def test_a_probe_forgets_nothing_and_a_full_training_is_measured(chain):
    kept = earlier(chain, "high")["low"]
    assert (kept["difference"], kept["before"]) == (0.0, kept["after"]) and kept["before"] > 0.8
    rows = earlier(chain, "all")
    assert list(rows) == ["high", "low"]
    for stage, row in rows.items():
        table = read_records(chain.folder.stage("all") / f"earlier-{stage}.parquet")
        held, used = (
            read_records(chain.folder.stage(name) / "samples.parquet") for name in (f"{stage}.data", "prepare")
        )
        trained = set(used["sha256"][used["split"] != "test"].tolist())
        tested = held["sha256"][held["split"] == "test"]
        unseen = [place for place, digest in enumerate(tested.tolist()) if digest not in trained]
        assert table["index"].tolist() == unseen and row["n"] == len(table["before"]) == len(unseen)
        assert row["difference"] == pytest.approx(np.mean(table["after"]) - np.mean(table["before"]))
        assert row["lower"] <= row["difference"] <= row["upper"]
    assert rows["low"]["upper"] < 0, "ten classes at a high rate cannot leave the old features alone"


def test_a_training_from_scratch_is_a_yardstick_and_is_not_shipped(chain):
    compared = read_json(chain.folder.stage("all") / "comparison.json")
    assert chain.stages["all"].facts["method"] == "full"
    scratch, full = compared["trials"]
    assert scratch["proof"]["trainable"] == full["proof"]["trainable"]
    assert compared["methods"]["scratch"]["difference"]["value"] == 0.0
    assert scratch["steps"] == full["steps"] == 30


def test_adaptations_share_one_base(chain):
    base, _ = restore(chain.folder, "low")
    images = torch.randn(5, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        before = base(images)
        over, alone = restore_over(base, chain.folder, "high"), restore(chain.folder, "high")[0]
        torch.testing.assert_close(over(images), alone(images), rtol=1e-5, atol=1e-5)
        assert torch.equal(base(images), before), "its own head is not the other's"
    shared = {weight.data_ptr() for weight in base.parameters()} & {weight.data_ptr() for weight in over.parameters()}
    assert len(shared) == len(list(base.parameters())) - 2, "all but the head's weight and bias"
    with pytest.raises(UsageError, match="'full' trained all of it"):
        restore_over(base, chain.folder, "all")


def test_the_report_shows_the_chain(chain, tmp_path):
    again = run(chain.folder.path, overrides=["stages.audit.subject=all"])
    page = again.report.read_text()
    assert "A chain of tasks" in page and "任务链" in page
    assert "low after all" in page and "all, against training from scratch" in page
    learned = {event.get("trial") for event in again.folder.read_events() if event.get("stage") == "all"}
    assert {"scratch-0", "full-0"} <= learned


def test_a_stage_may_read_with_the_recipes_tokenizer(tmp_path):
    rows = [{"text": f"{word} {number}", "label": label} for number in range(60) for word, label in WORDS]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "b.txt").write_text(
        "\n\n".join(f"a {word} is near the {number} gate" for number in range(80) for word, _ in WORDS)
    )
    (tmp_path / "two.yaml").write_text(TWO_TEXTS.format(folder=tmp_path))
    made = run(tmp_path / "two.yaml", out=tmp_path / "run")
    first, own = (read_json(made.folder.stage(name) / "card.json") for name in ("prepare", "read.data"))
    assert first["spec"]["vocab_size"] == own["spec"]["vocab_size"]
    assert own["spec"]["class_names"] == [] and len(first["spec"]["class_names"]) == 2
    tokenizers = [(made.folder.stage(name) / "tokenizer.json").read_bytes() for name in ("prepare", "read.data")]
    assert tokenizers[0] == tokenizers[1]
    assert made.stages["tell"].facts["method"] == "full"
    (fault,) = check(tmp_path / "two.yaml", ["data.tokenizer={kind: shared}"])
    assert "'shared' is for data of a stage's own" in fault.message


WORDS = [("red apple", "food"), ("green pear", "food"), ("steel beam", "metal"), ("iron rod", "metal")]
TWO_TEXTS = """
schema_version: 1
name: two
task: text_classification
data:
  source: {{kind: jsonl, files: {{train: {folder}/a.jsonl}}, label: label}}
  tokenizer: {{kind: wordpiece, vocab_size: 300}}
  max_length: 12
stages:
  read:
    kind: pretrain
    data:
      source: {{kind: text, files: {{train: {folder}/b.txt}}, document: paragraph}}
      tokenizer: {{kind: shared}}
      max_length: 12
    model: {{kind: bert, layers: 1, width: 16, heads: 2, drop_rate: 0.0}}
    objective: {{kind: masked_lm}}
    fit: {{max_steps: 5, batch_size: 16, optimizer: {{kind: adamw, lr: 0.01}}, schedule: {{kind: one_cycle}}}}
  tell:
    kind: adapt
    fit: {{max_steps: 5, batch_size: 16, optimizer: {{kind: adamw, lr: 0.01}}, schedule: {{kind: one_cycle}}}}
"""


@pytest.mark.parametrize(
    ("override", "path", "words"),
    [
        ('stages.low.data.classes={"a": ["0"], "b": ["0"]}', None, None),
        ("stages.low.data.source.kind=nowhere", "stages.low.data.source.kind", "unknown kind 'nowhere'"),
        ("stages.high.data.limit.train=0", "stages.high.data.limit.train", "greater than 0"),
    ],
)
def test_what_is_said_of_a_stages_data_is_checked(override, path, words, tmp_path):
    (tmp_path / "chain.yaml").write_text(CHAIN)
    faults = check(tmp_path / "chain.yaml", [override])
    if path is None:
        assert not faults  # only the data can tell
    else:
        assert any(fault.path.startswith(path) and words in fault.message for fault in faults), faults


def test_a_stage_may_not_take_the_name_of_prepared_data(tmp_path):
    (tmp_path / "chain.yaml").write_text(CHAIN.replace("  high:\n", "  low.data:\n"))
    assert any("folder of prepared data" in fault.message for fault in check(tmp_path / "chain.yaml"))
