"""What a file really is, from its bytes: a name ending in .json proves nothing.

Reading a pickle runs whatever it says, and pickles hide in ``torch.save`` archives and in numpy arrays of objects. Only
formats that are recognised and known to hold plain data are safe; nothing is ever loaded to find out.
"""

from __future__ import annotations

import json
import pickletools
import zipfile
from pathlib import Path
from typing import IO

from numpy.lib import format as npy

SAFE_FORMATS = frozenset({"safetensors", "parquet", "npy", "npz", "json", "jsonl", "yaml", "html", "text", "png"})
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


def _is_pickle(data: bytes) -> bool:
    """Whether the bytes begin with a well-formed pickle (joblib and old torch files append data to one)."""
    operations = 0
    try:
        for _ in pickletools.genops(data):
            operations += 1
    except Exception:  # genops raises many kinds; a stream that breaks after some operations is still suspect
        return data[:1] == b"\x80" and operations > 1
    return True
