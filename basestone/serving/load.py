"""How long one more request would take: how many are under way, by the pace at which they were answered lately.

The batcher knows how long the model needs. A small model is faster than what surrounds it, and then requests wait
where no queue of the batcher shows them: to be judged, to be written down, to be sent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

KEPT = 0.99  # of the past, for each answer: the pace is that of about the last hundred
FEW = 32  # so many under way never wait too long


class Load:
    """Counts requests from when their body has come until their answer is ready."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is under way."""
        self._clock, self.under_way = clock, 0
        self._since = self._busy_s = self._answered = 0.0

    @property
    def expected_s(self) -> float:
        """How long one more would take; 0 while few are under way, or nothing was measured."""
        if self.under_way <= FEW or not self._answered:
            return 0.0
        return self.under_way * self._busy_s / self._answered

    @contextmanager
    def counted(self) -> Iterator[None]:
        """While a request is under way. Time in which none is does not slow the pace."""
        if self.under_way == 0:
            self._since = self._clock()
        self.under_way += 1
        try:
            yield
        finally:
            now = self._clock()
            self._busy_s = KEPT * self._busy_s + now - self._since
            self._answered = KEPT * self._answered + 1
            self._since, self.under_way = now, self.under_way - 1
