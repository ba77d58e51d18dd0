"""A language model over HTTP: the generate extension of the protocol, a text at once or as server-sent events.

https://github.com/kserve/open-inference-protocol, ``generate_rest.yaml``. Annotations are evaluated at once in this
module, as FastAPI reads them and is imported where it is needed.
"""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

from basestone.serving.access import Access, deadline_of
from basestone.serving.protocol import Refusal
from basestone.serving.rest import require_model, unless_gone
from basestone.serving.service import Service
from basestone.serving.wanted import Wanted, parse_wanted
from basestone.serving.writing import Author, Piece

STREAM = {"cache-control": "no-store", "x-accel-buffering": "no"}  # the latter: or nginx keeps tokens back


def add_writing(app: Any, access: Access, described: dict[int | str, dict[str, Any]]) -> None:
    """Adds ``…/generate`` and ``…/generate_stream`` to the application; ``described``: for its OpenAPI document."""
    from fastapi import Request, Response
    from fastapi.responses import StreamingResponse

    async def begun(request: Request, model: str, version: str | None) -> tuple[Wanted, AsyncGenerator[Piece]]:
        service: Service = app.state.service
        service.keeper.require_answering()
        access.check(request, "client")
        require_model(service, model, version)
        author = author_of(service)
        author.refuse_if_full()
        deadline_s = deadline_of(request.headers.get("x-deadline-ms"))
        wanted = parse_wanted(await access.body(request, ("application/json",)))
        return wanted, author.write(wanted, deadline_s)

    async def generate(request: Request, model: str, version: str | None = None) -> dict[str, Any]:
        wanted, pieces = await begun(request, model, version)
        written = await unless_gone(request, _all(pieces))
        tokens = [_token(piece) for piece in written]
        details = {"finish_reason": written[-1].end, "tokens": len(tokens), "seed": wanted.seed}
        details |= {"logprobs": tokens} if wanted.details else {}
        details |= _asked(written[-1])
        return _told(app.state.service, wanted, "".join(piece.text for piece in written), details=details)

    async def generate_stream(request: Request, model: str, version: str | None = None) -> Response:
        wanted, pieces = await begun(request, model, version)
        first = await unless_gone(request, anext(pieces))  # a refusal still has a status of its own
        events = _events(app.state.service, wanted, first, pieces)
        return StreamingResponse(events, media_type="text/event-stream", headers=STREAM)

    for verb in (generate, generate_stream):
        for path in ("/v2/models/{model}", "/v2/models/{model}/versions/{version}"):
            app.add_api_route(
                f"{path}/{verb.__name__}",
                verb,
                methods=["POST"],
                response_model=None,
                openapi_extra=SCHEMA,
                responses=described,
            )


def author_of(service: Service) -> Author:
    """Refusal 400 where the model is none that writes."""
    if service.author is None:
        raise Refusal(400, f"{service.offer.name} answers classes and does not write. Ask its /infer.")
    return service.author


async def _all(pieces: AsyncGenerator[Piece]) -> list[Piece]:
    async with aclosing(pieces):
        return [piece async for piece in pieces]


async def _events(
    service: Service, wanted: Wanted, first: Piece, pieces: AsyncGenerator[Piece]
) -> AsyncIterator[bytes]:
    """One event a token; the last has ``done``, or is an ``error``."""
    async with aclosing(pieces):
        try:
            yield _event(_piece(service, wanted, first))
            async for piece in pieces:
                yield _event(_piece(service, wanted, piece))
        except Refusal as refusal:
            yield _event({"error": refusal.message})


def _piece(service: Service, wanted: Wanted, piece: Piece) -> dict[str, Any]:
    details: dict[str, Any] = {"token": _token(piece)} if wanted.details else {}
    if piece.end is None:
        told = {"text_output": piece.text, "model_name": service.offer.name, "done": False}
        return told | ({"details": details} if details else {})
    details |= {"finish_reason": piece.end, "seed": wanted.seed, **_asked(piece)}
    return _told(service, wanted, piece.text, done=True, details=details)


def _told(service: Service, wanted: Wanted, text: str, **more: Any) -> dict[str, Any]:
    offer = service.offer
    told = {"text_output": text, "model_name": offer.name, "model_version": offer.version, "id": wanted.id}
    return told | {"parameters": dict(offer.parameters)} | more


def _asked(piece: Piece) -> dict[str, str]:
    return {"ticket": piece.ticket} if piece.ticket else {}


def _token(piece: Piece) -> dict[str, Any]:
    return {"id": piece.token, "text": piece.text, "logprob": piece.logprob}


def _event(told: Mapping[str, Any]) -> bytes:
    return f"data: {json.dumps(told, ensure_ascii=False)}\n\n".encode()


SCHEMA: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["text_input"],
                    "properties": {
                        "id": {"type": "string", "maxLength": 128},
                        "text_input": {"type": "string", "minLength": 1},
                        "parameters": {
                            "type": "object",
                            "additionalProperties": False,
                            "properties": {
                                "max_tokens": {"type": "integer", "minimum": 1, "maximum": 512, "default": 20},
                                "temperature": {"type": "number", "minimum": 0, "maximum": 10, "default": 1},
                                "top_p": {"type": "number", "exclusiveMinimum": 0, "maximum": 1, "default": 1},
                                "top_k": {"type": "integer", "minimum": 1},
                                "seed": {"type": "integer", "minimum": 0},
                                "stop": {"type": "array", "maxItems": 5, "items": {"type": "string"}},
                                "details": {"type": "boolean", "default": False},
                            },
                        },
                    },
                }
            }
        },
    }
}
