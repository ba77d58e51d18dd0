from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3

from basestone.core.chain import chain_faults
from basestone.serving import journal as module
from basestone.serving.journal import Journal
from basestone.serving.review import Answer, Doubtful, ReviewQueue


def ticket(name):
    told = {"request": "r", "digest": "d", "media": "text/plain", "input": b"x", "prediction": "cat"}
    return Doubtful(id=name, confidence=0.5, reasons=("foreign",), **told)


@contextlib.contextmanager
def writing(tmp_path, sign=None):
    made = Journal(lambda: ReviewQueue(tmp_path / "review.db", ("cat",)), tmp_path / "anchors.jsonl", sign)
    try:
        yield made
    finally:
        made.close()


def test_answers_that_are_ready_together_share_a_transaction_and_keep_their_order(tmp_path):
    begun = []

    async def test(journal):
        journal.queue.log.db.set_trace_callback(lambda text: begun.append(text) if text.startswith("BEGIN") else None)
        await asyncio.gather(*(journal.file(Answer(told={"number": n})) for n in range(20)))
        await journal.file(Answer(told={"number": 20}, tickets=[ticket("t")]))
        rows = await journal(lambda queue: list(queue.log.rows()))
        assert [row.content.get("number") for row in rows] == [*range(21), None]
        assert chain_faults(rows) == [] and rows[-1].kind == "ticket"

    with writing(tmp_path) as journal:
        asyncio.run(test(journal))
    assert len(begun) == 2


def test_an_answer_is_on_file_for_other_processes_before_it_is_told(tmp_path):
    async def test(journal):
        await journal.file(Answer(told={"number": 1}))
        with contextlib.closing(sqlite3.connect(tmp_path / "review.db")) as other:
            assert other.execute("SELECT count(*) FROM log").fetchone() == (1,)

    with writing(tmp_path) as journal:
        asyncio.run(test(journal))


def test_what_cannot_be_written_is_told_to_all_of_its_transaction_and_nothing_of_it_stays(tmp_path):
    async def test(journal):
        await journal.file(Answer(told={}, tickets=[ticket("one")]))
        asked = [journal.file(Answer(told={}, tickets=[ticket(name)])) for name in ("two", "one")]
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(one, sqlite3.IntegrityError) for one in found)
        await journal.file(Answer(told={}, tickets=[ticket("three")]))
        assert [case.ticket.id for case in await journal(lambda queue: queue.cases())] == ["one", "three"]
        assert await journal(lambda queue: queue.faults()) == []

    with writing(tmp_path) as journal:
        asyncio.run(test(journal))


def test_who_gives_up_leaves_the_others_their_answer(tmp_path):
    async def test(journal):
        asked = [asyncio.ensure_future(journal.file(Answer(told={"number": n}))) for n in range(3)]
        await asyncio.sleep(0)
        asked[1].cancel()
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert found[0] is found[2] is None and isinstance(found[1], asyncio.CancelledError)
        rows = await journal(lambda queue: list(queue.log.rows()))
        assert len(rows) == 3

    with writing(tmp_path) as journal:
        asyncio.run(test(journal))


def test_heads_are_signed_at_the_start_now_and_then_and_at_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ANCHOR_EVERY", 10)

    async def test(journal):
        for number in range(25):
            await journal.file(Answer(told={"number": number}))

    with writing(tmp_path, sign=lambda head: head) as journal:
        asyncio.run(test(journal))
    heads = [json.loads(line)["seq"] for line in (tmp_path / "anchors.jsonl").read_text().splitlines()]
    assert heads == [1, 11, 21, 25]
