"""Review: the cases that a service left to people; their decisions out as data, and in and out of files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basestone.core.artifact import read_json
from basestone.core.errors import ArtifactError, UsageError
from basestone.core.run import RunFolder
from basestone.lifecycle.serve import read_anchors
from basestone.lifecycle.standing import state_folder
from basestone.recipe.schema import LEAVES_MODEL

if TYPE_CHECKING:
    from basestone.serving.review import Case, ReviewQueue


@contextmanager
def queue_of(run: Path, state: Path | None = None) -> Iterator[ReviewQueue]:
    """The review queue of a run's service, whether it is running or not."""
    from basestone.serving.review import ReviewQueue

    path = state_folder(run, state) / "review.db"
    if not path.exists():
        raise ArtifactError(f"{run} must have been served before there is anything to review, and was not.")
    queue = ReviewQueue(path, labels_of(RunFolder(run)))
    queue.labels = queue.labels or _filter_labels(queue)
    try:
        yield queue
    finally:
        queue.close()


def labels_of(run: RunFolder) -> tuple[str, ...]:
    """The classes that the run's last model answers."""
    models = [stage for stage, made in run.manifests().items() if made.kind in LEAVES_MODEL]
    return tuple(read_json(run.stage(models[-1]) / "model.json")["spec"]["class_names"])


def _filter_labels(queue: ReviewQueue) -> tuple[str, ...]:
    """What people may say of a text that was kept back: the classes of the filter that the log last names."""
    named = [row.content["filter"]["labels"] for row in queue.log.rows("started") if "filter" in row.content]
    return tuple(named[-1]) if named else ()


def overview(run: Path, state: Path | None = None) -> dict[str, Any]:
    """Cases by state, agreement, and everything that is wrong with the log."""
    from basestone.serving.review_app import summary

    with queue_of(run, state) as queue:
        told = summary(queue)
        return told | {"faults": queue.faults(read_anchors(state_folder(run, state)))}


def listed(run: Path, state: Path | None = None) -> list[dict[str, Any]]:
    """Every case, one row each."""
    with queue_of(run, state) as queue:
        return [
            {
                "ticket": case.ticket.id,
                "at": case.at,
                "state": case.state,
                "reasons": ", ".join(case.ticket.reasons),
                "decisions": len(case.decisions),
                "label": case.label or "",
            }
            for case in queue.cases()
        ]


def decide(run: Path, ticket: str, reviewer: str, label: str, note: str = "", state: Path | None = None) -> str:
    """One person's label for one case; the case's state afterwards."""
    with queue_of(run, state) as queue:
        return queue.decide(ticket, reviewer, label, note).state


def export(run: Path, out: Path, form: str = "data", state: Path | None = None) -> dict[str, Any]:
    """Settled decisions as data that ``adapt`` trains on, or every case as Label Studio tasks."""
    from basestone.serving.exchange import export_decisions, export_label_studio

    with queue_of(run, state) as queue:
        if form == "label-studio":
            return {"out": str(out), "tasks": export_label_studio(queue, out)}
        return {"out": str(out), "samples": export_decisions(queue, out)}


def take_in(run: Path, path: Path, state: Path | None = None) -> int:
    """Decisions that were made in Label Studio; how many were new."""
    from basestone.serving.exchange import import_label_studio

    with queue_of(run, state) as queue:
        return import_label_studio(queue, path)


def next_case(
    run: Path, reviewer: str, skipped: Sequence[str] = (), state: Path | None = None
) -> tuple[Case | None, int]:
    """The oldest case that this person can decide and has not skipped, and how many there are in all.

    When everything was skipped, the one that was skipped first.
    """
    with queue_of(run, state) as queue:
        waiting = queue.waiting(reviewer)
    fresh = [case for case in waiting if case.ticket.id not in skipped]
    again = sorted(waiting, key=lambda case: skipped.index(case.ticket.id)) if not fresh else []
    return next(iter([*fresh, *again]), None), len(waiting)


def one_case(run: Path, ticket: str, state: Path | None = None) -> Case:
    """One case, decided or not; UsageError when there is none of that id."""
    with queue_of(run, state) as queue:
        return queue.case(ticket)


def picture_of(case: Case) -> bytes:
    """A PNG of the case for who cannot hear it: a recording's waveform and spectrogram, an image as it is."""
    from basestone.data.export import png_bytes
    from basestone.data.speech.picture import picture_of_wav

    if case.ticket.media == "audio/wav":
        return png_bytes(picture_of_wav(case.ticket.input))
    if case.ticket.media == "image/png":
        return case.ticket.input
    raise UsageError(f"A picture is of an image or a recording, and this case is {case.ticket.media}.")


def decided(run: Path, reviewer: str, last: int = 12, state: Path | None = None) -> list[dict[str, Any]]:
    """The last decisions as the log has them, the newest first.

    The label is left out of those that others gave to a case that is not settled, so that nobody decides after another.
    """
    with queue_of(run, state) as queue:
        labels = {case.ticket.id: case.label for case in queue.cases()}
        rows = [*queue.log.rows("decision")][-last:]
    found = [{"seq": row.seq, "at": row.at, "hash": row.hash, **row.content} for row in reversed(rows)]
    return [
        one | ({} if labels[one["ticket"]] or one["reviewer"] == reviewer else {"label": None, "note": ""})
        for one in found
    ]


def export_beside(run: Path, form: str = "data", state: Path | None = None) -> Path:
    """``export`` into the service's folder, under the number of the log's last decision; made once for each."""
    with queue_of(run, state) as queue:
        seq = max((row.seq for row in queue.log.rows("decision")), default=0)
    suffix = ".json" if form == "label-studio" else ""
    out = state_folder(run, state) / "exports" / f"{form}-{seq:06d}{suffix}"
    if not out.exists():
        export(run, out, form, state)
    return out
