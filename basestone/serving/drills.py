"""Drills of a live service: what callers, reviewers and operators would experience, written down event by event.

Nothing here believes what the service says of itself. Inference has ceased when no caller is answered any more and the
process that ran the model is gone; an override has taken effect when the next caller gets it.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from basestone.core.errors import ArtifactError
from basestone.serving.nursery import is_running
from basestone.serving.stop import LIMIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

CALLERS = 2  # that ask without a pause while a stop is drilled
WATCH_S = 0.2  # for which nobody may be answered any more
BACK_S = 120.0  # within which a released service must answer again
PATIENCE_S = 20.0  # for one request
PEOPLE = ("drill-one", "drill-two")
STATES = ("quiet", "busy", "hung")  # one caller, several, or a process that no longer reacts

Rows = dict[str, list[Any]]
Progress = Callable[[int, int], object]


class Subject(Protocol):
    """Samples unlike any that the model knows, and how a person must see them."""

    def strange(self, number: int) -> NDArray[Any]:
        """One sample, another for each number."""
        ...

    def shown(self, samples: NDArray[Any]) -> bytes:
        """The first of some samples as a file."""
        ...


@dataclass(kw_only=True)
class Drill:
    """One live service and the samples to ask it with.

    ``read`` reads its ``server.json`` anew. ``tensor`` makes a request's input of samples, N×…. ``stops``: ways to stop
    it, by name. ``release`` lets it answer again.
    """

    client: httpx.AsyncClient
    read: Callable[[], dict[str, Any]]
    tensor: Callable[[NDArray[Any]], dict[str, Any]]
    labels: Sequence[str]
    stops: dict[str, Callable[[], Awaitable[object]]]
    release: Callable[[], Awaitable[object]]
    answers: list[tuple[float, float, int]] = field(default_factory=list[tuple[float, float, int]])

    async def ask(self, samples: NDArray[Any]) -> httpx.Response:
        """One request for inference."""
        body = {"inputs": [self.tensor(samples)]}
        return await self.client.post(f"/v2/models/{self.read()['model']}/infer", json=body, timeout=PATIENCE_S)

    async def outputs(self, samples: NDArray[Any]) -> dict[str, list[Any]]:
        """The outputs of one request by name; ArtifactError when it was not answered."""
        answer = await self.ask(samples)
        if answer.status_code != 200:
            raise ArtifactError(f"A drill needs an answer, and got {answer.status_code}: {answer.text[:200]}")
        return {one["name"]: one["data"] for one in answer.json()["outputs"]}

    async def post(self, path: str, body: dict[str, Any], who: str = PEOPLE[0]) -> httpx.Response:
        """One request of a reviewer or operator."""
        return await self.client.post(path, json=body, headers={"x-reviewer": who}, timeout=PATIENCE_S)

    async def back(self, other_than: int | None = None) -> dict[str, Any]:
        """Waits until the service is ready with a worker other than that; its notice."""
        deadline = time.monotonic() + BACK_S
        while time.monotonic() < deadline:
            notice = self.read()
            if notice.get("worker_pid") not in (None, other_than) and (await self._ready()):
                return notice
            await asyncio.sleep(0.02)
        raise ArtifactError(f"A released service must answer again within {BACK_S:g} s, and this did not.")

    async def _ready(self) -> bool:
        return (await self.client.get("/v2/health/ready", timeout=PATIENCE_S)).status_code == 200

    @asynccontextmanager
    async def callers(self, samples: NDArray[Any], count: int) -> AsyncIterator[None]:
        """Callers who ask one after the other, without a pause; ``answers`` gets (sent, received, status)."""
        self.answers.clear()
        tasks = [asyncio.create_task(self._call(samples[place : place + 1])) for place in range(count)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _call(self, sample: NDArray[Any]) -> None:
        while True:
            sent = time.monotonic()
            try:
                status = (await self.ask(sample)).status_code
            except Exception:  # a connection that breaks is no answer
                status = 0
            self.answers.append((sent, time.monotonic(), status))
            await asyncio.sleep(0)


async def drill_stops(drill: Drill, samples: NDArray[Any], count: int, progress: Progress) -> Rows:
    """Stops in every way and state in turn: how long anybody was still answered, and whether the process is gone."""
    rows: Rows = {"way": [], "state": [], "seconds": [], "halted": [], "worker_gone": []}
    for place in range(count):
        way, state = list(drill.stops)[place % len(drill.stops)], STATES[place // len(drill.stops) % len(STATES)]
        found = await _one_stop(drill, samples, way, state)
        for name, value in {"way": way, "state": state, **found}.items():
            rows[name].append(value)
        progress(place + 1, count)
    return rows


async def _one_stop(drill: Drill, samples: NDArray[Any], way: str, state: str) -> dict[str, Any]:
    worker = (await drill.back())["worker_pid"]
    async with drill.callers(samples, CALLERS if state == "busy" else 1):
        await _until(lambda: any(status == 200 for _, _, status in drill.answers), PATIENCE_S)
        if state == "hung":
            os.kill(worker, signal.SIGSTOP)
        asked = time.monotonic()
        await drill.stops[way]()
        await _until(lambda: _quiet(drill.answers, asked) and not is_running(worker), LIMIT_S)
        watched = time.monotonic() - asked
        late = [received - asked for _, received, status in drill.answers if status == 200 and received > asked]
        halted = _quiet(drill.answers, asked)
    gone = not is_running(worker)
    if not gone and state == "hung":
        os.kill(worker, signal.SIGCONT)
    seconds = max(late, default=0.0) if halted and gone else watched
    await drill.release()
    await drill.back(other_than=worker if gone else None)
    return {"seconds": round(seconds, 4), "halted": int(halted), "worker_gone": int(gone)}


def _quiet(answers: Sequence[tuple[float, float, int]], asked: float) -> bool:
    """Whether callers were turned away, and none was answered, in the last ``WATCH_S``."""
    since = max(asked, time.monotonic() - WATCH_S)
    recent = [status for _, received, status in answers if received > since]
    return time.monotonic() - asked > WATCH_S and bool(recent) and 200 not in recent


async def drill_overrides(drill: Drill, samples: NDArray[Any], count: int, progress: Progress) -> Rows:
    """Overrides of answers: what the next caller of the same sample gets."""
    rows: Rows = {"digest": [], "wanted": [], "answered": [], "logged": []}
    for place in range(count):
        sample = samples[place : place + 1]
        before = await drill.outputs(sample)
        digest, wanted = before["digest"][0], _another(drill.labels, before["label"][0], place)
        told = await drill.post("/review/override", {"digest": digest, "label": wanted, "reason": "a drill"})
        after = await drill.outputs(sample)
        for name, value in zip(rows, (digest, wanted, after["label"][0], int(told.status_code == 200)), strict=True):
            rows[name].append(value)
        progress(place + 1, count)
    return rows


def _another(labels: Sequence[str], label: str, place: int) -> str:
    others = [one for one in labels if one != label]
    return others[place % len(others)]


async def drill_handovers(drill: Drill, subject: Subject, count: int, progress: Progress) -> Rows:
    """Doubtful samples: are they withheld, do people see them as they were, does the caller get what people decide?

    Strange samples that the service answers all the same are passed over: how many it recognises is another clause's
    question.
    """
    rows: Rows = {"ticket": [], "told": [], "withheld": [], "same_input": [], "came_back": []}
    for number in range(50 * count):
        if len(rows["ticket"]) == count:
            return rows
        sample = subject.strange(number)
        answer = await drill.ask(sample)
        found = {one["name"]: one["data"] for one in answer.json().get("outputs", [])}
        if not found or found["deferred"] != [True]:
            continue
        ticket, label = found["ticket"][0], drill.labels[number % len(drill.labels)]
        told = answer.json()["parameters"].get("tickets") == ticket and answer.json()["parameters"]["deferred"] is True
        seen = await drill.client.get(f"/review/tickets/{ticket}/input", headers={"x-reviewer": PEOPLE[0]})
        for who in PEOPLE:
            await drill.post(f"/review/tickets/{ticket}", {"label": label}, who)
        back = (await drill.client.get(f"/review/tickets/{ticket}")).json()
        same = hashlib.sha256(seen.content).digest() == hashlib.sha256(subject.shown(sample)).digest()
        values = (ticket, told, found["label"] == [""], same, back.get("label") == label)
        for name, value in zip(rows, values, strict=True):
            rows[name].append(value if isinstance(value, str) else int(value))
        progress(len(rows["ticket"]), count)
    return rows


async def drill_load(
    drill: Drill, samples: NDArray[Any], count: int, rate: float, rng: np.random.Generator, progress: Progress
) -> Rows:
    """``count`` requests at ``rate`` a second, due at random times whether or not earlier ones were answered."""
    due = np.cumsum(rng.exponential(1 / rate, count))
    rows: Rows = {name: [None] * count for name in ("due_s", "seconds", "status", "retry_after")}
    started = time.monotonic()

    async def one(place: int) -> None:
        await asyncio.sleep(max(0.0, started + due[place] - time.monotonic()))
        sample = samples[place % len(samples)][None]
        try:
            answer = await drill.ask(sample)
            status, again = answer.status_code, "retry-after" in answer.headers
        except Exception:  # a timeout or a broken connection is no answer
            status, again = 0, False
        values = (float(due[place]), time.monotonic() - started - due[place], status, int(again))
        for name, value in zip(rows, values, strict=True):
            rows[name][place] = value
        progress(place + 1, count)

    await asyncio.gather(*(one(place) for place in range(count)))
    return rows


async def capacity(drill: Drill, samples: NDArray[Any], seconds: float, callers: int = 16) -> float:
    """Answers a second when so many callers ask without a pause."""
    async with drill.callers(np.resize(samples, (callers, *samples.shape[1:])), callers):
        await asyncio.sleep(seconds)
        answered = sum(status == 200 for _, _, status in drill.answers)
    return answered / seconds


async def _until(holds: Callable[[], bool], limit_s: float) -> bool:
    deadline = time.monotonic() + limit_s
    while not (found := holds()) and time.monotonic() < deadline:
        await asyncio.sleep(0.005)
    return found
