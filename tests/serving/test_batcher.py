from __future__ import annotations

import asyncio
import contextlib

import numpy as np
import pytest

from basestone.serving.batcher import Batcher, Expired, Full


class Model:
    """Doubles its input; remembers its batches; waits for leave where a test holds it up."""

    def __init__(self, clock=None, seconds=0.0):
        self.batches, self.leave, self.clock, self.seconds = [], asyncio.Event(), clock, seconds
        self.leave.set()

    async def __call__(self, samples):
        self.batches.append(samples.copy())
        await self.leave.wait()
        if self.clock:
            self.clock.now += self.seconds * len(samples)
        return samples.astype(np.float32) * 2


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def samples(*values, dtype=np.uint8):
    return np.array(values, dtype)[:, None]


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def working(model, **options):
    batcher = Batcher(model, **options)
    batcher.start()
    try:
        yield batcher
    finally:
        model.leave.set()
        await batcher.close()


def run(test):
    asyncio.run(asyncio.wait_for(test(), 20))


def test_a_single_request_is_answered_at_once_and_what_waits_goes_together():
    async def test():
        model = Model()
        async with working(model) as batcher:
            np.testing.assert_array_equal(await batcher.submit(samples(3)), [[6]])
            model.leave.clear()
            first = asyncio.ensure_future(batcher.submit(samples(1)))
            await settle()
            others = [asyncio.ensure_future(batcher.submit(samples(n, n + 1))) for n in (10, 20, 30)]
            await settle()
            assert batcher.depth == 6
            model.leave.set()
            found = [await one for one in (first, *others)]
        assert [batch.ravel().tolist() for batch in model.batches] == [[3], [1], [10, 11, 20, 21, 30, 31]]
        assert [one.ravel().tolist() for one in found] == [[2], [20, 22], [40, 42], [60, 62]]

    run(test)


def test_a_batch_is_never_larger_than_allowed_and_never_mixes_shapes():
    async def test():
        model = Model()
        model.leave.clear()
        async with working(model, max_batch=4) as batcher:
            asked = [samples(1), samples(2, 3), samples(4, 5, 6), samples(7, dtype=np.int64), samples(8)]
            waiting = [asyncio.ensure_future(batcher.submit(one)) for one in asked]
            await settle()
            model.leave.set()
            await asyncio.gather(*waiting)
        assert [batch.ravel().tolist() for batch in model.batches] == [[1, 2, 3], [4, 5, 6], [7], [8]]

    run(test)


def test_a_full_queue_says_when_to_come_again():
    async def test():
        clock = Clock()
        model = Model(clock, seconds=0.5)
        async with working(model, max_batch=2, longest_wait_s=1.0, clock=clock) as batcher:
            await batcher.submit(samples(1))
            model.leave.clear()
            waiting = [asyncio.ensure_future(batcher.submit(samples(0)))]
            await settle()  # the model has it
            waiting += [asyncio.ensure_future(batcher.submit(samples(n))) for n in (1, 2, 3)]
            await settle()
            assert batcher.depth == 3
            assert batcher.expected_wait_s == pytest.approx(1.5)  # three samples at half a second
            with pytest.raises(Full, match=r"room in 1\.5 s") as caught:
                await batcher.submit(samples(10))
            assert caught.value.retry_after_s == pytest.approx(1.5)
            model.leave.set()
            await asyncio.gather(*waiting)

    run(test)


def test_who_hung_up_costs_nothing_and_who_came_too_late_is_told():
    async def test():
        clock = Clock()
        model = Model(clock, seconds=1.0)
        model.leave.clear()
        async with working(model, clock=clock) as batcher:
            busy = asyncio.ensure_future(batcher.submit(samples(1)))
            await settle()
            gone = asyncio.ensure_future(batcher.submit(samples(2)))
            late = asyncio.ensure_future(batcher.submit(samples(3), deadline=0.5))
            good = asyncio.ensure_future(batcher.submit(samples(4), deadline=5.0))
            await settle()
            gone.cancel()
            model.leave.set()
            await asyncio.gather(busy, good)
            with pytest.raises(Expired):
                await late
            with pytest.raises(Expired):
                await batcher.submit(samples(5), deadline=0.1)
        assert [batch.ravel().tolist() for batch in model.batches] == [[1], [4]]

    run(test)


def test_a_model_that_fails_fails_its_batch_and_no_other():
    async def test():
        async def broken(batch):
            if 13 in batch:
                raise RuntimeError("unlucky")
            return batch

        batcher = Batcher(broken)
        batcher.start()
        with pytest.raises(RuntimeError, match="unlucky"):
            await batcher.submit(samples(13))
        assert (await batcher.submit(samples(1))).tolist() == [[1]]
        await batcher.close()

    run(test)


def test_requests_outside_of_a_batch_are_refused():
    async def test():
        async with working(Model(), max_batch=2) as batcher:
            with pytest.raises(ValueError, match="1 to 2 samples; got 3"):
                await batcher.submit(samples(1, 2, 3))
            with pytest.raises(ValueError, match="1 to 2 samples; got 0"):
                await batcher.submit(samples())

    run(test)
