"""Measurements and the records they are computed from.

A *record* is one row per sample (or run, or file); an *estimator* turns records into a ``Measurement``; the standard
turns measurements into verdicts. Records are parquet files under a Merkle root, so that a stranger can recompute every
verdict without the model.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import rfc8785
from numpy.typing import NDArray

from basestone.core.artifact import write_atomically

CONFIDENCE = 0.95  # of each one-sided bound, everywhere (standard.md, verdict rule)


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Two one-sided bounds, each with probability ``confidence`` on its own side of the truth.

    ``method`` names how, e.g. ``clopper-pearson``. ``exact`` means that everything was examined: there is no sampling
    error, and both bounds equal the value. ``decidable`` is false where the data cannot carry a pass (fewer than 30
    clusters, zero variance): the judge then never passes.
    """

    lower: float
    upper: float
    method: str
    confidence: float = CONFIDENCE
    decidable: bool = True


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """A number that was measured: ``value`` in ``unit`` from ``n`` independent samples, with its bounds."""

    measure: str
    value: float
    unit: str
    n: int
    interval: Interval
    detail: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def to_json(self) -> dict[str, Any]:
        """The object written to ``measurements.json``."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class NotMeasured:
    """A measurement that failed or cannot be made. It is never a number, and its clause never passes.

    ``asked`` is false where nothing failed: the recipe did not ask for what the measurement needs.
    """

    measure: str
    reason: str
    asked: bool = True

    def to_json(self) -> dict[str, Any]:
        """The object written to ``measurements.json``."""
        told = {"measure": self.measure, "reason": self.reason}
        return told if self.asked else told | {"asked": False}


def canonical_json(value: Any) -> bytes:
    """RFC 8785 bytes of a JSON value: equal values give equal bytes, hence equal digests."""
    return rfc8785.dumps(value)


def digest_of(value: Any) -> str:
    """SHA-256 (hex) of a JSON value's canonical form."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def write_records(path: Path, columns: Mapping[str, Any]) -> None:
    """Writes equally long columns (numpy arrays, or lists of strings) as one parquet file, atomically."""
    pa = import_module("pyarrow")
    table = pa.table({name: pa.array(column) for name, column in columns.items()})
    write_atomically(path, lambda temporary: _parquet().write_table(table, temporary, compression="zstd"))


def read_records(path: Path) -> dict[str, NDArray[Any]]:
    """The columns of a records file as numpy arrays, in their order."""
    table = _parquet().read_table(path)
    return {name: np.asarray(table[name].to_numpy()) for name in table.column_names}


def recorded_logits(table: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """N×K: the columns ``logit_0`` … ``logit_K−1`` of a table such as ``clean_test``."""
    names = sorted((name for name in table if name.startswith("logit_")), key=lambda name: int(name[6:]))
    return np.column_stack([table[name] for name in names])


def _parquet() -> Any:
    """Pyarrow takes a while to import and has no stubs: one place for both."""
    return import_module("pyarrow.parquet")


def merkle_root(path: Path) -> str:
    """The Merkle root (hex) of a records file: one leaf a row, RFC 6962 domain separation.

    A leaf is SHA-256(0x00 ‖ row), the row being its values in column order as compact JSON.
    """
    columns: Iterable[list[Any]] = _parquet().read_table(path).to_pydict().values()
    rows = zip(*columns, strict=True)
    encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True).encode
    return merkle_fold(hashlib.sha256(b"\0" + encode(row).encode()).digest() for row in rows).hex()


def merkle_fold(leaves: Iterable[bytes]) -> bytes:
    """Folds leaf hashes into a root; an odd node moves up unchanged. No leaves: the hash of nothing."""
    level: Sequence[bytes] = list(leaves)
    if not level:
        return hashlib.sha256(b"").digest()
    while len(level) > 1:
        pairs = [hashlib.sha256(b"\1" + a + b).digest() for a, b in zip(level[::2], level[1::2], strict=False)]
        level = [*pairs, level[-1]] if len(level) % 2 else pairs
    return level[0]


class Records:
    """The records of one audit, read from its folder when first asked for.

    ``samples/<name>.parquet`` holds tables, ``facts.json`` what is not a table. ``facts["failures"]`` maps the name of
    a table or fact that could not be produced to the reason; asking for it raises ``RecordsMissing`` with that reason,
    and ``NotAsked`` with that of ``facts["not_asked"]`` where the recipe did not ask for it.
    """

    def __init__(self, folder: Path) -> None:
        """``folder`` is a stage's folder, e.g. ``runs/digits/stages/audit``."""
        self.folder = folder
        self._tables: dict[str, dict[str, NDArray[Any]]] = {}
        facts = folder / "facts.json"
        self._facts: dict[str, Any] = json.loads(facts.read_text()) if facts.exists() else {}

    def table(self, name: str) -> dict[str, NDArray[Any]]:
        """The columns of ``samples/<name>.parquet`` as numpy arrays."""
        if name not in self._tables:
            path = self.folder / "samples" / f"{name}.parquet"
            if not path.exists():
                raise self._missing(name)
            self._tables[name] = read_records(path)
        return self._tables[name]

    def fact(self, name: str) -> Any:
        """The JSON value recorded under ``name``."""
        if name not in self._facts:
            raise self._missing(name)
        return self._facts[name]

    def sequential(self, name: str) -> dict[str, int]:
        """``{"planned": samples}`` of a table that might stop as soon as its clause was decided; else nothing.

        Where it is so, bounds must be such as hold at every look, whether it did stop early or not.
        """
        return self._facts.get("sequential", {}).get(name, {})

    def _missing(self, name: str) -> RecordsMissing:
        if (reason := self._facts.get("not_asked", {}).get(name)) is not None:
            return NotAsked(reason)
        failures: dict[str, str] = self._facts.get("failures", {})
        return RecordsMissing(failures.get(name, f"the audit recorded no '{name}'"))


class RecordsMissing(LookupError):
    """Records that an estimator needs do not exist; the message is the reason, for ``NotMeasured``."""


class NotAsked(RecordsMissing):
    """They do not exist because the recipe did not ask for them; the message says what to write."""
