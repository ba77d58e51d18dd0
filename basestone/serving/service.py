"""The service: from a request to an answer that is safe to give, written down before it is given.

Read, queue, run, judge, override, log, answer. What is doubtful gets a ticket instead of an answer. A stop kills the
process that runs the model; nothing is inferred again before a person releases it.
"""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.errors import DataError
from basestone.serving.batcher import Batcher, Expired, Full
from basestone.serving.frames import Frame
from basestone.serving.journal import Journal
from basestone.serving.keeper import Keeper
from basestone.serving.load import Load
from basestone.serving.metrics import Metrics
from basestone.serving.nursery import Nursery
from basestone.serving.offer import Offer, Reader, Received
from basestone.serving.protocol import InferRequest, Output, Refusal, Tensor, decoded_base64
from basestone.serving.review import Answer, Doubtful
from basestone.serving.safety import Judged
from basestone.serving.sieve import Sieve
from basestone.serving.stop import POLL_S, Switch
from basestone.serving.worker import WorkerLost
from basestone.serving.writing import Author


class Service:
    """One model, served."""

    def __init__(
        self,
        offer: Offer,
        journal: Journal,
        switch: Switch,
        nursery: Nursery,
        *,
        max_batch: int = 32,
        longest_wait_s: float = 1.0,
        on_worker: Callable[[int | None], object] = lambda pid: None,
        sieve: Sieve | None = None,
    ) -> None:
        """``nursery``: where the processes come from; ``on_worker`` hears of each new one's pid.

        ``sieve``: keeps back what a model that writes is asked, and what it writes.
        """
        self.offer, self.journal, self.metrics, self.load = offer, journal, Metrics(), Load()
        self.batcher = Batcher(self._run, max_batch=max_batch, longest_wait_s=longest_wait_s)
        self.keeper = Keeper(
            nursery,
            switch,
            journal,
            self.metrics,
            on_worker=on_worker,
            on_stop=self._cease,
        )
        self.overrides: dict[str, str] = {}  # digest → label, by people
        self._following: asyncio.Task[None] | None = None
        self._closing: list[Callable[[], Awaitable[object]]] = []
        self.author = Author(self, offer.tongue, max_batch, sieve) if offer.tongue else None

    def on_close(self, work: Callable[[], Awaitable[object]]) -> None:
        """``work`` is awaited before anything else when the service ends."""
        self._closing.append(work)

    @property
    def ready(self) -> bool:
        """Whether a request would be answered now; the process is alive either way."""
        return self.keeper.ready

    async def start(self) -> None:
        """Begins: the log's first row, the switch, the worker."""
        self.overrides = await self.journal(lambda queue: queue.overrides())
        await self.journal(lambda queue: queue.log.append("started", dict(self.offer.described)))
        self.batcher.start()
        self.keeper.start()
        if self.author:
            self.author.start()
        self._following = asyncio.create_task(self._follow_others())

    async def close(self) -> None:
        """Ends: the worker first, then what waits, then the log with its last row."""
        for work in self._closing:
            await work()
        if self._following:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        await self.keeper.close()
        await self.batcher.close()
        if self.author:
            await self.author.close()
        await self.journal(lambda queue: queue.log.append("ended", {}))
        self.journal.close()

    async def infer(self, request: InferRequest, deadline_s: float | None = None) -> dict[str, Output]:
        """The outputs of one request; Refusal says why there are none."""
        self.keeper.require_answering()
        reader = self.offer.reader
        if reader is None:
            raise Refusal(400, f"{self.offer.name} writes and answers no classes. Ask its /generate.")
        tensor = self._input(request, reader)
        try:
            received = reader.read(tensor.datatype, _plain(tensor, reader))
        except DataError as error:
            raise Refusal(400, str(error)) from error
        deadline = self.batcher.clock() + deadline_s if deadline_s is not None else float("inf")
        try:
            logits = await self.batcher.submit(received.batch, deadline)
        except Full as error:
            raise busy(error) from error
        except Expired as error:
            raise Refusal(
                504, f"The deadline of {deadline_s:g} s passed before the model got to the request."
            ) from error
        except WorkerLost as error:
            raise self._lost(error) from error
        return await self._concluded(request, received, self.offer.guard.judge(logits))

    async def ask(self, question: Mapping[str, Any], array: NDArray[Any] | None) -> Frame:
        """One question of another kind to the process that runs the model; Refusal 503 when it does not answer."""
        self.keeper.require_answering()
        try:
            return await self.keeper.ask(question, array)
        except WorkerLost as error:
            raise self._lost(error) from error

    async def _cease(self) -> None:
        """What a stop ends besides the model's process: everyone's waiting for it, and the filter."""
        self.batcher.fail(WorkerLost("the service was stopped"))
        if self.author is not None:
            await self.author.halt()

    def _lost(self, error: WorkerLost) -> Refusal:
        """What a caller is told: a stop by its reason, a loss by its own."""
        self.keeper.require_answering()
        return Refusal(503, f"The model cannot answer now: {error}. Try again.", {"Retry-After": "1"})

    def refuse_if_full(self) -> None:
        """Refusal 429 with Retry-After, before a body is even read."""
        if self.load.expected_s > self.batcher.longest_wait_s:
            raise busy(Full(self.load.expected_s))
        try:
            self.batcher.refuse_if_full()
        except Full as error:
            raise busy(error) from error

    async def override(self, digest: str, label: str, reviewer: str, reason: str) -> None:
        """From now on this sample is answered as a person says."""
        await self.journal(lambda queue: queue.override(digest, label, reviewer, reason))
        self.overrides[digest] = label

    async def _run(self, samples: NDArray[Any]) -> NDArray[Any]:
        """One batch through the worker."""
        self.metrics.batches.observe(len(samples))
        _, logits = await self.keeper.ask({}, samples)
        assert logits is not None
        return logits

    def _input(self, request: InferRequest, reader: Reader) -> Tensor:
        if len(request.inputs) != 1 or request.inputs[0].name != reader.name:
            found = ", ".join(tensor.name[:40] for tensor in request.inputs)
            raise Refusal(400, f"The model takes one input, '{reader.name}'; got {found}.")
        tensor = request.inputs[0]
        if tensor.datatype not in reader.datatypes:
            raise Refusal(400, f"'{reader.name}' must be {' or '.join(reader.datatypes)}; got {tensor.datatype}.")
        if tensor.datatype == "BYTES" and len(tensor.shape) != 1:
            raise Refusal(400, f"'{reader.name}' as BYTES must have the shape [N]; got {list(tensor.shape)}.")
        if not 0 < tensor.shape[0] <= self.batcher.max_batch:
            raise Refusal(400, f"A request must hold 1 to {self.batcher.max_batch} samples; got {tensor.shape[0]}.")
        unknown = set(request.outputs or ()) - set(OUTPUTS)
        if unknown:
            raise Refusal(400, f"There is no output '{min(unknown)[:60]}'. Known: {', '.join(OUTPUTS)}.")
        return tensor

    async def _concluded(self, request: InferRequest, received: Received, judged: Judged) -> dict[str, Output]:
        """Answers, tickets and the log's row; the answer leaves only when the row is written."""
        samples = [self._decision(received, judged, place) for place in range(len(judged.reasons))]
        tickets = [
            _ticket(sample, request.id, received, place) for place, sample in enumerate(samples) if sample["ticket"]
        ]
        for sample in samples:
            self.metrics.samples.labels(sample["outcome"]).inc()
        await self.journal.file(Answer(told={"request": request.id, "samples": samples}, tickets=tickets))
        deferred = np.array([sample["outcome"] == "deferred" for sample in samples])
        return {
            "label": [sample["label"] for sample in samples],
            "probabilities": np.where(deferred[:, None], np.float32(0), judged.probabilities),
            "deferred": deferred,
            "ticket": [sample["ticket"] for sample in samples],
            "digest": [sample["digest"] for sample in samples],
        }

    def _decision(self, received: Received, judged: Judged, place: int) -> dict[str, Any]:
        """What becomes of one sample, as the log has it: the whole path from its digest to its answer."""
        digest, reasons = digest_of_sample(received.batch[place]), judged.reasons[place]
        prediction, human = self.offer.labels[int(judged.prediction[place])], self.overrides.get(digest)
        outcome = "overridden" if human is not None else "deferred" if reasons else "answered"
        return {
            "digest": digest,
            "prediction": prediction,
            "confidence": round(float(judged.probabilities[place].max()), 6),
            "energy": round(float(judged.energy[place]), 6),
            "reasons": list(reasons),
            "outcome": outcome,
            "label": {"overridden": human or "", "deferred": "", "answered": prediction}[outcome],
            "ticket": uuid.uuid4().hex if outcome == "deferred" else "",
        }

    def parameters_of(self, outputs: Mapping[str, Output]) -> dict[str, Any]:
        """What an answer says of itself: on what proof it stands, and whether people were asked."""
        waiting = [ticket for ticket in outputs["ticket"] if ticket]
        told: dict[str, Any] = {"deferred": bool(waiting)} | ({"tickets": ",".join(waiting)} if waiting else {})
        return dict(self.offer.parameters) | told

    async def _follow_others(self) -> None:
        """Takes over overrides that another process, such as the studio, wrote into the same queue."""
        seen = None
        while True:
            if (version := await self.journal(lambda queue: queue.log.version)) != seen:
                seen, self.overrides = version, await self.journal(lambda queue: queue.overrides())
            await asyncio.sleep(POLL_S)


OUTPUTS = ("label", "probabilities", "deferred", "ticket", "digest")


def _plain(tensor: Tensor, reader: Reader) -> NDArray[Any] | list[bytes]:
    """The data, without the base64 in which JSON carries what is no text."""
    if tensor.datatype != "BYTES" or not (tensor.written and reader.encoded):
        return tensor.data
    return [decoded_base64(bytes(item), f"'{tensor.name}'") for item in tensor.data]


def _ticket(sample: Mapping[str, Any], request: str, received: Received, place: int) -> Doubtful:
    return Doubtful(
        id=sample["ticket"],
        request=request,
        digest=sample["digest"],
        media=received.media,
        input=received.original(place),
        prediction=sample["prediction"],
        confidence=sample["confidence"],
        reasons=tuple(sample["reasons"]),
    )


def digest_of_sample(sample: NDArray[Any]) -> str:
    """SHA-256 (hex) of one sample as the model sees it: its type, its shape and its numbers."""
    head = f"{sample.dtype.name}:{','.join(map(str, sample.shape))}:".encode()
    return hashlib.sha256(head + np.ascontiguousarray(sample).tobytes()).hexdigest()


def busy(error: Full) -> Refusal:
    """429: the queue is full, and when to come again."""
    wait = max(1, round(error.retry_after_s + 0.5))
    return Refusal(
        429, f"More requests wait than can be answered in time. Come again in {wait} s.", {"Retry-After": str(wait)}
    )
