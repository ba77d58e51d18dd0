"""What a service left to people: one case at a time, a key for each label, and what became of all that was decided.

The page is a frame; its pieces come from the addresses below it, so that a decision is an ordinary request which even a
page that is being closed can still send. Who decides is the name in the visitor's cookie: no proof of who it is, as
the page itself asks for none (docs/studio.md).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nicegui import run, ui
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from basestone.core.errors import ArtifactError, BasestoneError, UsageError
from basestone.core.run import RunFolder
from basestone.lifecycle import review
from basestone.reporting.strings import Language
from basestone.studio.files import POLICY
from basestone.studio.frame import language_of, page_frame, part, person_of, render
from basestone.studio.keys import keys_of
from basestone.studio.runs import RunView

HELD_S = 8  # for which a decision can be taken back before it is written
HEADERS = {"content-security-policy": POLICY, "x-content-type-options": "nosniff", "cache-control": "no-store"}
LISTED = 40  # settled cases and exported files that are named


async def review_page(found: RunView, request: Request) -> None:
    """The page ``/runs/NAME/review``."""
    with page_frame(request, found.name, "runs") as language:
        served = await run.io_bound(_is_reviewable, found.folder.path)
        told = {"run": found.name, "person": person_of(request), "served": served, "held_s": HELD_S}
        ui.add_head_html('<script defer src="/look/review.js"></script>')
        part(render("review.html.j2", language, **told))


def _is_reviewable(path: Path) -> bool:
    try:
        with review.queue_of(path):
            return True
    except ArtifactError:
        return False


async def piece(found: RunView, request: Request) -> Response:
    """A piece of the page: ``case`` (the next one, or ``only`` this), or ``state``."""
    language, make = language_of(request), {"case": _case, "state": _state}.get(request.path_params["piece"])
    if make is None:
        return PlainTextResponse("no such piece\n", 404)
    return await _answer(language, make, found, request, language)


async def decide(found: RunView, request: Request) -> Response:
    """A posted decision: ``ticket`` and ``label``."""
    return await _answer(language_of(request), _decide, found, request)


async def export(found: RunView, request: Request) -> Response:
    """A posted wish for an export; where it lies, as a piece of the page."""
    language = language_of(request)
    return await _answer(language, _export, found, request.query_params.get("form", "data"), language)


async def _answer(language: Language, make: Any, *arguments: Any) -> Response:
    try:
        return HTMLResponse(await run.io_bound(make, *arguments))
    except BasestoneError as error:
        return HTMLResponse(render("fault.html.j2", language, fault=str(error)), 400)


async def shown_input(found: RunView, request: Request) -> Response:
    """The bytes that were left to people, or a ``picture`` of them, with nothing that could act as the page."""
    try:
        case = await run.io_bound(review.one_case, found.folder.path, request.path_params["ticket"])
        assert case is not None
        if "picture" in request.query_params:
            return Response(review.picture_of(case), media_type="image/png", headers=HEADERS)
    except BasestoneError as error:
        return PlainTextResponse(f"{error}\n", 404)
    return Response(case.ticket.input, media_type=case.ticket.media, headers=HEADERS)


def _case(found: RunView, request: Request, language: Language) -> str:
    path, only = found.folder.path, request.query_params.get("only", "")
    skipped = [one for one in request.query_params.get("skip", "").split(",") if one]
    held = request.query_params.get("held", "")
    case, left = review.next_case(path, _reviewer(request), [*skipped, *([held] if held else [])])
    left -= bool(held)
    if only:
        case = review.one_case(path, only)
    elif case and case.ticket.id == held:  # nothing else is left
        case = None
    keys = keys_of(review.labels_of(RunFolder(path)))
    text = case.ticket.input.decode("utf-8", "replace") if case and case.ticket.media == "text/plain" else ""
    return render("review_case.html.j2", language, run=found.name, case=case, left=left, keys=keys, text=text)


def _decide(found: RunView, request: Request) -> str:
    told = request.query_params
    return review.decide(found.folder.path, told.get("ticket", ""), _reviewer(request), told.get("label", ""))


def _state(found: RunView, request: Request, language: Language) -> str:
    path = found.folder.path
    told = review.overview(path)
    with review.queue_of(path) as queue:
        settled = [case for case in queue.cases() if case.label is not None][-LISTED:]
    decisions = review.decided(path, person_of(request))
    values = {"run": found.name, "told": told, "decisions": decisions, "settled": settled[::-1]}
    return render("review_state.html.j2", language, **values)


def _export(found: RunView, form: str, language: Language) -> str:
    if form not in ("data", "label-studio"):
        raise UsageError(f"An export is 'data' or 'label-studio'; got '{form[:40]}'.")
    path = found.folder.path
    out = review.export_beside(path, form)
    files = sorted(one for one in out.rglob("*") if one.is_file()) if out.is_dir() else [out]
    names = [one.relative_to(path).as_posix() for one in files]
    kind = "" if form != "data" else "jsonl" if (out / "train.jsonl").exists() else "folder"
    told = {"run": found.name, "out": str(out), "files": names[:LISTED], "more": len(names) - LISTED, "kind": kind}
    return render("review_export.html.j2", language, **told)


def _reviewer(request: Request) -> str:
    name = person_of(request)
    if not name:
        raise UsageError("A decision needs the name of whoever makes it. Give it above.")
    return name
