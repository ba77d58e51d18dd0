"""Requests for inference over HTTP, answered before FastAPI sees them: its layers cost more than a small model does.

Whatever else is asked goes on to the application behind. Cancellation: a caller who hangs up is noticed ``NOTICED_S``
after the body has come, or at once when that is later; sooner the answer is about to leave anyway.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from basestone.core.errors import BasestoneError
from basestone.serving.access import Access, deadline_of
from basestone.serving.protocol import JSON_LENGTH, Refusal, answer, parse
from basestone.serving.service import Service

if TYPE_CHECKING:
    from starlette.requests import Request

T = TypeVar("T")
App = Callable[[Any, Any, Any], Awaitable[None]]
PATH = re.compile(r"/v2/models/([^/]+)(?:/versions/([^/]+))?/infer")
V2_TYPES = ("application/json", "application/octet-stream")
NOTICED_S = 0.02
JSON = {"content-type": "application/json"}
FAULT = "A fault of the service, not of the request. It was written down."


class Inference:
    """ASGI: ``POST …/infer`` is answered here, the rest by ``behind``; ``service`` is there once it has started."""

    def __init__(self, behind: App, service: Callable[[], Service], access: Access) -> None:
        """``behind`` also gets the lifespan."""
        from starlette.requests import Request

        self.behind, self._service, self._access, self._request = behind, service, access, Request

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One connection's request, or the lifespan."""
        asked = PATH.fullmatch(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if asked is None:
            await self.behind(scope, receive, send)
            return
        status, headers, body = await self.answered(self._request(scope, receive), asked[1], asked[2])
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        raw.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": body})

    async def answered(
        self, request: Request, model: str, version: str | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body; a fault of ours is 500 with no more than that."""
        started, metrics = time.perf_counter(), self._service().metrics
        try:
            body, headers = await self._infer(request, model, version)
            status = 200
        except Refusal as refusal:
            status, headers, body = refusal.status, JSON | refusal.headers, sentence(refusal.message)
        except BasestoneError as error:
            status, headers, body = status_of(error), JSON, sentence(str(error))
        except Exception as error:
            traceback.print_exception(error, file=sys.stderr)
            status, headers, body = 500, JSON, sentence(FAULT)
        metrics.answered(status, time.perf_counter() - started)
        return status, headers, body

    def turned_away(self) -> Refusal | None:
        """Why one more request is refused before anything of it is read: the queue is full; None where it is not."""
        service = self._service()
        if not service.ready:
            return None  # that has its own words
        try:
            service.refuse_if_full()
        except Refusal as refusal:
            service.metrics.answered(refusal.status, 0.0)
            return refusal
        return None

    async def _infer(self, request: Request, model: str, version: str | None) -> tuple[bytes, dict[str, str]]:
        """In the order of what costs least: stopped, key, name, queue; then body, tensors, the model."""
        service, access = self._service(), self._access
        service.keeper.require_answering()
        access.check(request, "client")
        require_model(service, model, version)
        service.refuse_if_full()
        deadline_s = deadline_of(request.headers.get("x-deadline-ms"))
        body = await access.body(request, V2_TYPES)
        with service.load.counted():
            parsed = parse(body, request.headers.get(JSON_LENGTH))
            outputs = await unless_gone(request, service.infer(parsed, deadline_s))
            return answer(parsed, service.offer.name, service.offer.version, outputs, service.parameters_of(outputs))


def sentence(message: str) -> bytes:
    """The body of an answer that is none."""
    return json.dumps({"error": message}).encode()


def status_of(error: BasestoneError) -> int:
    """409 for what the caller must change, 503 for what the service lacks."""
    return 409 if error.exit_code == 2 else 503


async def unless_gone(request: Any, work: Awaitable[T]) -> T:
    """What ``work`` gives; it is cancelled when the caller hangs up, so that nobody computes for nobody."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    watch = list[asyncio.Task[None]]()
    later = loop.call_later(NOTICED_S, lambda: watch.append(loop.create_task(_cancel_when_gone(request, task))))
    try:
        return await work
    except asyncio.CancelledError as error:
        if not (watch and watch[0].done()):
            raise
        task.uncancel()
        raise Refusal(499, "The caller hung up before there was an answer.") from error
    finally:
        later.cancel()
        for one in watch:
            one.cancel()


async def _cancel_when_gone(request: Any, task: asyncio.Task[Any]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    task.cancel()


def require_model(service: Service, model: str, version: str | None = None) -> None:
    """Refusal 404 for another name or version."""
    if model != service.offer.name or version not in (None, service.offer.version):
        shown = model[:60] + (f" version {version[:60]}" if version else "")
        raise Refusal(404, f"There is no model '{shown}'. Served: {service.offer.name} {service.offer.version}.")
