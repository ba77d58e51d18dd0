"""The review queue over HTTP, and its page: one case at a time, answered by a key press, the model's opinion hidden.

Annotations are evaluated at once in this module, as FastAPI reads them and is imported where it is needed.
"""

from pathlib import Path
from typing import Any
from urllib.parse import unquote

from basestone.core.errors import UsageError
from basestone.serving.access import Access
from basestone.serving.protocol import Refusal
from basestone.serving.review import Case, ReviewQueue
from basestone.serving.service import Service

PAGE = Path(__file__).parent / "review.html"
POLICY = (
    "default-src 'none'; img-src blob:; media-src blob:; connect-src 'self'; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'"
)


def add_review(app: Any, access: Access) -> None:
    """Adds ``/review`` (the page) and ``/review/…`` (what it asks) to the application."""
    from fastapi import Request, Response

    from basestone.serving.app import small_json

    def reviewer(request: Request) -> str:
        name = access.check(request, "reviewer") or unquote(request.headers.get("x-reviewer", ""))
        if not name.strip():
            raise Refusal(400, "Where there are no keys, the header x-reviewer must name the reviewer.")
        return name.strip()[:64]

    @app.get("/review")
    async def page() -> Response:
        return Response(PAGE.read_bytes(), media_type="text/html", headers={"Content-Security-Policy": POLICY})

    @app.get("/review/waiting")
    async def waiting(request: Request) -> dict[str, Any]:
        name, service = reviewer(request), _service(app)
        cases = await service.journal(lambda queue: queue.waiting(name))
        return {
            "labels": list(service.offer.labels),
            "waiting": [{"id": case.ticket.id, "at": case.at, "media": case.ticket.media} for case in cases],
        }

    @app.get("/review/tickets/{ticket}")
    async def state(request: Request, ticket: str) -> dict[str, Any]:
        access.check(request, "client")
        return _public(await _service(app).journal(lambda queue: _case(queue, ticket)))

    @app.get("/review/tickets/{ticket}/input")
    async def shown(request: Request, ticket: str) -> Response:
        reviewer(request)
        case = await _service(app).journal(lambda queue: _case(queue, ticket))
        return Response(case.ticket.input, media_type=case.ticket.media, headers={"X-Content-Type-Options": "nosniff"})

    @app.post("/review/tickets/{ticket}")
    async def decide(request: Request, ticket: str) -> dict[str, Any]:
        name = reviewer(request)
        body = await small_json(access, request)
        label, note = str(body.get("label") or ""), str(body.get("note") or "")[:1000]
        await _service(app).journal(lambda queue: _case(queue, ticket))
        return _public(await _service(app).journal(lambda queue: queue.decide(ticket, name, label, note)))

    @app.post("/review/override")
    async def override(request: Request) -> dict[str, Any]:
        name = reviewer(request)
        body = await small_json(access, request)
        digest, label, reason = (str(body.get(key) or "") for key in ("digest", "label", "reason"))
        if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
            raise Refusal(400, "'digest' must be that of an answer, 64 hexadecimal digits.")
        await _service(app).override(digest, label, name, reason[:1000])
        return {"digest": digest, "label": label}

    @app.get("/review/status")
    async def status(request: Request) -> dict[str, Any]:
        reviewer(request)
        return await _service(app).journal(summary)


def summary(queue: ReviewQueue) -> dict[str, Any]:
    """Cases by state, agreement between reviewers (None while chance cannot be told), and the log's health."""
    try:
        alpha: float | None = queue.agreement()
    except UsageError:
        alpha = None
    return {"cases": queue.counts(), "alpha": alpha, "rows": queue.log.head["seq"], "faults": queue.faults()}


def _service(app: Any) -> Service:
    return app.state.service


def _case(queue: ReviewQueue, ticket: str) -> Case:
    try:
        return queue.case(ticket)
    except UsageError as error:
        raise Refusal(404, str(error)) from error


def _public(case: Case) -> dict[str, Any]:
    """What callers may see: the state and people's label, not who said what."""
    return {"ticket": case.ticket.id, "state": case.state, "label": case.label, "decisions": len(case.decisions)}
