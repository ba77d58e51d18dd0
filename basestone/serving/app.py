"""The service over HTTP: Open Inference Protocol v2, health, metrics, stop and release. Thin: FastAPI only routes.

A request's body is read and parsed here by hand, as FastAPI's validation of a tensor costs more than small models do.
Annotations are evaluated at once in this module, as FastAPI reads them and is imported where it is needed.
Every answer that is none is ``{"error": one sentence}``; a fault of ours is 500 with no more than that.
"""

import asyncio
import contextlib
import json
import sys
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

from basestone.core.errors import BasestoneError, MissingExtra
from basestone.serving.access import Access, deadline_of
from basestone.serving.protocol import JSON_LENGTH, Refusal, answer, parse
from basestone.serving.service import OUTPUTS, Service

T = TypeVar("T")
V2_TYPES = ("application/json", "application/octet-stream")
EXTENSIONS = ["binary_tensor_data"]


def build_app(make_service: Callable[[], Awaitable[Service]], access: Access) -> Any:
    """The ASGI application; ``make_service`` is called in its loop when it starts. MissingExtra without FastAPI."""
    try:
        from fastapi import FastAPI, Request, Response
    except ImportError as error:
        raise MissingExtra("fastapi", "serve") from error
    from basestone.serving.review_app import add_review

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.service = service = await make_service()
        await service.start()
        yield
        await service.close()

    app = FastAPI(title="Basestone", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url="/openapi.json")
    _answer_faults(app)

    async def infer(request: Request, model: str, version: str | None = None) -> Response:
        started = time.perf_counter()
        service: Service = app.state.service
        status = 500
        try:
            body, headers = await _infer(service, access, request, model, version)
            status = 200
            return Response(body, 200, headers)
        except Refusal as refusal:
            status = refusal.status
            raise
        finally:
            service.metrics.requests.labels("rest", str(status)).inc()
            service.metrics.seconds.observe(time.perf_counter() - started)

    for path in ("/v2/models/{model}/infer", "/v2/models/{model}/versions/{version}/infer"):
        app.add_api_route(path, infer, methods=["POST"], openapi_extra=INFER_SCHEMA, responses=REFUSALS)
    _add_descriptions(app)
    _add_switch(app, access)
    add_review(app, access)
    return app


async def _infer(
    service: Service, access: Access, request: Any, model: str, version: str | None
) -> tuple[bytes, dict[str, str]]:
    """In the order of what costs least: stopped, key, name, queue; then body, tensors, the model."""
    service.require_answering()
    access.check(request, "client")
    _require_model(service, model, version)
    service.refuse_if_full()
    deadline_s = deadline_of(request.headers.get("x-deadline-ms"))
    body = await access.body(request, V2_TYPES)
    parsed = parse(body, request.headers.get(JSON_LENGTH))
    outputs = await unless_gone(request, service.infer(parsed, deadline_s))
    return answer(parsed, service.offer.name, service.offer.version, outputs, service.parameters_of(outputs))


async def unless_gone(request: Any, work: Awaitable[T]) -> T:
    """What ``work`` gives; it is cancelled as soon as the caller hangs up, so that nobody computes for nobody."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
        left = not task.done()
        task.cancel()
    if left:
        raise Refusal(499, "The caller hung up before there was an answer.")
    return task.result()


async def _gone(request: Any) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _require_model(service: Service, model: str, version: str | None = None) -> None:
    if model != service.offer.name or version not in (None, service.offer.version):
        shown = model[:60] + (f" version {version[:60]}" if version else "")
        raise Refusal(404, f"There is no model '{shown}'. Served: {service.offer.name} {service.offer.version}.")


def _answer_faults(app: Any) -> None:
    from fastapi import Request
    from fastapi.responses import JSONResponse
    from starlette.exceptions import HTTPException

    async def refused(_: Request, error: Any) -> JSONResponse:
        return JSONResponse({"error": error.message}, error.status, error.headers)

    async def asked_wrongly(_: Request, error: Any) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 409 if error.exit_code == 2 else 503)

    async def unknown(_: Request, error: Any) -> JSONResponse:
        return JSONResponse({"error": f"{error.detail}."}, error.status_code, error.headers)

    async def ours(_: Request, error: Exception) -> JSONResponse:
        traceback.print_exception(error, file=sys.stderr)
        return JSONResponse({"error": "A fault of the service, not of the request. It was written down."}, 500)

    app.add_exception_handler(Refusal, refused)
    app.add_exception_handler(BasestoneError, asked_wrongly)
    app.add_exception_handler(HTTPException, unknown)
    app.add_exception_handler(Exception, ours)


def _add_descriptions(app: Any) -> None:
    from fastapi import Response

    @app.get("/v2")
    async def server() -> dict[str, Any]:
        from importlib.metadata import version

        return {"name": "basestone", "version": version("basestone"), "extensions": EXTENSIONS}

    @app.get("/v2/health/live")
    async def live() -> dict[str, bool]:
        return {"live": True}

    @app.get("/v2/health/ready")
    async def ready(response: Response) -> dict[str, bool]:
        found = app.state.service.ready
        response.status_code = 200 if found else 503
        return {"ready": found}

    @app.get("/v2/models/{model}/ready")
    @app.get("/v2/models/{model}/versions/{version}/ready")
    async def model_ready(model: str, response: Response, version: str | None = None) -> dict[str, Any]:
        _require_model(app.state.service, model, version)
        found = app.state.service.ready
        response.status_code = 200 if found else 503
        return {"name": model, "ready": found}

    @app.get("/v2/models/{model}")
    @app.get("/v2/models/{model}/versions/{version}")
    async def model_metadata(model: str, version: str | None = None) -> dict[str, Any]:
        _require_model(app.state.service, model, version)
        return described(app.state.service)

    @app.get("/metrics")
    async def metrics() -> Response:
        service: Service = app.state.service
        service.metrics.waiting.set(service.batcher.depth)
        return Response(service.metrics.page(), media_type="text/plain; version=0.0.4")


def described(service: Service) -> dict[str, Any]:
    """The model's metadata as v2 has them, with what it stands on."""
    offer, reader = service.offer, service.offer.reader
    kinds = [one for one in reader.datatypes if one != "BYTES"] or ["BYTES"]
    classes = len(offer.labels)
    outputs = [("label", "BYTES", [-1]), ("probabilities", "FP32", [-1, classes]), ("deferred", "BOOL", [-1])]
    outputs += [("ticket", "BYTES", [-1]), ("digest", "BYTES", [-1])]
    assert [name for name, _, _ in outputs] == list(OUTPUTS)
    worker = service.worker
    return {
        "name": offer.name,
        "versions": [offer.version],
        "platform": f"basestone_{worker.described.get('runtime', 'starting') if worker else 'starting'}",
        "inputs": [{"name": reader.name, "datatype": kinds[0], "shape": [-1, *reader.shape]}],
        "outputs": [{"name": name, "datatype": kind, "shape": shape} for name, kind, shape in outputs],
        "parameters": dict(offer.parameters) | {"accepts": ", ".join(reader.datatypes), "labels": list(offer.labels)},
    }


def _add_switch(app: Any, access: Access) -> None:
    from fastapi import Request

    @app.post("/stop")
    async def stop(request: Request) -> dict[str, Any]:
        by, reason = await told(access, request)
        return {"stopped": True, "seconds": round(await app.state.service.stop(by, reason), 3)}

    @app.post("/release")
    async def release(request: Request) -> dict[str, Any]:
        by, reason = await told(access, request)
        await app.state.service.release(by, reason)
        return {"stopped": False}


async def told(access: Access, request: Any) -> tuple[str, str]:
    """Who stops or releases, and why; from the key, or without keys from the body."""
    name = access.check(request, "operator")
    body = await small_json(access, request)
    by, reason = name or str(body.get("by") or ""), str(body.get("reason") or "")
    if not by.strip() or not reason.strip():
        raise Refusal(400, "The body must say 'reason' and, where there are no keys, 'by': who, and why.")
    return by[:64], reason[:1000]


async def small_json(access: Access, request: Any) -> dict[str, Any]:
    """A JSON object that is no tensor."""
    try:
        body = json.loads(await access.body(request, ("application/json",)))
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "The body must be JSON and is not.") from error
    if not isinstance(body, dict):
        raise Refusal(400, "The body must be a JSON object.")
    return body


REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"description": "What must hold of the request and does not"},
    401: {"description": "No key, or a wrong one"},
    403: {"description": "A key that may not do this"},
    404: {"description": "No such model"},
    408: {"description": "The body took too long"},
    413: {"description": "Too large"},
    415: {"description": "Another content type"},
    429: {"description": "The queue is full; Retry-After says when to come again"},
    503: {"description": "Stopped, or the model is not loaded"},
    504: {"description": "The caller's deadline passed"},
}
INFER_SCHEMA: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["inputs"],
                    "properties": {
                        "id": {"type": "string", "maxLength": 128},
                        "inputs": {
                            "type": "array",
                            "items": {
                                "type": "object",
                                "required": ["name", "shape", "datatype", "data"],
                                "properties": {
                                    "name": {"type": "string"},
                                    "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
                                    "datatype": {"type": "string"},
                                    "data": {"type": "array"},
                                },
                            },
                        },
                    },
                }
            }
        },
    }
}
