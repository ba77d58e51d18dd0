from __future__ import annotations

import asyncio

import pytest

from basestone.serving.protocol import Refusal
from basestone.serving.rest import unless_gone


class Request:
    """A request whose caller hangs up when ``leave`` is set."""

    def __init__(self):
        self.leave = asyncio.Event()

    async def receive(self):
        await self.leave.wait()
        return {"type": "http.disconnect"}


def test_work_for_a_caller_who_hung_up_is_cancelled():
    async def test():
        request, cancelled = Request(), asyncio.Event()

        async def work():
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                cancelled.set()
                raise

        waiting = asyncio.ensure_future(unless_gone(request, work()))
        await asyncio.sleep(0)
        request.leave.set()
        with pytest.raises(Refusal, match="The caller hung up") as caught:
            await waiting
        await asyncio.wait_for(cancelled.wait(), 5)
        assert caught.value.status == 499

    asyncio.run(test())


def test_an_answer_and_a_refusal_reach_the_caller_who_stays():
    async def test():
        async def answered():
            return 3

        async def refused():
            raise Refusal(400, "no")

        assert await unless_gone(Request(), answered()) == 3
        with pytest.raises(Refusal, match="no"):
            await unless_gone(Request(), refused())

    asyncio.run(test())
