"""Do the samples that come in still look like those of the audit? A bet that they do not, and what it has won.

The score of each live sample is ranked among those of the audit's test samples and of the live samples before it, ties
broken at random. As long as all of them are exchangeable, these ranks are independent and uniform (smoothed conformal
p-values; Vovk, Nouretdinov & Gammerman 2003, "Testing exchangeability on-line", theorem 1). Nobody then grows a capital
by betting on where the next rank falls: it reaches 1/δ **ever**, however long the service runs, with probability at
most δ (Ville 1939). The bets are those of the Simple Jumper (Vovk, Petej, Nouretdinov, Ahlberg, Carlsson & Gammerman
2021, "Retrain or not retrain", algorithm 1).

Two scores are watched, each with half of δ: the energy (how foreign a sample is to the model) and the class that the
model gives it. What moves neither is not seen. A digest counts once: a request that is sent again is no news.

Differs: the Jumper may also bet on tenths of the ranks, and a fresh one is started every ``EVERY`` samples with a share
of the capital that was set aside for it, so that years of quiet do not use up what a change must be shown with.
"""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

DELTA = 0.01  # of ever calling out although nothing has changed
JUMP = 0.01  # share of a Jumper's capital that changes its bet at each sample
TENTHS = 10
ON, AGAINST = 0.2, 0.8  # stakes: that more ranks fall into a tenth, that fewer do
EVERY = 500  # samples between two Jumpers
POINTS = 200  # of a trace


class Ranks(Protocol):
    """The scores so far; ``rank`` places one more among them."""

    def rank(self, score: float, luck: float) -> float:
        """Its smoothed p-value, 0–1: high where the score is low. It counts from now on."""
        ...


class Ordered:
    """Ranks of real numbers."""

    def __init__(self, scores: Iterable[float]) -> None:
        """``scores`` are those of the calibration samples."""
        self._scores = sorted(scores)

    def rank(self, score: float, luck: float) -> float:
        """See ``Ranks``."""
        equal = bisect_right(self._scores, score) - (low := bisect_left(self._scores, score)) + 1
        above = len(self._scores) + 1 - low - equal
        insort(self._scores, score)
        return (above + luck * equal) / len(self._scores)


class Counted:
    """Ranks of whole numbers 0 … K−1, which stand for classes."""

    def __init__(self, scores: Iterable[int], classes: int) -> None:
        """``scores`` are those of the calibration samples."""
        self._counts = np.bincount(np.fromiter(scores, np.int64), minlength=classes)

    def rank(self, score: float, luck: float) -> float:
        """See ``Ranks``."""
        self._counts[int(score)] += 1
        above = self._counts[int(score) + 1 :].sum()
        return float((above + luck * self._counts[int(score)]) / self._counts.sum())


def bets(p: float) -> NDArray[np.float64]:
    """What each bet makes of one unit when the rank is ``p``; the mean over uniform ranks is 1.

    No bet; two slopes (more low ranks, more high ones); of each tenth that more, and that fewer fall into it.
    """
    made = _steps()[min(TENTHS - 1, int(p * TENTHS))].copy()
    made[1:3] = 1.5 - p, 0.5 + p
    return made


@cache
def _steps() -> NDArray[np.float64]:
    """``TENTHS`` × ``NUM_BETS``: the bets for a rank in each tenth, but for the slopes."""
    here = TENTHS * np.eye(TENTHS) - 1
    return np.concatenate([np.ones((TENTHS, 3)), 1 + ON * here, 1 - AGAINST * here / (TENTHS - 1)], axis=1)


NUM_BETS = 3 + 2 * TENTHS


class Capital:
    """What betting on ranks has made of one unit.

    Jumper k gets 1/((k+1)(k+2)), the rest waits for those that come later; so all of it starts as 1.
    """

    def __init__(self) -> None:
        """Nothing has been bet."""
        self._jumpers = np.zeros((0, NUM_BETS))
        self.samples = 0

    def bet(self, p: float) -> None:
        """One more rank."""
        if self.samples % EVERY == 0:
            place = len(self._jumpers)
            fresh = np.full((1, NUM_BETS), 1 / ((place + 1) * (place + 2)) / NUM_BETS)
            self._jumpers = np.concatenate([self._jumpers, fresh])
        whole = self._jumpers.sum(1, keepdims=True)
        self._jumpers = ((1 - JUMP) * self._jumpers + JUMP / NUM_BETS * whole) * bets(p)
        self.samples += 1

    @property
    def value(self) -> float:
        """All of it."""
        return float(self._jumpers.sum()) + 1 / (len(self._jumpers) + 1)


@dataclass
class Trace:
    """log₁₀ of the capital by samples; when there are too many points, every second is dropped."""

    points: list[tuple[int, float]] = field(default_factory=lambda: [(0, 0.0)])
    _step: int = 1

    def add(self, samples: int, capital: float) -> None:
        """One more point, if its turn has come."""
        if samples % self._step:
            return
        self.points.append((samples, round(math.log10(capital), 4)))
        if len(self.points) > POINTS:
            self._step *= 2
            self.points = [point for point in self.points if point[0] % self._step == 0]


@dataclass(kw_only=True)
class Stream:
    """One score: its ranks, the capital won on them, and whether it has reached ``limit``; then betting ends."""

    name: str
    ranks: Ranks
    limit: float
    capital: Capital = field(default_factory=Capital)
    trace: Trace = field(default_factory=Trace)
    reached: bool = False

    def see(self, score: float, luck: float) -> None:
        """One more live sample."""
        self.capital.bet(self.ranks.rank(score, luck))
        self.trace.add(self.capital.samples, self.capital.value)
        self.reached = self.capital.value >= self.limit

    def to_json(self) -> dict[str, Any]:
        """What a page shows; capitals as log₁₀."""
        last = (self.capital.samples, round(math.log10(self.capital.value), 4))
        points = self.trace.points if self.trace.points[-1] == last else [*self.trace.points, last]
        return {"reached": self.reached, "capital": last[1], "trace": points}


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """Live samples are not like those of the audit. ``score``: what shows it; ``samples``: live ones until then."""

    score: str
    samples: int
    at: str


class Monitor:
    """Both scores of one audited model; a pure function of the audit's records and the rows of the log."""

    def __init__(
        self, energies: Sequence[float] | NDArray[np.float64], predictions: Iterable[int], labels: Sequence[str]
    ) -> None:
        """``energies`` and ``predictions`` (places in ``labels``) are those of the audit's test samples."""
        limit = 2 / DELTA
        kept = [round(float(one), 6) for one in energies]  # as the log has them, so that equal ones are equal
        self.calibration, self._labels = len(kept), {label: place for place, label in enumerate(labels)}
        self.streams = (
            Stream(name="energy", ranks=Ordered(kept), limit=limit),
            Stream(name="answers", ranks=Counted(predictions, len(labels)), limit=limit),
        )
        self.alarm: Alarm | None = None
        self.samples = self.repeats = 0
        self._seen: set[bytes] = set()

    def see(self, sample: Mapping[str, Any], luck: str, at: str) -> None:
        """One sample as the log has it; ``luck`` is what ties are broken by. Nothing counts after an alarm."""
        digest = bytes.fromhex(sample["digest"])[:16]
        if self.alarm or digest in self._seen:
            self.repeats += not self.alarm
            return
        self._seen.add(digest)
        self.samples += 1
        scores = (float(sample["energy"]), float(self._labels[sample["prediction"]]))
        for stream, score in zip(self.streams, scores, strict=True):
            stream.see(score, drawn(f"{luck}:{stream.name}"))
        found = [stream for stream in self.streams if stream.reached]
        if found:
            self.alarm = Alarm(score=found[0].name, samples=self.samples, at=at)

    def to_json(self) -> dict[str, Any]:
        """The state for those who look on."""
        return {
            "delta": DELTA,
            "limit": round(math.log10(self.streams[0].limit), 4),
            "calibration": self.calibration,
            "samples": self.samples,
            "repeats": self.repeats,
            "streams": {stream.name: stream.to_json() for stream in self.streams},
        }


def drawn(seed: str) -> float:
    """A number in 0–1 that depends on nothing but ``seed``: whoever has the log comes to the same result."""
    return int.from_bytes(hashlib.sha256(seed.encode()).digest()[:7]) / 2**56
