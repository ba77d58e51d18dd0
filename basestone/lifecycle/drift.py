"""Drift: do the inputs of a served model still look like those it was audited on? If not, clauses are open again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from basestone.core.artifact import Manifest, read_json
from basestone.core.errors import ArtifactError
from basestone.core.run import RunFolder

if TYPE_CHECKING:
    from basestone.lifecycle.standing import Standing
    from basestone.serving.safety import Guard, Unguarded
    from basestone.serving.service import Service
    from basestone.serving.watch import Watch

# Records of what the model did with test samples: true of inputs like these, and of no others.
DRAWN = (
    *("clean_test", "parent_test", "corrupted", "unseen", "attacked", "attack_checks", "outliers"),
    *("fairness", "filter", "identity_swaps"),
    *("attributions", "occlusion", "randomised", "ablated", "shapley", "rules"),
)


def resting_on_samples(verdicts: Mapping[str, Any]) -> list[str]:
    """The clauses that hold because of how test samples were answered."""
    return [
        row["clause"]
        for row in verdicts["verdicts"]
        if row["verdict"] in ("pass", "waived")
        and any(PurePosixPath(one["path"]).stem in DRAWN for one in row["evidence"])
    ]


def about(run: RunFolder, subject: Manifest, audit: str | None) -> dict[str, str]:
    """Which model, judged by which audit: what a finding speaks of, so that another audit starts afresh."""
    manifest = run.manifest(audit) if audit else None
    return {"digest": subject.digest, "audit": manifest.digest if manifest else ""}


def make_watch(run: RunFolder, found: Standing, guard: Guard | Unguarded) -> Watch | None:
    """What compares live samples with those of the audit, on which ``guard`` stands; None where it stands on none."""
    from basestone.serving.drift import Monitor
    from basestone.serving.safety import Unguarded
    from basestone.serving.watch import Watch

    if found.audit is None or isinstance(guard, Unguarded):
        return None
    predictions = run.records(found.audit).table("clean_test")["prediction"].tolist()
    labels = read_json(run.stage(found.subject.stage) / "model.json")["spec"]["class_names"]
    return Watch(
        monitor=Monitor(guard.energies, predictions, labels),
        subject=about(run, found.subject, found.audit),
        clauses=resting_on_samples(run.verdicts(found.audit)),
    )


def watch_over(service: Service, watch: Watch, folder: Path, told: Callable[[str], object]) -> None:
    """Keeps watch for as long as the service lives; from a finding on each answer says which clauses are open."""
    from basestone.serving.watch import STATE, keep_watch

    def tell(finding: Mapping[str, Any]) -> None:
        told(f"drift: live samples are not like those of the audit; open again: {', '.join(finding['clauses'])}")
        parameters = {**service.offer.parameters, "reopened": ",".join(finding["clauses"])}
        service.offer = replace(service.offer, parameters=parameters)

    async def watch_on() -> None:
        try:
            await keep_watch(service.journal, watch, folder / STATE, tell)
        except Exception as error:  # the service goes on, and its log says that nobody watches any more
            why = f"{type(error).__name__}: {error}"
            told(f"drift: nobody watches any more ({why})")
            await service.journal(lambda queue: queue.log.append("watch_failed", {"reason": why}))

    duty = asyncio.create_task(watch_on())

    async def end() -> None:
        duty.cancel()
        await asyncio.gather(duty, return_exceptions=True)

    service.on_close(end)


def replay(run: Path, state: Path | None = None) -> dict[str, Any]:
    """What a service's watch knows, computed anew from the audit's records and the whole log.

    Raises:
        ArtifactError: the run was not served, or no audit recorded samples to compare with.
    """
    from basestone.lifecycle.serve import Options, make_guard
    from basestone.lifecycle.standing import standing, state_folder
    from basestone.serving.log import Log

    folder, path = RunFolder(run), state_folder(run, state) / "review.db"
    found = standing(folder, state=state)
    watch = make_watch(folder, found, make_guard(folder, found.audit, Options()))
    if watch is None or not path.exists():
        raise ArtifactError(f"{run} must have been audited and then served before live inputs can be compared.")
    log = Log(path, read_only=True)
    try:
        watch.read(log.rows())
    finally:
        log.close()
    return watch.to_json()
