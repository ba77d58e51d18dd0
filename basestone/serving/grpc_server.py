"""The same service over gRPC: Open Inference Protocol v2 by the messages that KServe generated from its specification.

Keys travel as the metadata ``authorization``, the caller's deadline is gRPC's own. A caller who hangs up cancels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from basestone.core.errors import MissingExtra
from basestone.serving.access import Access
from basestone.serving.app import EXTENSIONS, described
from basestone.serving.protocol import NAMES, NUMBERS, InferRequest, Output, Refusal, Tensor, from_bytes
from basestone.serving.service import Service

CONTENTS = {
    "BOOL": "bool_contents",
    "UINT8": "uint_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


async def start_grpc(
    service: Service, access: Access, host: str, port: int, tls: tuple[Path | None, Path | None]
) -> int:
    """Listens on ``host:port`` (0: a free one) in the running event loop; the port. MissingExtra without KServe."""
    try:
        grpc = import_module("grpc")
        messages = import_module("kserve.protocol.grpc.grpc_predict_v2_pb2")
        generated = import_module("kserve.protocol.grpc.grpc_predict_v2_pb2_grpc")
    except ImportError as error:
        raise MissingExtra(error.name or "kserve", "serve") from error
    limits = [("grpc.max_receive_message_length", access.max_body), ("grpc.so_reuseport", 0)]
    server = grpc.aio.server(options=limits)
    servicer = type("Servicer", (Servicer, generated.GRPCInferenceServiceServicer), {})
    generated.add_GRPCInferenceServiceServicer_to_server(servicer(service, access, grpc, messages), server)
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if tls[0] and tls[1]:
        pair = (tls[1].read_bytes(), tls[0].read_bytes())
        bound = server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
    else:
        bound = server.add_insecure_port(address)
    await server.start()
    service.on_close(lambda: server.stop(1.0))
    return bound


class Servicer:
    """Each method of ``GRPCInferenceService``; the names are the protocol's."""

    def __init__(self, service: Service, access: Access, grpc: Any, messages: Any) -> None:
        """``grpc`` and ``messages`` are the imported modules."""
        self._service, self._access, self._pb = service, access, messages
        code = grpc.StatusCode
        self._codes = {
            400: code.INVALID_ARGUMENT,
            401: code.UNAUTHENTICATED,
            403: code.PERMISSION_DENIED,
            404: code.NOT_FOUND,
            429: code.RESOURCE_EXHAUSTED,
            503: code.UNAVAILABLE,
            504: code.DEADLINE_EXCEEDED,
        }
        self._internal = code.INTERNAL

    async def ServerLive(self, request: Any, context: Any) -> Any:
        """Whether the process is there."""
        return self._pb.ServerLiveResponse(live=True)

    async def ServerReady(self, request: Any, context: Any) -> Any:
        """Whether a request would be answered."""
        return self._pb.ServerReadyResponse(ready=self._service.ready)

    async def ModelReady(self, request: Any, context: Any) -> Any:
        """The same of a model by name."""
        ready = request.name == self._service.offer.name and self._service.ready
        return self._pb.ModelReadyResponse(ready=ready)

    async def ServerMetadata(self, request: Any, context: Any) -> Any:
        """Name, version, extensions."""
        from importlib.metadata import version

        return self._pb.ServerMetadataResponse(name="basestone", version=version("basestone"), extensions=EXTENSIONS)

    async def ModelMetadata(self, request: Any, context: Any) -> Any:
        """Inputs and outputs."""
        if request.name != self._service.offer.name:
            await context.abort(self._codes[404], f"There is no model '{request.name[:60]}'.")
        told = described(self._service)
        tensor = self._pb.ModelMetadataResponse.TensorMetadata
        kinds = {name: [tensor(**one) for one in told[name]] for name in ("inputs", "outputs")}
        return self._pb.ModelMetadataResponse(
            name=told["name"], versions=told["versions"], platform=told["platform"], **kinds
        )

    async def ModelInfer(self, request: Any, context: Any) -> Any:
        """As ``POST …/infer``."""
        status = 500
        try:
            answer = await self._infer(request, dict(context.invocation_metadata() or ()), context.time_remaining())
            status = 200
            return answer
        except Refusal as refusal:
            status = refusal.status
            await context.abort(self._codes.get(refusal.status, self._internal), refusal.message)
        finally:
            self._service.metrics.requests.labels("grpc", str(status)).inc()

    async def _infer(self, request: Any, metadata: Mapping[str, Any], remaining_s: float | None) -> Any:
        service = self._service
        service.keeper.require_answering()
        self._access.caller(metadata.get("authorization"), "client")
        offer = service.offer
        if request.model_name != offer.name or request.model_version not in ("", offer.version):
            raise Refusal(404, f"There is no model '{request.model_name[:60]}'. Served: {offer.name} {offer.version}.")
        service.refuse_if_full()
        with service.load.counted():
            parsed = self._parsed(request)
            outputs = await service.infer(parsed, remaining_s)
            return self._answer(parsed, outputs, raw=bool(request.raw_input_contents))

    def _parsed(self, request: Any) -> InferRequest:
        raw = list(request.raw_input_contents)
        if raw and len(raw) != len(request.inputs):
            raise Refusal(
                400, f"raw_input_contents must hold one item an input, {len(request.inputs)}; got {len(raw)}."
            )
        inputs = tuple(_tensor(one, raw[place] if raw else None) for place, one in enumerate(request.inputs))
        names = tuple(one.name for one in request.outputs) or None
        return InferRequest(id=request.id, inputs=inputs, outputs=names)

    def _answer(self, request: InferRequest, outputs: Mapping[str, Output], *, raw: bool) -> Any:
        pb, offer = self._pb, self._service.offer
        made = pb.ModelInferResponse(model_name=offer.name, model_version=offer.version, id=request.id)
        for name, value in self._service.parameters_of(outputs).items():
            field = "bool_param" if isinstance(value, bool) else "string_param"
            made.parameters[name].CopyFrom(pb.InferParameter(**{field: value}))
        for name in request.outputs or outputs:
            datatype, shape, contents, packed = _output(outputs[name])
            tensor = made.outputs.add(name=name, datatype=datatype, shape=shape)
            if raw:
                made.raw_output_contents.append(packed)
            else:
                getattr(tensor.contents, CONTENTS[datatype]).extend(contents)
        return made


def _tensor(item: Any, raw: bytes | None) -> Tensor:
    datatype, shape = item.datatype, tuple(item.shape)
    if datatype not in CONTENTS:
        raise Refusal(400, f"'{item.name[:60]}' must be of one of {', '.join(CONTENTS)}; got '{datatype[:40]}'.")
    if not shape or min(shape) < 0 or len(shape) > 8:
        raise Refusal(400, f"'{item.name[:60]}' must have a shape of 1 to 8 numbers from 0 on; got {list(shape)[:9]}.")
    count = math.prod(shape)
    if raw is not None:
        return Tensor(
            name=item.name, datatype=datatype, shape=shape, data=from_bytes(raw, datatype, shape, count, item.name)
        )
    held = getattr(item.contents, CONTENTS[datatype])
    if len(held) != count:
        raise Refusal(400, f"'{item.name[:60]}' must hold the {count} elements of its shape; got {len(held)}.")
    if datatype == "BYTES":
        return Tensor(name=item.name, datatype=datatype, shape=shape, data=list(held))
    wide = np.array(held)
    if datatype == "UINT8" and wide.size and wide.max() > 255:
        raise Refusal(400, f"'{item.name[:60]}' must lie in 0 to 255 of UINT8; found {wide.max()}.")
    return Tensor(name=item.name, datatype=datatype, shape=shape, data=wide.astype(NUMBERS[datatype]).reshape(shape))


def _output(value: Output) -> tuple[str, list[int], Any, bytes]:
    """Datatype, shape, plain contents, and the same as raw bytes."""
    if isinstance(value, np.ndarray):
        return NAMES[value.dtype], list(value.shape), value.ravel().tolist(), value.tobytes()
    encoded = [item.encode() for item in value]
    return "BYTES", [len(encoded)], encoded, b"".join(len(item).to_bytes(4, "little") + item for item in encoded)
