"""Drill: serve a run, do to the service what may happen to it, and judge what people would have experienced.

The records, measurements and verdicts lie in ``stages/drill`` like an audit's, signed on their own; ``verify`` judges
them again.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basestone.core.artifact import Manifest, digest_files, write_json
from basestone.core.contracts import Tracker
from basestone.core.document import read
from basestone.core.errors import ArtifactError
from basestone.core.evidence import digest_of, write_records
from basestone.core.run import RunFolder
from basestone.lifecycle.assess import assess
from basestone.lifecycle.drilled import Subject, replayed_paths, subject_of
from basestone.lifecycle.environment import keys_folder, version
from basestone.lifecycle.keys import signing_key
from basestone.lifecycle.serve import Options, read_anchors
from basestone.lifecycle.standing import Standing, standing

if TYPE_CHECKING:
    from basestone.serving.drills import Drill, Rows
    from basestone.standard.profile import StandardInForce

STAGE = "drill"
SERVER = "basestone.lifecycle.serve"
START_S = 300.0
DRILLED = "drills of a model that the gate refuses"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How often each drill is done: 59 show 95 % with 95 % confidence, 2,995 requests an error rate of 0.1 %.

    ``rate``: requests a second that the service is declared to bear. ``declare``: thresholds by clause.
    """

    stops: int = 59
    overrides: int = 59
    handovers: int = 59
    paths: int = 59
    requests: int = 3000
    rate: float = 20.0
    overload: int = 600
    declare: Mapping[str, dict[str, float]] = field(default_factory=dict[str, dict[str, float]])


def drill(
    run: Path,
    plan: Plan | None = None,
    *,
    tracker: Tracker | None = None,
    server: str = SERVER,
    spoil: Callable[[Path], object] | None = None,
) -> dict[str, Any]:
    """Does every drill and returns ``verdicts.json``.

    ``server`` is the module that serves, with its arguments, and ``spoil`` is given the service's folder when it has
    ended: how the self-test plants what must be found.
    """
    plan, folder = plan or Plan(), RunFolder(run)
    found = standing(folder)
    standard, subject = _standard(folder, plan), subject_of(folder, found, plan.paths + 2 * plan.overrides)
    out = folder.stage(STAGE)
    shutil.rmtree(out, ignore_errors=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="basestone-drill-") as place:
        state = Path(place) / "state"
        records = Recorder(out, tracker)
        with serving(folder, found, state, server) as read_notice:
            asyncio.run(_drills(records, plan, subject, folder, state, read_notice))
        if spoil:
            spoil(state)
        _read_log(records, folder, state)
    return _judged(out, standard, found, plan, time.monotonic() - started)


@dataclass
class Recorder:
    """Writes each table as soon as it is complete; what fails is written down with its reason."""

    folder: Path
    tracker: Tracker | None
    facts: dict[str, Any] = field(default_factory=lambda: {"failures": {}, "timing": {}})

    async def table(self, name: str, work: Callable[[Callable[[int, int], object]], Awaitable[Rows]]) -> None:
        """The table ``name``, made by ``work``, which reports its progress."""
        started = time.monotonic()
        try:
            self.write(name, await work(lambda done, total: self._progress(name, done, total)))
        except Exception as error:  # whatever the reason, the clause is 'not shown' and the drills go on
            self.fail(name, error)
        self.facts["timing"][name] = round(time.monotonic() - started, 3)
        write_json(self.folder / "facts.json", self.facts)

    def write(self, name: str, rows: Rows) -> None:
        """One table."""
        write_records(self.folder / "samples" / f"{name}.parquet", rows)

    def fail(self, name: str, error: Exception) -> None:
        """Says why there is no such table."""
        self.facts["failures"][name] = f"{type(error).__name__}: {error}"

    def _progress(self, name: str, done: int, total: int) -> None:
        if self.tracker:
            self.tracker.log({"event": "progress", "stage": STAGE, "done": done, "total": total, "unit": name})


async def _drills(
    records: Recorder,
    plan: Plan,
    subject: Subject,
    run: RunFolder,
    state: Path,
    read_notice: Callable[[], dict[str, Any]],
) -> None:
    import httpx
    import numpy as np

    from basestone.serving import drills

    notice, samples = read_notice(), subject.samples
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=200)
    async with httpx.AsyncClient(base_url=notice["url"], limits=limits) as client:
        drill = _drill(client, read_notice, subject, state)
        await drill.back()
        half = samples[plan.overrides :]
        rng = np.random.default_rng(0)
        await records.table("handovers", lambda tell: drills.drill_handovers(drill, subject, plan.handovers, tell))
        await records.table("overrides", lambda tell: drills.drill_overrides(drill, samples, plan.overrides, tell))
        await records.table("paths", lambda tell: replayed_paths(drill, run, subject, half, state, plan.paths, tell))
        await records.table("load", lambda tell: drills.drill_load(drill, half, plan.requests, plan.rate, rng, tell))

        async def overload(tell: Callable[[int, int], object]) -> Rows:
            most = await drills.capacity(drill, half, 2.0)
            records.facts["capacity_per_s"] = most
            return await drills.drill_load(drill, half, plan.overload, 2 * max(most, 1.0), rng, tell)

        await records.table("overload", overload)
        await records.table("stops", lambda tell: drills.drill_stops(drill, half, plan.stops, tell))


def _drill(client: Any, read_notice: Any, subject: Subject, state: Path) -> Drill:
    from basestone.serving.drills import Drill
    from basestone.serving.stop import Switch

    operator = {"by": "the drill", "reason": "a drill"}

    async def by_page() -> None:
        await client.post("/stop", json=operator)

    async def by_signal() -> None:
        os.kill(read_notice()["pid"], signal.SIGUSR1)

    async def by_command() -> None:
        # what 'basestone stop' does first; that it kills a service which disobeys is no merit of the service
        await asyncio.to_thread(Switch(state).stop, "the drill", "a drill")

    async def release() -> None:
        await client.post("/release", json=operator)

    return Drill(
        client=client,
        read=read_notice,
        tensor=subject.tensor,
        labels=subject.labels,
        stops={"page": by_page, "signal": by_signal, "command": by_command},
        release=release,
    )


@contextmanager
def serving(run: RunFolder, found: Standing, state: Path, server: str) -> Iterator[Callable[[], dict[str, Any]]]:
    """The service in a process of its own; gives what reads its notice. ArtifactError when it does not start."""
    from basestone.serving.probe import read_notice

    options = Options(port=0, state=state, unproven=DRILLED if found.obstacles else None)
    said = {name: str(value) if isinstance(value, Path) else value for name, value in asdict(options).items()}
    command = [sys.executable, "-m", *server.split(), json.dumps(said | {"run": str(run.path)})]
    state.mkdir(parents=True)
    with (state / "server.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + START_S
        while not (read_notice(state) or {}).get("worker_pid"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise ArtifactError(f"The service did not start: {(state / 'server.log').read_text()[-2000:]}")
            time.sleep(0.05)
        yield lambda: read_notice(state) or {}
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _read_log(records: Recorder, run: RunFolder, state: Path) -> None:
    """Every row of the log as it lies there, its signed heads, and what becomes of changes planted in copies."""
    from basestone.lifecycle.review import queue_of
    from basestone.serving.tampering import plant

    try:
        with queue_of(run.path, state) as queue:
            rows = list(queue.log.rows())
        columns = ("seq", "at", "kind", "body", "previous", "hash")
        records.write("log_rows", {name: [getattr(row, name) for row in rows] for name in columns})
        records.write("tampering", plant(rows))
        records.facts["log_anchors"] = [{key: one[key] for key in ("seq", "hash")} for one in read_anchors(state)]
    except Exception as error:  # a log that cannot be read is not shown to be whole
        records.fail("log_rows", error)
    write_json(records.folder / "facts.json", records.facts)


def _standard(run: RunFolder, plan: Plan) -> StandardInForce:
    from basestone.measures import MEASURES
    from basestone.standard.tailoring import resolve

    task = read(run.recipe).plain()["task"]
    return resolve("served", plan.declare, (), task, date.today(), stage=STAGE, served=True, known_measures=MEASURES)


def _judged(out: Path, standard: StandardInForce, found: Standing, plan: Plan, wall_s: float) -> dict[str, Any]:
    """Writes measurements and verdicts, the manifest, and the signature over all of it."""
    from basestone.reporting.attest import sign_files

    verdicts = assess(out, standard, found.subject)
    files = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    Manifest(
        stage=STAGE,
        kind=STAGE,
        inputs=digest_of({"plan": asdict(plan), "subject": found.subject.digest, "at": time.time_ns() // 10**6}),
        parents={found.subject.stage: found.subject.digest},
        files=digest_files(out, files),
        wall_s=round(wall_s, 3),
        version=version(),
        facts={
            "outcome": verdicts["outcome"],
            "subject": found.subject.stage,
            "standard": standard.to_json(),
            "failures": sorted(json.loads((out / "facts.json").read_text())["failures"]),
        },
    ).write(out)
    sign_files(out, [*files, "manifest.json"], signing_key(keys_folder()))
    return verdicts
