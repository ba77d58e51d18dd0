"""A place to try a finished model: a sample, a file, a drawing or a text, and what is answered, and why.

The audited model answers here, or the live service as it answers its callers; an explanation is always of the model.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from nicegui import run
from starlette.requests import Request
from starlette.responses import HTMLResponse

from basestone.core.errors import BasestoneError, UsageError
from basestone.lifecycle.ask import ask, askable
from basestone.lifecycle.ask_service import ask_service
from basestone.lifecycle.attribute import METHODS, attribute
from basestone.reporting.explanations import Explanation, picture_of
from basestone.reporting.numbers import prefixed
from basestone.reporting.strings import Language
from basestone.studio.frame import language_of, page_frame, part, render
from basestone.studio.runs import RunView
from basestone.studio.services import read_service
from basestone.studio.strings import say

MAY_BE_ABSENT = ("label", "shown", "deferred", "overridden", "unproven", "reopened")  # in an answer
LARGEST = 16_000_000  # bytes that may be handed over


async def playground(root: Path, found: RunView, request: Request) -> None:
    """The page ``/runs/NAME/play``."""
    with page_frame(request, found.name, "runs") as language:
        about, fault = await run.io_bound(_about, root, found) or ({}, "")
        via = request.query_params.get("via", "model")
        part(render("play.html.j2", language, run=found.name, about=about, fault=fault, via=via))


def _about(root: Path, found: RunView) -> tuple[dict[str, Any], str]:
    """What can be asked; ``served``: whether a live service answers, None where none ever could."""
    try:
        about = askable(found.folder.path)
    except BasestoneError as error:
        return {}, str(error)
    explainable = about["answers"] == "classes" and not about["sensitive"]
    methods = METHODS.get(about["reads"], ()) if explainable else ()
    served = read_service(root, found.name).state == "ready" if about["answers"] == "classes" else None
    return {**about, "methods": methods, "served": served}, ""


async def answered(found: RunView, request: Request) -> HTMLResponse:
    """The answer to a question that was posted, as a piece of a page. The model runs in a process of its own."""
    language = language_of(request)
    answer, question = await _worked(found, request, request.query_params.get("via", "model"))
    return HTMLResponse(_shown(found, answer, question, language), 400 if "fault" in answer else 200)


async def explained(found: RunView, request: Request) -> HTMLResponse:
    """What spoke for the answer to a question that was posted, as a piece of a page."""
    told, _ = await _worked(found, request, "explanation", request.query_params.get("method", ""))
    fault, picture = told.get("fault", ""), None
    if not fault:
        shown = {name: told[name] for name in ("values", "png", "cells", "words") if name in told}
        picture = picture_of(Explanation(row=found.name, answer=told["answer"], label="", **shown))
    values = {"run": found.name, "fault": fault, "told": told, "picture": picture}
    return HTMLResponse(render("explanation.html.j2", language_of(request), **values), 400 if fault else 200)


async def _worked(found: RunView, request: Request, who: str, *more: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What ``worked`` makes of a posted question, in a process of its own, and the question."""
    question: dict[str, Any] = {}
    try:
        question = _question(request.query_params.get("kind", ""), await _body(request, language_of(request)))
        found_out = await run.cpu_bound(worked, who, str(found.folder.path), question, *more)
        return found_out or {"fault": "stopped"}, question
    except BasestoneError as error:
        return {"fault": str(error)}, question


def worked(who: str, path: str, question: dict[str, Any], *more: str) -> dict[str, Any]:
    """A door's answer in a worker: a fault that the visitor can mend comes back as its words."""
    door: Any = {"model": ask, "service": ask_service, "explanation": attribute}.get(who)
    try:
        if door is None:
            raise UsageError(f"An answer comes from the model or the service; got '{who[:40]}'.")
        return door(Path(path), question, *more)
    except BasestoneError as error:
        return {"fault": str(error)}


def _question(kind: str, body: bytes) -> dict[str, Any]:
    if kind == "file":
        return {"file": body}
    text = body.decode("utf-8", "replace")
    if kind == "sample":
        if not text.strip().isdecimal():
            raise UsageError(f"A test sample is asked for by its number, 0 or more; got '{text[:40]}'.")
        return {"sample": int(text)}
    if kind == "text":
        return {"text": text}
    raise UsageError(f"A question is a sample, a file or a text; got '{kind[:40]}'.")


async def _body(request: Request, language: Language) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST:
            told = int(request.headers.get("content-length") or len(body))
            raise UsageError(say("too_large", language, limit=prefixed(LARGEST, "B"), size=prefixed(told, "B")))
    return bytes(body)


def _shown(found: RunView, answer: dict[str, Any], question: dict[str, Any], language: Language) -> str:
    if "fault" in answer:
        return render("answer.html.j2", language, fault=answer["fault"])
    picture, sound = answer.pop("picture", None), answer.pop("sound", None)
    return render(
        "answer.html.j2",
        language,
        fault="",
        run=found.name,
        answer={**dict.fromkeys(MAY_BE_ABSENT), **answer},
        picture=_uri("image/png", picture),
        sound=_uri("audio/wav", sound),
        asked=question.get("text"),
        sensitive=not picture and not sound and "file" in question,
    )


def _uri(media: str, held: bytes | None) -> str | None:
    return f"data:{media};base64,{base64.b64encode(held).decode()}" if held else None
