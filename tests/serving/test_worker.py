from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys

import numpy as np
import pytest
import tiny_server
from hypothesis import given
from hypothesis import strategies as st

from basestone.serving.frames import packed, taken
from basestone.serving.nursery import Nursery
from basestone.serving.worker import Worker, WorkerLost


@contextlib.asynccontextmanager
async def working(tmp_path, writes=False):
    nursery = Nursery([sys.executable, tiny_server.__file__], {"writes": writes}, tmp_path / "worker.log")
    worker = Worker(nursery)
    try:
        await worker.start()
        yield worker
    finally:
        await worker.halt()
        nursery.close()


def run(test):
    asyncio.run(asyncio.wait_for(test(), 60))


@given(st.lists(st.integers(0, 40), max_size=4), st.integers(1, 9))
def test_frames_come_whole_however_they_are_cut(sizes, step):
    frames = [({"n": n}, np.arange(n, dtype=np.int64)) for n in sizes] + [({"plain": True}, None)]
    sent, held, found = b"".join(packed(*frame) for frame in frames), bytearray(), []
    for place in range(0, len(sent), step):
        held += sent[place : place + step]
        while (frame := taken(held)) is not None:
            found.append(frame)
    assert [one[0].get("n") for one in found] == [*sizes, None] and not held
    for (_, array), (_, expected) in zip(found, frames, strict=True):
        np.testing.assert_array_equal(array, expected)


def test_questions_are_answered_in_order_and_giving_up_disturbs_nobody(tmp_path):
    async def test():
        async with working(tmp_path) as worker:
            assert worker.described == {"runtime": "numpy", "torch": False}
            batches = [np.full((n, 1, 2, 2), 10 * n, np.uint8) for n in (1, 2, 3, 4)]
            asked = [asyncio.ensure_future(worker.predict(batch)) for batch in batches]
            await asyncio.sleep(0)
            asked[1].cancel()
            found = await asyncio.gather(*asked, return_exceptions=True)
            assert isinstance(found[1], asyncio.CancelledError)
            for place in (0, 2, 3):
                _, expected = tiny_server.linear({}, batches[place])
                np.testing.assert_allclose(found[place], expected, rtol=1e-6)

    run(test)


def test_a_process_that_died_or_hangs_is_lost_and_stays_lost(tmp_path, monkeypatch):
    monkeypatch.setattr("basestone.serving.worker.ANSWER_S", 0.2)
    batch = np.zeros((1, 1, 2, 2), np.uint8)

    async def died():
        async with working(tmp_path) as worker:
            os.kill(worker.pid, signal.SIGKILL)
            with pytest.raises(WorkerLost, match="the process that runs the model ended"):
                await worker.predict(batch)
            assert worker.pid is None
            with pytest.raises(WorkerLost, match="no process is running the model"):
                await worker.predict(batch)

    async def hangs():
        async with working(tmp_path) as worker:
            os.kill(worker.pid, signal.SIGSTOP)
            with pytest.raises(WorkerLost, match=r"did not answer within 0\.2 s"):
                await worker.predict(batch)
            assert worker.pid is None

    run(died)
    run(hangs)


def test_a_fault_in_the_model_is_told_and_the_next_question_answered(tmp_path):
    async def test():
        async with working(tmp_path) as worker:
            with pytest.raises(WorkerLost, match="ValueError: cannot reshape"):
                await worker.predict(np.zeros((1, 1, 3, 3), np.uint8))
            assert (await worker.predict(np.zeros((1, 1, 2, 2), np.uint8))).tolist() == [[0, 0, 0]]

    run(test)
