from __future__ import annotations

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest

from basestone.serving import watch as watching
from basestone.serving.drift import Monitor
from basestone.serving.journal import Journal
from basestone.serving.review import ReviewQueue
from basestone.serving.watch import Watch, keep_watch, read_finding

LABELS = ("cat", "dog")
SUBJECT = {"digest": "ab" * 32, "audit": "cd" * 32}


def made() -> Watch:
    rng = np.random.default_rng(0)
    monitor = Monitor(rng.normal(size=300), rng.integers(0, 2, 300).tolist(), LABELS)
    return Watch(monitor=monitor, subject=SUBJECT, clauses=("GEN-1", "ROB-1"))


def answer(rng: np.random.Generator, shift: float) -> dict:
    energy, label = float(shift + rng.normal()), str(rng.choice(LABELS))
    return {"request": "r", "samples": [{"digest": rng.bytes(32).hex(), "energy": energy, "prediction": label}]}


@pytest.fixture
def queue(tmp_path: Path):
    opened = ReviewQueue(tmp_path / "review.db", LABELS)
    yield opened
    opened.close()


def test_only_answers_of_this_model_and_audit_count(queue: ReviewQueue) -> None:
    rng, watch = np.random.default_rng(1), made()
    lives = (({**SUBJECT, "audit": "ef" * 32}, 5.0), (SUBJECT, 0.0), ({"digest": SUBJECT["digest"]}, 5.0))
    for started, shift in lives:
        queue.log.append("started", started)
        for _ in range(20):
            queue.log.append("answer", answer(rng, shift), durable=False)
    watch.read(queue.log.rows())
    assert watch.monitor.samples == 20 and watch.finding is None
    queue.log.append("started", SUBJECT)
    for _ in range(30):
        queue.log.append("answer", answer(rng, 5.0), durable=False)
    watch.read(queue.log.rows(after=watch.seen))
    assert watch.finding is not None and 20 < watch.finding["samples"] < 50
    assert watch.finding["clauses"] == ["GEN-1", "ROB-1"] and watch.finding["score"] == "energy"


def test_a_finding_is_written_once_told_and_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "LOOK_S", 0.01)
    monkeypatch.setattr(watching, "AT_ONCE", 16)
    log, shown = tmp_path / "review.db", tmp_path / "drift.json"
    rng = np.random.default_rng(2)

    async def served(shift: float, count: int) -> list[dict]:
        """One life of a service with so many answers; what it was told."""
        told: list[dict] = []
        journal = Journal(lambda: ReviewQueue(log, LABELS), tmp_path / "anchors.jsonl", None)
        await journal(lambda queue: queue.log.append("started", SUBJECT))
        duty = asyncio.create_task(keep_watch(journal, made(), shown, lambda one: told.append(dict(one))))
        for _ in range(count):
            await journal(lambda queue: queue.log.append("answer", answer(rng, shift), durable=False))
        await journal(lambda queue: queue.log.append("mark", {}))
        await asyncio.sleep(0.3)
        assert not duty.done(), duty.exception()
        duty.cancel()
        await asyncio.gather(duty, return_exceptions=True)
        journal.close()
        return told

    assert asyncio.run(served(0.0, 40)) == []
    assert read_finding(log, SUBJECT) is None and json.loads(shown.read_text())["samples"] == 40
    assert [one["score"] for one in asyncio.run(served(3.0, 60))] == ["energy"]
    assert len(asyncio.run(served(0.0, 1))) == 1  # told in each life, as each answer must say it
    found = read_finding(log, SUBJECT)
    assert found is not None and found["samples"] > 40
    assert json.loads(shown.read_text())["finding"] == found
    queue = ReviewQueue(log, LABELS, read_only=True)
    assert len([*queue.log.rows("reopened")]) == 1 and queue.faults() == []
    queue.close()
    assert read_finding(log, {**SUBJECT, "audit": "0" * 64}) is None


def test_without_a_log_there_is_no_finding(tmp_path: Path) -> None:
    assert read_finding(tmp_path / "review.db", SUBJECT) is None
