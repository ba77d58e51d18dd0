"""Messages between the server and the process that runs the model: a JSON header and one array of plain numbers.

A frame is the header's length (4 bytes, big-endian), the header as UTF-8 JSON and, where it names a ``dtype`` and a
``shape``, the array's bytes in C order. Nothing in it can be executed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

DTYPES = ("uint8", "int64", "float32")
Frame = tuple[dict[str, Any], NDArray[Any] | None]


def packed(header: Mapping[str, Any], array: NDArray[Any] | None = None) -> bytes:
    """The bytes of one frame; ValueError for an array of another type than uint8, int64 and float32."""
    described = dict(header)
    if array is not None:
        if array.dtype.name not in DTYPES:
            raise ValueError(f"an array in a frame must be {', '.join(DTYPES)}; got {array.dtype.name}.")
        described |= {"dtype": array.dtype.name, "shape": list(array.shape)}
    text = json.dumps(described).encode()
    body = b"" if array is None else np.ascontiguousarray(array).tobytes()
    return len(text).to_bytes(4, "big") + text + body


def read(stream: BinaryIO) -> Frame | None:
    """The next frame of a blocking stream; None at its end."""
    length = stream.read(4)
    if len(length) < 4:
        return None
    header = json.loads(stream.read(int.from_bytes(length, "big")))
    return header, _array(header, stream.read(_size(header)))


def taken(held: bytearray) -> Frame | None:
    """The first whole frame of what has come so far, which loses it; None while it is not whole."""
    head = 4 + int.from_bytes(held[:4], "big")
    if len(held) < max(head, 5):
        return None
    header = json.loads(held[4:head])
    end = head + _size(header)
    if len(held) < end:
        return None
    array = _array(header, bytes(held[head:end]))
    del held[:end]
    return header, array


def _size(header: Mapping[str, Any]) -> int:
    if "dtype" not in header:
        return 0
    return math.prod(header["shape"]) * np.dtype(header["dtype"]).itemsize


def _array(header: Mapping[str, Any], body: bytes) -> NDArray[Any] | None:
    if "dtype" not in header:
        return None
    return np.frombuffer(body, header["dtype"]).reshape(header["shape"])
