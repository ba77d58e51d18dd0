"""What a file really is, from its bytes: a name ending in .json proves nothing.

Reading a pickle runs whatever it says, and pickles hide in ``torch.save`` archives and in numpy arrays of objects. Only
formats that are recognised and known to hold plain data are safe; nothing is ever loaded to find out.
"""

from __future__ import annotations

import json
import pickletools
import re
import zipfile
from pathlib import Path
from typing import IO

from numpy.lib import format as npy

SAFE_FORMATS = frozenset(
    {"safetensors", "parquet", "npy", "npz", "json", "jsonl", "yaml", "html", "text", "png", "onnx", "openvino"}
)
_ONNX_FIELDS = {1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2}  # of ModelProto → wire type
_ONNX_GRAPH = 7
_CONSTANT = re.compile(r'offset="(\d+)"[^>]*?size="(\d+)"|size="(\d+)"[^>]*?offset="(\d+)"')
_MAGIC = {b"PAR1": "parquet", b"\x93NUMPY": "npy", b"\x89PNG\r\n\x1a\n": "png", b"PK\x03\x04": "zip"}


def file_format(path: Path) -> str:
    """One of ``SAFE_FORMATS``, or ``missing``, ``empty``, ``pickle``, ``zip``, ``npy-object`` or ``unknown``."""
    if not path.is_file():
        return "missing"
    with path.open("rb") as file:
        head = file.read(16)
        if not head:
            return "empty"
        kind = next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), None)
        if kind == "npy":
            file.seek(0)
            return _array_kind(file)
        if kind == "zip":
            return _archive_kind(path)
        if kind:
            return kind
        return "safetensors" if _is_safetensors(file, head, path.stat().st_size) else _unmarked(path)


def _is_safetensors(file: IO[bytes], head: bytes, size: int) -> bool:
    """Eight bytes of header length, little-endian, then that much JSON."""
    length = int.from_bytes(head[:8], "little")
    if head[8:9] != b"{" or length > min(size - 8, 100_000_000):
        return False
    file.seek(8)
    return _is_json(file.read(length))


def _array_kind(file: IO[bytes]) -> str:
    """``npy``, ``npy-object`` where the header's dtype holds objects (which are pickled), else ``unknown``."""
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    try:
        _, _, dtype = readers[npy.read_magic(file)](file)
    except (KeyError, ValueError):
        return "unknown"
    return "npy-object" if dtype.hasobject else "npy"


def _archive_kind(path: Path) -> str:
    """``npz`` for an archive of plain arrays, ``pickle`` for one with a pickle inside, as ``torch.save`` writes."""
    if not zipfile.is_zipfile(path):
        return "zip"
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if any(name.endswith((".pkl", ".pickle")) for name in names):
            return "pickle"
        kinds: set[str] = set()
        for name in names:
            with archive.open(name) as member:
                kinds.add(_array_kind(member))
    return "npz" if kinds == {"npy"} else "npy-object" if "npy-object" in kinds else "zip"


def _unmarked(path: Path) -> str:
    """Formats without a mark: JSON, text, and pickles, whose oldest protocol is text too."""
    data = path.read_bytes()
    if _is_json(data):
        return "json"
    if _is_pickle(data):
        return "pickle"
    if _is_onnx(data):
        return "onnx"
    if path.suffix == ".bin" and _are_constants(path):
        return "openvino"
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return "unknown"
    if "\0" in text:
        return "unknown"
    named = {".yaml": "yaml", ".yml": "yaml", ".jsonl": "jsonl", ".html": "html"}
    return named.get(path.suffix.lower(), "text")


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except ValueError:
        return False
    return True


def _is_onnx(data: bytes) -> bool:
    """Whether the bytes are, to the last, fields that an ONNX model has (onnx.proto), the graph among them.

    Such a file holds operators by name and numbers. It may name files with more weights, which are never fetched.
    """
    seen: set[int] = set()
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        field, wire = tag >> 3, tag & 7
        if _ONNX_FIELDS.get(field) != wire:
            return False
        value, place = _varint(data, place)
        place += value if wire == 2 else 0
        seen.add(field)
    return place == len(data) and _ONNX_GRAPH in seen


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """A base-128 number and where it ends; a number that is cut off ends beyond the data."""
    value = shift = 0
    while place < len(data):
        byte = data[place]
        value, shift, place = value | (byte & 0x7F) << shift, shift + 7, place + 1
        if byte < 0x80:
            return value, place
    return value, len(data) + 1


def _are_constants(path: Path) -> bool:
    """Whether the OpenVINO network beside the file takes its numbers from it, up to its last byte."""
    network = path.with_suffix(".xml")
    if not network.is_file():
        return False
    text = network.read_text(encoding="utf-8", errors="replace")
    ends = [int(a or d) + int(b or c) for a, b, c, d in _CONSTANT.findall(text)]
    return "<net " in text[:200] and bool(ends) and max(ends) == path.stat().st_size


def _is_pickle(data: bytes) -> bool:
    """Whether the bytes begin with a well-formed pickle (joblib and old torch files append data to one)."""
    operations = 0
    try:
        for _ in pickletools.genops(data):
            operations += 1
    except Exception:  # genops raises many kinds; a stream that breaks after some operations is still suspect
        return data[:1] == b"\x80" and operations > 1
    return True
