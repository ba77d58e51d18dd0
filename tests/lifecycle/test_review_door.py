"""What the door of the review queue adds to the queue: the next case, the last decisions, an export beside the log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from basestone.core.artifact import Manifest, write_json
from basestone.core.errors import UsageError
from basestone.lifecycle.review import decided, export_beside, next_case, one_case, picture_of, queue_of
from basestone.serving.review import Answer, Doubtful, ReviewQueue


@pytest.fixture
def served(tmp_path: Path) -> Path:
    """A run that was served and left three texts to people."""
    stage = tmp_path / "stages" / "pretrain"
    write_json(stage / "model.json", {"spec": {"class_names": ["cat", "dog"]}})
    Manifest(stage="pretrain", kind="pretrain", inputs="x", parents={}, files={}, wall_s=1.0, version="0").write(stage)
    queue = ReviewQueue(tmp_path / "serving" / "review.db", ("cat", "dog"))
    told = {"request": "r", "digest": "d" * 64, "prediction": "cat", "confidence": 0.5, "reasons": ("foreign",)}
    tickets = [Doubtful(id=name, media="text/plain", input=name.encode(), **told) for name in ("one", "two", "three")]
    queue.file([Answer(told={"request": "r", "samples": []}, tickets=tickets)])
    queue.close()
    return tmp_path


def decide(run: Path, ticket: str, reviewer: str, label: str) -> None:
    with queue_of(run) as queue:
        queue.decide(ticket, reviewer, label)


def names(found) -> tuple[str | None, int]:
    case, left = found
    return case and case.ticket.id, left


def test_the_next_case_is_the_oldest_that_is_neither_decided_nor_skipped(served):
    assert names(next_case(served, "ann")) == ("one", 3)
    assert names(next_case(served, "ann", ["one", "two"])) == ("three", 3)
    assert names(next_case(served, "ann", ["two", "three", "one"])) == ("two", 3), "all skipped: the first of them"
    decide(served, "one", "ann", "cat")
    assert names(next_case(served, "ann")) == ("two", 2) and names(next_case(served, "bob")) == ("one", 3)
    decide(served, "one", "bob", "cat")
    for ticket in ("two", "three"):
        decide(served, ticket, "ann", "dog")
    assert names(next_case(served, "ann")) == (None, 0)


def test_others_labels_are_hidden_until_a_case_is_settled(served):
    decide(served, "one", "ann", "cat")
    decide(served, "two", "ann", "dog")
    decide(served, "two", "bob", "dog")
    shown = {name: [(one["ticket"], one["label"]) for one in decided(served, name)] for name in ("ann", "bob")}
    assert shown["ann"] == [("two", "dog"), ("two", "dog"), ("one", "cat")]
    assert shown["bob"] == [("two", "dog"), ("two", "dog"), ("one", None)]
    with queue_of(served) as queue:
        hashes = {row.seq: row.hash for row in queue.log.rows("decision")}
    assert all(hashes[one["seq"]] == one["hash"] for one in decided(served, "bob"))
    assert len(decided(served, "ann", last=1)) == 1


def test_an_export_lies_beside_the_log_once_for_each_decision(served):
    with pytest.raises(UsageError, match="at least one case on which two people agreed"):
        export_beside(served)
    for who in ("ann", "bob"):
        decide(served, "two", who, "dog")
    out = export_beside(served)
    assert out.parent == served / "serving" / "exports" and export_beside(served) == out
    assert [json.loads(line) for line in (out / "train.jsonl").read_text().splitlines()] == [
        {"text": "two", "label": "dog"}
    ]
    tasks = json.loads(export_beside(served, "label-studio").read_text())
    assert [task["data"]["ticket"] for task in tasks] == ["one", "two", "three"]
    for who in ("ann", "bob"):
        decide(served, "one", who, "cat")
    assert export_beside(served) != out


def test_a_text_has_no_picture(served):
    with pytest.raises(UsageError, match="this case is text/plain"):
        picture_of(one_case(served, "one"))
