"""The service over HTTP: Open Inference Protocol v2, health, metrics, stop and release. Thin: FastAPI only routes.

Inference itself goes past it (``rest``); here it is only described. Annotations are evaluated at once in this module,
as FastAPI reads them and is imported where it is needed. Every answer that is none is ``{"error": one sentence}``.
"""

import contextlib
import json
import sys
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from basestone.core.errors import BasestoneError, MissingExtra
from basestone.serving.access import Access
from basestone.serving.offer import Offer
from basestone.serving.protocol import Refusal, text
from basestone.serving.rest import FAULT, Inference, require_model, status_of
from basestone.serving.service import OUTPUTS, Service

EXTENSIONS = ["binary_tensor_data", "generate"]


def build_app(make_service: Callable[[], Awaitable[Service]], access: Access) -> Inference:
    """The ASGI application; ``make_service`` is called in its loop when it starts. MissingExtra without FastAPI."""
    try:
        from fastapi import FastAPI, Request, Response
    except ImportError as error:
        raise MissingExtra("fastapi", "serve") from error
    from basestone.serving.review_app import add_review
    from basestone.serving.writing_app import add_writing

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.service = service = await make_service()
        await service.start()
        yield
        await service.close()

    app = FastAPI(title="Basestone", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url="/openapi.json")
    inference = Inference(app, lambda: app.state.service, access)
    _answer_faults(app)

    async def infer(request: Request, model: str, version: str | None = None) -> Response:
        status, headers, body = await inference.answered(request, model, version)
        return Response(body, status, headers)

    for path in ("/v2/models/{model}/infer", "/v2/models/{model}/versions/{version}/infer"):
        app.add_api_route(path, infer, methods=["POST"], openapi_extra=INFER_SCHEMA, responses=REFUSALS)
    add_writing(app, access, REFUSALS)
    _add_descriptions(app)
    _add_switch(app, access)
    add_review(app, access)
    return inference


def _answer_faults(app: Any) -> None:
    from fastapi import Request
    from fastapi.responses import JSONResponse
    from starlette.exceptions import HTTPException

    async def refused(_: Request, error: Any) -> JSONResponse:
        return JSONResponse({"error": error.message}, error.status, error.headers)

    async def asked_wrongly(_: Request, error: Any) -> JSONResponse:
        return JSONResponse({"error": str(error)}, status_of(error))

    async def unknown(_: Request, error: Any) -> JSONResponse:
        return JSONResponse({"error": f"{error.detail}."}, error.status_code, error.headers)

    async def ours(_: Request, error: Exception) -> JSONResponse:
        traceback.print_exception(error, file=sys.stderr)
        return JSONResponse({"error": FAULT}, 500)

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
        require_model(app.state.service, model, version)
        found = app.state.service.ready
        response.status_code = 200 if found else 503
        return {"name": model, "ready": found}

    @app.get("/v2/models/{model}")
    @app.get("/v2/models/{model}/versions/{version}")
    async def model_metadata(model: str, version: str | None = None) -> dict[str, Any]:
        require_model(app.state.service, model, version)
        return described(app.state.service)

    @app.get("/metrics")
    async def metrics() -> Response:
        service: Service = app.state.service
        service.metrics.waiting.set(service.batcher.depth + (service.author.depth if service.author else 0))
        return Response(service.metrics.page(), media_type="text/plain; version=0.0.4")


def described(service: Service) -> dict[str, Any]:
    """The model's metadata as v2 has them, with what it stands on."""
    offer, worker = service.offer, service.keeper.worker
    inputs, outputs, more = _of_classes(offer) if offer.reader else _of_text()
    return {
        "name": offer.name,
        "versions": [offer.version],
        "platform": f"basestone_{worker.described.get('runtime', 'starting') if worker else 'starting'}",
        "inputs": inputs,
        "outputs": outputs,
        "parameters": dict(offer.parameters) | more,
    }


def _of_classes(offer: Offer) -> tuple[list[Any], list[Any], dict[str, Any]]:
    reader = offer.reader
    assert reader is not None
    kinds = [one for one in reader.datatypes if one != "BYTES"] or ["BYTES"]
    outputs = [("label", "BYTES", [-1]), ("probabilities", "FP32", [-1, len(offer.labels)]), ("deferred", "BOOL", [-1])]
    outputs += [("ticket", "BYTES", [-1]), ("digest", "BYTES", [-1])]
    assert [name for name, _, _ in outputs] == list(OUTPUTS)
    return (
        [_tensor(reader.name, kinds[0], [-1, *reader.shape])],
        [_tensor(*one) for one in outputs],
        {"accepts": ", ".join(reader.datatypes), "labels": list(offer.labels)},
    )


def _of_text() -> tuple[list[Any], list[Any], dict[str, Any]]:
    return (
        [_tensor("text_input", "BYTES", [1])],
        [_tensor("text_output", "BYTES", [1])],
        {"accepts": "generate, generate_stream"},
    )


def _tensor(name: str, datatype: str, shape: list[int]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape}


def _add_switch(app: Any, access: Access) -> None:
    from fastapi import Request

    @app.post("/stop")
    async def stop(request: Request) -> dict[str, Any]:
        by, reason = await told(access, request)
        return {"stopped": True, "seconds": round(await app.state.service.keeper.stop(by, reason), 3)}

    @app.post("/release")
    async def release(request: Request) -> dict[str, Any]:
        by, reason = await told(access, request)
        await app.state.service.keeper.release(by, reason)
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
    text(json.dumps(body, ensure_ascii=False), "The body")
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
