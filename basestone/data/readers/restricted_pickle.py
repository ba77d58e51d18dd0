"""Reads the pickles of CIFAR's python version without trusting them.

A pickle is a program: its GLOBAL instruction may fetch any function, such as ``os.system``, and REDUCE calls it.
Nothing else in this package reads pickles. CIFAR's files, though, exist in no other form for many users, and all they
need are dictionaries, lists, strings, integers and one uint8 array. So ``find_class`` knows just the names with which
numpy writes an array (and Python 3 its bytes), and even for these it gives stand-ins of ours that only note what they
are told; every other name ends the reading. The array is made afterwards, from its noted shape and bytes.
"""

from __future__ import annotations

import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from basestone.core.errors import DataError


def read_arrays(path: Path) -> dict[str, Any]:
    """The dictionary in ``path``: text keys; lists, numbers, text and uint8 arrays as values."""
    try:
        with path.open("rb") as file:
            content = _Restricted(file, encoding="bytes").load()
    except _Forbidden as error:
        raise DataError(
            f"{path} asks for '{error}', which no CIFAR file needs: reading stopped and nothing of it was run. "
            "Do not trust this file; fetch it again from its origin."
        ) from error
    except Exception as error:  # a damaged pickle can raise almost anything
        raise DataError(f"{path} is no CIFAR python file ({type(error).__name__}: {error}). Fetch it again.") from error
    if not isinstance(content, dict):
        raise DataError(f"{path} must hold a dictionary; found {type(content).__name__}. Fetch it again.")
    return {_text(key): _plain(value) for key, value in content.items()}


class _Forbidden(Exception):
    """The name that the pickle asked for."""


class _Dtype:
    """Notes the arguments of ``numpy.dtype``."""

    def __init__(self, name: Any = None, *_: Any) -> None:
        self.name = _text(name)

    def __setstate__(self, state: Any) -> None:
        """Byte order and alignment mean nothing for single bytes."""


class _Array:
    """Notes an array's state: (version, shape, dtype, Fortran order, bytes)."""

    array: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, content = state
        if not isinstance(dtype, _Dtype) or dtype.name not in ("u1", "|u1") or not isinstance(content, bytes):
            raise ValueError("its array is not of uint8")
        if math.prod(shape) != len(content):
            raise ValueError(f"its array of shape {tuple(shape)} has {len(content)} bytes")
        self.array = np.frombuffer(content, dtype=np.uint8).reshape(shape, order="F" if fortran else "C")


def _reconstruct(*_: Any) -> _Array:
    """Stands for ``numpy.core.multiarray._reconstruct``: an array whose state follows."""
    return _Array()


def _encode(text: str, *_: Any) -> bytes:
    """Stands for ``_codecs.encode``, with which Python 3 writes bytes in the old protocols."""
    return text.encode("latin-1")


_ADMITTED = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encode,
}


class _Restricted(pickle.Unpickler):
    """Finds the admitted names and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ADMITTED:
            raise _Forbidden(f"{module}.{name}")
        return _ADMITTED[module, name]


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, _Array):
        return value.array
    return [_text(item) if isinstance(item, bytes) else item for item in value] if isinstance(value, list) else value
