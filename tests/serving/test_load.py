from __future__ import annotations

from contextlib import ExitStack

import pytest

from basestone.serving.load import FEW, Load


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def answer(load, clock, seconds, times=1):
    """Requests one after the other, each of so many seconds."""
    for _ in range(times):
        with load.counted():
            clock.now += seconds


def test_the_pace_by_hand():
    """One answer in 0.1 s, 40 under way: 4 s. A second in 0.3 s: (0.99 · 0.1 + 0.3) / (0.99 + 1) each, 40 of them."""
    clock = Clock()
    load = Load(clock)
    answer(load, clock, 0.1)
    with ExitStack() as many:
        for _ in range(40):
            many.enter_context(load.counted())
        assert load.expected_s == pytest.approx(4.0)
    load = Load(clock)
    answer(load, clock, 0.1)
    answer(load, clock, 0.3)
    with ExitStack() as many:
        for _ in range(40):
            many.enter_context(load.counted())
        assert load.expected_s == pytest.approx(40 * (0.99 * 0.1 + 0.3) / 1.99)


def test_idle_time_is_no_slowness_and_few_never_wait():
    clock = Clock()
    load = Load(clock)
    assert load.expected_s == 0
    for _ in range(50):
        answer(load, clock, 0.01)
        clock.now += 100
    with ExitStack() as some:
        for _ in range(FEW):
            some.enter_context(load.counted())
        assert load.expected_s == 0
        some.enter_context(load.counted())
        assert load.expected_s == pytest.approx(0.01 * (FEW + 1))
    assert load.under_way == 0


def test_answers_that_come_together_are_as_fast_as_they_are():
    """Law: batches of 8 every 0.8 s are ten answers a second, whatever a moment looks like."""
    clock = Clock()
    load = Load(clock)
    with ExitStack() as waiting:
        for _ in range(40):
            waiting.enter_context(load.counted())
        for _ in range(100):
            clock.now += 0.8
            for _ in range(8):
                answer(load, clock, 0.0)
        assert load.expected_s == pytest.approx(4.0, rel=0.05)
