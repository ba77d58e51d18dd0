"""Decisions out, as data that a recipe reads; cases out to Label Studio and its answers back in.

Images and sounds become a folder of class folders (``data.source: {kind: folder, root: OUT}``), texts a JSONL file with
``text`` and ``label``. Only settled cases are data: two people agreed.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from basestone.core.artifact import write_atomically, write_json, write_text
from basestone.core.errors import DataError, UsageError
from basestone.serving.review import Case, ReviewQueue

SUFFIX = {"image/png": ".png", "audio/wav": ".wav", "text/plain": ".txt"}


def export_decisions(queue: ReviewQueue, folder: Path) -> dict[str, int]:
    """Writes every settled case; label → how many. UsageError when none is settled, or the folder holds something."""
    settled = [case for case in queue.cases() if case.label is not None]
    if not settled:
        raise UsageError("An export needs at least one case on which two people agreed, and there is none yet.")
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} must be empty or new, so that old and new decisions do not mix. Choose another.")
    if settled[0].ticket.media == "text/plain":
        lines = (
            json.dumps({"text": case.ticket.input.decode(), "label": case.label}, ensure_ascii=False)
            for case in settled
        )
        write_text(folder / "train.jsonl", "\n".join(lines) + "\n")
    else:
        for case in settled:
            _write_file(folder / class_folder(str(case.label)) / f"{case.ticket.id}{SUFFIX[case.ticket.media]}", case)
    counts: dict[str, int] = {}
    for case in settled:
        counts[str(case.label)] = counts.get(str(case.label), 0) + 1
    return counts


def class_folder(label: str) -> str:
    """A class's folder is its name; UsageError for a name that would lead elsewhere."""
    if label in (".", "..") or re.search(r"[/\\\0]", label) or label.startswith("."):
        raise UsageError(f"A class must have a name that can be a folder's, and '{label}' cannot.")
    return label


def _write_file(path: Path, case: Case) -> None:
    write_atomically(path, lambda temporary: temporary.write_bytes(case.ticket.input))


def label_studio_config(labels: tuple[str, ...], media: str) -> str:
    """The labeling interface to paste into a Label Studio project."""
    kind = {"image/png": "Image", "audio/wav": "Audio"}.get(media, "Text")
    field = kind.lower()
    choices = "\n".join(f'    <Choice value="{_escaped(label)}"/>' for label in labels)
    return (
        f'<View>\n  <{kind} name="{field}" value="${field}"/>\n'
        f'  <Choices name="label" toName="{field}" choice="single">\n{choices}\n  </Choices>\n</View>\n'
    )


def export_label_studio(queue: ReviewQueue, path: Path) -> int:
    """Writes every case as a Label Studio task, decisions as annotations, inputs as data URLs; how many.

    Beside it lies the labeling interface to paste into the project: the same name, ending in ``.xml``.
    """
    cases = queue.cases()
    tasks = [_task(case) for case in cases]
    write_json(path, tasks)
    if cases:
        write_text(path.with_suffix(".xml"), label_studio_config(queue.labels, cases[0].ticket.media))
    return len(tasks)


def _task(case: Case) -> dict[str, Any]:
    ticket = case.ticket
    field = ticket.media.partition("/")[0]
    held = (
        ticket.input.decode()
        if field == "text"
        else f"data:{ticket.media};base64,{base64.b64encode(ticket.input).decode()}"
    )
    annotations = [
        {
            "completed_by": {"email": reviewer},
            "result": [{"from_name": "label", "to_name": field, "type": "choices", "value": {"choices": [label]}}],
        }
        for reviewer, label in case.decisions.items()
    ]
    return {"data": {field: held, "ticket": ticket.id}, "meta": {"ticket": ticket.id}, "annotations": annotations}


def import_label_studio(queue: ReviewQueue, path: Path) -> int:
    """Takes the annotations of an exported Label Studio project as decisions; how many were new.

    All or nothing: DataError with the first annotation that names no ticket, no label of ours or no person.
    """
    try:
        tasks = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} must be JSON as Label Studio exports it, and is not ({error}).") from error
    found = [one for place, task in enumerate(_list(tasks, path)) for one in _annotations(task, place, path)]
    known = {case.ticket.id: case for case in queue.cases()}
    for ticket, _, label, where in found:
        if ticket not in known:
            raise DataError(f"{where} must name a ticket of this service; got '{ticket}'.")
        if label not in queue.labels:
            raise DataError(f"{where} must give one of the labels {', '.join(queue.labels)}; got '{label}'.")
    fresh = [(ticket, who, label) for ticket, who, label, _ in found if who not in known[ticket].decisions]
    for ticket, who, label in dict.fromkeys(fresh):
        if queue.case(ticket).label is None:
            queue.decide(ticket, who, label, "imported from Label Studio")
    return len(dict.fromkeys(fresh))


def _list(value: Any, path: Path) -> list[Any]:
    if not isinstance(value, list):
        raise DataError(f"{path} must be a list of tasks, as Label Studio exports it.")
    return cast("list[Any]", value)


def _annotations(task: Any, place: int, path: Path) -> list[tuple[str, str, str, str]]:
    """(ticket, person, label, where it stands) of each annotation of one task."""
    where = f"{path}, task {place}"
    try:
        ticket = str(task["data"].get("ticket") or task.get("meta", {}).get("ticket"))
        return [
            (ticket, _person(one), _choice(one), where)
            for one in task.get("annotations", [])
            if not one.get("was_cancelled")
        ]
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise DataError(f"{where} must be as Label Studio exports it and is not ({error!r}).") from error


def _person(annotation: Mapping[str, Any]) -> str:
    who = annotation["completed_by"]
    return str(who["email"] if isinstance(who, dict) else f"label-studio-{who}")


def _choice(annotation: Mapping[str, Any]) -> str:
    return next(str(one["value"]["choices"][0]) for one in annotation["result"] if one["type"] == "choices")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
