"""Drilled: the samples that a service is drilled with, and the replay of what it logged about them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.artifact import read_json
from basestone.core.contracts import View
from basestone.core.errors import ArtifactError, UsageError
from basestone.core.run import RunFolder
from basestone.core.spec import ImageSpec, TextSpec, read_spec
from basestone.lifecycle.environment import cache_folder
from basestone.lifecycle.serve import Options, make_guard, nursery_of, prepared_of, worker_request
from basestone.lifecycle.standing import Standing

if TYPE_CHECKING:
    from basestone.core.spec import DataSpec
    from basestone.serving.drills import Drill, Rows
    from basestone.serving.worker import Worker

PATH = ("digest", "prediction", "reasons", "outcome", "label")


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A run's model as a drill asks it: test samples, and samples unlike any that it knows."""

    standing: Standing
    spec: DataSpec
    reader: Any
    samples: NDArray[Any]

    @property
    def labels(self) -> tuple[str, ...]:
        """What it answers."""
        return tuple(self.spec.class_names)

    def tensor(self, samples: NDArray[Any]) -> dict[str, Any]:
        """A request's input; texts are an array of str."""
        kind = "BYTES" if isinstance(self.spec, TextSpec) else "UINT8" if isinstance(self.spec, ImageSpec) else "FP32"
        data = samples.ravel().tolist()
        return {"name": self.reader.name, "datatype": kind, "shape": list(samples.shape), "data": data}

    def received(self, samples: NDArray[Any]) -> Any:
        """The same as the service reads it."""
        told = self.tensor(samples)
        held = [text.encode() for text in told["data"]] if told["datatype"] == "BYTES" else samples
        return self.reader.read(told["datatype"], held)

    def shown(self, samples: NDArray[Any]) -> bytes:
        """The first of some samples as a person must see it."""
        return self.received(samples).original(0)

    def strange(self, number: int) -> NDArray[Any]:
        """One sample of noise, another for each number."""
        rng = np.random.default_rng([number, 7])
        if isinstance(self.spec, ImageSpec):
            return rng.integers(0, 256, (1, *self.spec.input_shape)).astype(np.uint8)
        if isinstance(self.spec, TextSpec):
            words = ("".join(map(chr, rng.integers(0x21, 0x24F, rng.integers(2, 12)))) for _ in range(20))
            return np.array([" ".join(words)], object)
        noise = rng.uniform(-1, 1, (1, self.spec.max_samples)) * rng.uniform(0.05, 1)
        return noise.astype(np.float32)


def subject_of(run: RunFolder, found: Standing, count: int) -> Subject:
    """The model that would be served, with up to ``count`` test samples of the data that it was judged on."""
    from basestone.data.dataset import open_split
    from basestone.data.received import reader_for

    described = read_json(run.stage(found.subject.stage) / "model.json")
    prepared, spec = run.stage(prepared_of(run, found.subject)), read_spec(described["spec"])
    if spec.head != "classes":
        raise UsageError(f"What is drilled must answer classes, and this model is for {described['task']}.")
    split: Any = open_split(prepared, cache_folder(), "test", view=View(kind=described.get("reads", "labels")))
    places = np.arange(min(count, len(split)))
    samples = np.array(split.texts(places), object) if isinstance(spec, TextSpec) else split.raw(places).numpy()
    return Subject(standing=found, spec=spec, reader=reader_for(spec, prepared / "tokenizer.json"), samples=samples)


async def replayed_paths(
    drill: Drill,
    run: RunFolder,
    subject: Subject,
    samples: NDArray[Any],
    state: Path,
    count: int,
    progress: Callable[[int, int], object],
) -> Rows:
    """Decisions on some samples as the log has them, and as a freshly loaded model and guard make them again."""
    asked = samples[:count]
    if len(asked) < count:
        raise ArtifactError(f"Replaying {count} decisions needs as many test samples; there are {len(asked)}.")
    batches = [subject.received(asked[place : place + 1]).batch for place in range(count)]
    for place in range(count):
        await drill.outputs(asked[place : place + 1])
    logged = _logged(state, run, subject)
    rows: Rows = {"digest": [], "logged": [], "replayed": []}
    async with _fresh_worker(run, subject.standing, state) as worker:
        guard = make_guard(run, subject.standing.audit, Options())
        for place, batch in enumerate(batches):
            made = _path(batch, guard.judge(await worker.predict(batch)), subject.labels)
            told = logged.get(made["digest"], {})
            held = {name: told.get(name) for name in PATH}
            for name, value in zip(rows, (made["digest"], json.dumps(held), json.dumps(made)), strict=True):
                rows[name].append(value)
            progress(place + 1, count)
    return rows


def _logged(state: Path, run: RunFolder, subject: Subject) -> Mapping[str, Mapping[str, Any]]:
    """Digest → its last decision in the log."""
    from basestone.serving.review import ReviewQueue

    queue = ReviewQueue(state / "review.db", subject.labels, read_only=True)
    answers = [row.content["samples"] for row in queue.log.rows("answer")]
    queue.close()
    return {sample["digest"]: sample for samples in answers for sample in samples}


def _path(batch: NDArray[Any], judged: Any, labels: Sequence[str]) -> dict[str, Any]:
    from basestone.serving.service import digest_of_sample

    prediction, reasons = labels[int(judged.prediction[0])], list(judged.reasons[0])
    values = (
        digest_of_sample(batch[0]),
        prediction,
        reasons,
        "deferred" if reasons else "answered",
        "" if reasons else prediction,
    )
    return dict(zip(PATH, values, strict=True))


@asynccontextmanager
async def _fresh_worker(run: RunFolder, found: Standing, state: Path) -> AsyncIterator[Worker]:
    """A worker of the drill's own, which shares nothing with the service's."""
    from basestone.serving.worker import Worker

    nursery = nursery_of(worker_request(run, found, 1), state / "replay.log")
    worker = Worker(nursery)
    try:
        await worker.start()
        yield worker
    finally:
        await worker.halt()
        nursery.close()
