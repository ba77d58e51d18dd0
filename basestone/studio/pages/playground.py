"""A place to try a finished model: a sample, a file, a drawing or a text, and what the model answers."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from nicegui import run
from starlette.requests import Request
from starlette.responses import HTMLResponse

from basestone.core.errors import BasestoneError, UsageError
from basestone.lifecycle.ask import ask, askable
from basestone.reporting.numbers import prefixed
from basestone.reporting.strings import Language
from basestone.studio.frame import language_of, page_frame, part, render
from basestone.studio.runs import RunView
from basestone.studio.strings import say

LARGEST = 16_000_000  # bytes that may be handed over


async def playground(found: RunView, request: Request) -> None:
    """The page ``/runs/NAME/play``."""
    with page_frame(request, found.name, "runs") as language:
        about, fault = await run.io_bound(_about, found) or ({}, "")
        part(render("play.html.j2", language, run=found.name, about=about, fault=fault))


def _about(found: RunView) -> tuple[dict[str, Any], str]:
    try:
        return askable(found.folder.path), ""
    except BasestoneError as error:
        return {}, str(error)


async def answered(found: RunView, request: Request) -> HTMLResponse:
    """The answer to a question that was posted, as a piece of a page. The model runs in a process of its own."""
    language = language_of(request)
    try:
        question = _question(request.query_params.get("kind", ""), await _body(request, language))
        answer = await run.cpu_bound(asked, str(found.folder.path), question)
    except BasestoneError as error:
        return HTMLResponse(render("answer.html.j2", language, fault=str(error)), 400)
    answer = answer or {"fault": "stopped"}
    return HTMLResponse(_shown(answer, question, language), 400 if "fault" in answer else 200)


def asked(path: str, question: dict[str, Any]) -> dict[str, Any]:
    """``lifecycle.ask`` in a worker: a fault that the visitor can mend comes back as its words."""
    try:
        return ask(Path(path), question)
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


def _shown(answer: dict[str, Any], question: dict[str, Any], language: Language) -> str:
    if "fault" in answer:
        return render("answer.html.j2", language, fault=answer["fault"])
    picture = answer.pop("picture", None)
    uri = f"data:image/png;base64,{base64.b64encode(picture).decode()}" if picture else None
    asked_text = question.get("text")
    return render(
        "answer.html.j2",
        language,
        fault="",
        answer={"label": None, "shown": None, **answer},
        picture=uri,
        asked=asked_text,
        sensitive="picture" not in answer and not picture and "file" in question,
    )
