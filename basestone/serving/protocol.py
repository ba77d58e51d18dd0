"""The Open Inference Protocol v2 over HTTP: JSON, with or without raw tensors behind it, to arrays and back.

https://github.com/kserve/open-inference-protocol, the REST specification and the binary tensor data extension. A
``Refusal`` is an answer to the client: its status and one sentence that says what must hold and what was found.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

JSON_LENGTH = "inference-header-content-length"
NUMBERS = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}
NAMES = {dtype: name for name, dtype in NUMBERS.items()}
MAX_DEPTH = 8  # of nested lists in a tensor


class Refusal(Exception):
    """What the caller is told instead of an answer: an HTTP status, a message, and headers such as Retry-After."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        """``message`` says what must hold and what was found."""
        self.status, self.message, self.headers = status, message, dict(headers or {})
        super().__init__(message)


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """One named input: numbers as an array, or ``BYTES`` as a list of byte strings; ``written``: as text, in JSON."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: NDArray[Any] | list[bytes]
    written: bool = False


@dataclass(frozen=True, kw_only=True)
class InferRequest:
    """A request for inference: ``outputs`` None asks for all; ``binary`` wants raw tensors back."""

    id: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[str, ...] | None = None
    binary: frozenset[str] = frozenset()
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])


def parse(body: bytes, json_length: str | None) -> InferRequest:
    """Reads a request's body; ``json_length`` is the header of the binary extension. Refusal 400 says what is wrong."""
    head, raw = _divided(body, json_length)
    document = json_object(head)
    listed = document.get("inputs")
    if not isinstance(listed, list) or not listed:
        raise Refusal(400, "'inputs' must be a list of at least one tensor.")
    offset, inputs = 0, list[Tensor]()
    for place, item in enumerate(cast("list[Any]", listed)):
        tensor, offset = _tensor(mapping(item, f"inputs[{place}]"), f"inputs[{place}]", raw, offset)
        inputs.append(tensor)
    if offset != len(raw):
        raise Refusal(400, f"The binary part must hold the bytes that 'inputs' name, {offset}; got {len(raw)}.")
    parameters = mapping(document.get("parameters") or {}, "'parameters'")
    outputs, binary = _wanted(document.get("outputs"), parameters)
    return InferRequest(
        id=identity(document.get("id")), inputs=tuple(inputs), outputs=outputs, binary=binary, parameters=parameters
    )


def json_object(body: bytes) -> dict[str, Any]:
    """The body, a JSON object with finite numbers; Refusal 400 when it is none."""
    try:
        value = json.loads(body, parse_constant=finite)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, f"The body must be JSON and is not: {error}.") from error
    return mapping(value, "the body")


def identity(value: Any) -> str:
    """A request's ``id``, a new one where there is none; Refusal 400 for what the log cannot hold."""
    name = text("" if value is None else value, "'id'")
    if len(name) > 128:
        raise Refusal(400, "'id' must be text of at most 128 characters.")
    return name or uuid.uuid4().hex


def text(value: Any, what: str) -> str:
    """``value``, Unicode text; Refusal 400, which calls it ``what``, for anything else, as half a character in JSON."""
    if not isinstance(value, str):
        raise Refusal(400, f"{what} must be text.")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise Refusal(400, f"{what} must be valid Unicode text.") from error
    return value


def _divided(body: bytes, json_length: str | None) -> tuple[bytes, bytes]:
    if json_length is None:
        return body, b""
    if not json_length.isdecimal() or int(json_length) > len(body):
        raise Refusal(400, f"{JSON_LENGTH} must be a number of bytes up to {len(body)}; got '{json_length[:20]}'.")
    return body[: int(json_length)], body[int(json_length) :]


def finite(name: str) -> Any:
    """For ``json.loads``: Refusal 400 for NaN and the infinities, which are no JSON."""
    raise Refusal(400, f"Numbers must be finite; got {name}.")


def mapping(value: Any, what: str) -> dict[str, Any]:
    """``value``, a JSON object; Refusal 400, which calls it ``what``, when it is none."""
    if not isinstance(value, dict):
        raise Refusal(400, f"{what[0].upper()}{what[1:]} must be an object.")
    return cast("dict[str, Any]", value)


def _tensor(item: dict[str, Any], where: str, raw: bytes, offset: int) -> tuple[Tensor, int]:
    name, datatype, shape = item.get("name"), item.get("datatype"), item.get("shape")
    if not isinstance(name, str):
        raise Refusal(400, f"{where}.name must be text.")
    if datatype not in (*NUMBERS, "BYTES"):
        raise Refusal(400, f"{where}.datatype must be one of {', '.join([*NUMBERS, 'BYTES'])}; got {datatype!r:.40}.")
    if not _is_shape(shape):
        raise Refusal(400, f"{where}.shape must be a list of whole numbers from 0 on; got {shape!r:.60}.")
    dims, count = tuple(cast("list[int]", shape)), math.prod(cast("list[int]", shape))
    parameters = mapping(item.get("parameters") or {}, f"{where}.parameters")
    size = parameters.get("binary_data_size")
    if size is None:
        data = _from_json(item.get("data"), str(datatype), dims, count, where)
        return Tensor(name=name, datatype=str(datatype), shape=dims, data=data, written=True), offset
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= len(raw) - offset:
        raise Refusal(400, f"{where}: binary_data_size must be at most the {len(raw) - offset} bytes left; got {size}.")
    data = from_bytes(raw[offset : offset + size], str(datatype), dims, count, where)
    return Tensor(name=name, datatype=str(datatype), shape=dims, data=data), offset + size


def _is_shape(shape: Any) -> bool:
    whole = isinstance(shape, list) and all(
        isinstance(n, int) and not isinstance(n, bool) and 0 <= n < 2**31 for n in cast("list[Any]", shape)
    )
    return whole and 0 < len(cast("list[Any]", shape)) <= MAX_DEPTH


def _from_json(data: Any, datatype: str, shape: tuple[int, ...], count: int, where: str) -> NDArray[Any] | list[bytes]:
    if not isinstance(data, list):
        raise Refusal(400, f"{where} must have 'data', a list, or binary_data_size among its parameters.")
    flat = _flattened(cast("list[Any]", data), where)
    if len(flat) != count:
        raise Refusal(400, f"{where}.data must hold the {count} elements of shape {list(shape)}; got {len(flat)}.")
    if datatype == "BYTES":
        return [_plain_bytes(item, where) for item in flat]
    return _numbers(flat, datatype, where).reshape(shape)


def _flattened(data: list[Any], where: str, depth: int = 0) -> list[Any]:
    if depth >= MAX_DEPTH:
        raise Refusal(400, f"{where}.data must not be nested deeper than {MAX_DEPTH} lists.")
    if not any(isinstance(item, list) for item in data):
        return data
    if not all(isinstance(item, list) for item in data):
        raise Refusal(400, f"{where}.data must be nested evenly: lists and numbers are mixed.")
    return [one for item in data for one in _flattened(cast("list[Any]", item), where, depth + 1)]


def _numbers(flat: list[Any], datatype: str, where: str) -> NDArray[Any]:
    kinds = {type(item) for item in flat}
    allowed = {"BOOL": {bool}, "FP32": {int, float}, "FP64": {int, float}}.get(datatype, {int})
    if not kinds <= allowed:
        found = ", ".join(sorted(kind.__name__ for kind in kinds - allowed))
        raise Refusal(400, f"{where}.data must hold numbers of {datatype}; found {found}.")
    try:
        wide = np.array(flat, np.float64 if datatype.startswith("FP") else None if flat else np.int64)
    except OverflowError as error:
        raise Refusal(400, f"{where}.data must fit {datatype}: {error}.") from error
    dtype = NUMBERS[datatype]
    if dtype.kind in "iu" and flat:
        held = np.iinfo(dtype)
        if min(flat) < held.min or max(flat) > held.max:
            raise Refusal(400, f"{where}.data must lie in {held.min} to {held.max} of {datatype}.")
    with np.errstate(over="ignore"):
        return wide.astype(dtype)


def _plain_bytes(item: Any, where: str) -> bytes:
    if not isinstance(item, str):
        raise Refusal(400, f"{where}.data must hold text for BYTES; found {type(item).__name__}.")
    try:
        return item.encode()
    except UnicodeEncodeError as error:
        raise Refusal(400, f"{where}.data must hold valid Unicode text.") from error


def from_bytes(
    held: bytes, datatype: str, shape: tuple[int, ...], count: int, where: str
) -> NDArray[Any] | list[bytes]:
    """A raw tensor: numbers little-endian in C order, ``BYTES`` each behind its length in four bytes."""
    if datatype == "BYTES":
        strings = _length_prefixed(held, where)
        if len(strings) != count:
            raise Refusal(400, f"{where} must hold the {count} elements of its shape; got {len(strings)}.")
        return strings
    dtype = NUMBERS[datatype]
    if len(held) != count * dtype.itemsize:
        wanted = count * dtype.itemsize
        raise Refusal(400, f"{where} must hold {wanted} bytes, {count} × {datatype}; got {len(held)}.")
    return np.frombuffer(held, dtype).reshape(shape)


def _length_prefixed(held: bytes, where: str) -> list[bytes]:
    found, place = list[bytes](), 0
    while place < len(held):
        length = int.from_bytes(held[place : place + 4], "little")
        if place + 4 + length > len(held):
            raise Refusal(400, f"{where}: each element of BYTES must be its length (4 bytes) and as many bytes.")
        found.append(held[place + 4 : place + 4 + length])
        place += 4 + length
    return found


def _wanted(listed: Any, parameters: Mapping[str, Any]) -> tuple[tuple[str, ...] | None, frozenset[str]]:
    everything = frozenset({"*"}) if parameters.get("binary_data_output") is True else frozenset[str]()
    if listed is None:
        return None, everything
    if not isinstance(listed, list):
        raise Refusal(400, "'outputs' must be a list.")
    items = [mapping(item, "each of 'outputs'") for item in cast("list[Any]", listed)]
    if not all(isinstance(item.get("name"), str) for item in items):
        raise Refusal(400, "Each of 'outputs' must have a name.")
    names = [str(item["name"]) for item in items]
    said = [mapping(item.get("parameters") or {}, "'parameters'").get("binary_data") for item in items]
    asked = dict(zip(names, said, strict=True))
    raw = {name for name, binary in asked.items() if binary is True or (binary is None and everything)}
    return tuple(names), frozenset(raw)


def decoded_base64(item: bytes, where: str) -> bytes:
    """The bytes that a JSON client wrote as base64; Refusal 400 when it is none."""
    try:
        return base64.b64decode(item, validate=True)
    except (ValueError, binascii.Error) as error:
        raise Refusal(400, f"{where} must be base64 when it is sent as JSON, and is not ({error}).") from error


Output = NDArray[Any] | Sequence[str]


def answer(
    request: InferRequest, model: str, version: str, outputs: Mapping[str, Output], parameters: Mapping[str, Any]
) -> tuple[bytes, dict[str, str]]:
    """The body of a response and its headers: JSON, with raw tensors behind it where the request wants them."""
    listed, raw = list[dict[str, Any]](), list[bytes]()
    for name in outputs if request.outputs is None else request.outputs:
        if name not in outputs:
            raise Refusal(400, f"There is no output '{name[:60]}'. Known: {', '.join(outputs)}.")
        described, body = _output(name, outputs[name], bool({name, "*"} & request.binary))
        listed.append(described)
        raw += body
    head = json.dumps(
        {
            "model_name": model,
            "model_version": version,
            "id": request.id,
            "parameters": dict(parameters),
            "outputs": listed,
        },
        allow_nan=False,
    ).encode()
    if not request.binary:
        return head, {"content-type": "application/json"}
    return b"".join([head, *raw]), {"content-type": "application/octet-stream", JSON_LENGTH: str(len(head))}


def _output(name: str, value: Output, binary: bool) -> tuple[dict[str, Any], list[bytes]]:
    if isinstance(value, np.ndarray):
        described = {"name": name, "shape": list(value.shape), "datatype": NAMES[value.dtype]}
        data, raw = ([], value.tobytes()) if binary else (value.ravel().tolist(), b"")
    else:
        described = {"name": name, "shape": [len(value)], "datatype": "BYTES"}
        encoded = [item.encode() for item in value] if binary else []
        data, raw = list(value), b"".join(len(item).to_bytes(4, "little") + item for item in encoded)
    if binary:
        return described | {"parameters": {"binary_data_size": len(raw)}}, [raw]
    return described | {"data": data}, []
