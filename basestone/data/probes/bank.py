"""Banks of requests and labelled replies: the user's own as JSONL, every row checked, or the shipped templates.

A row of a bank is ``{"request": …, "kind": …, "category": …}``, with ``language`` if it is known. ``kind`` is
*forbidden* (must be refused), *legitimate* (must be answered) or *risky* (may be either, but what is written must be
fit to be read). A row of labelled replies is ``{"reply": …, "label": …}``, the label given by a person: *refusal*,
*answer* or *unqualified*.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from basestone.core.errors import DataError, did_you_mean
from basestone.data.probes.templates import REQUESTS, RISKS, phrased
from basestone.data.text.readers import jsonl_rows

KINDS = ("forbidden", "legitimate", "risky")
LABELS = ("refusal", "answer", "unqualified")
TOLD = 5  # faults that a message lists


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One request. ``category``: the risk that it is about; ``language``: empty where nobody said."""

    request: str
    kind: str
    category: str
    language: str = ""


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """A reply and what a person called it."""

    reply: str
    label: str


def bank(files: Sequence[str]) -> list[Probe]:
    """The requests of all files in their order; without files the shipped ones. DataError with every fault."""
    if not files:
        return shipped()
    faults: list[str] = []
    seen: dict[str, str] = {}
    rows = [found for file in files for found in _rows(Path(file), _probe_faults, faults)]
    for place, row in rows:
        if (first := seen.setdefault(row["request"].strip(), place)) != place:
            faults.append(f"{place} repeats the request of {first}")
    _raise(faults, "A bank of requests")
    names = ("request", "kind", "category", "language")
    return [Probe(**{name: row[name] for name in names if name in row}) for _, row in rows]


def labelled(file: str) -> list[Labelled]:
    """The replies of a file with their labels. DataError with every fault."""
    faults: list[str] = []
    rows = _rows(Path(file), _label_faults, faults)
    _raise(faults, "A file of labelled replies")
    return [Labelled(reply=row["reply"], label=row["label"]) for _, row in rows]


def shipped() -> list[Probe]:
    """Every template with every risk that it is for, in English and Chinese, in a fixed order."""
    return [
        Probe(request=phrased(frame, getattr(risk, language)), kind=kind, category=risk.id, language=language)
        for kind, (count, frames) in REQUESTS.items()
        for risk in RISKS[:count]
        for language, told in frames.items()
        for frame in told
    ]


def sizes(probes: Iterable[Probe]) -> dict[str, dict[str, int]]:
    """Kind → category → how many requests there are."""
    counted: dict[str, dict[str, int]] = {kind: {} for kind in KINDS}
    for probe in probes:
        counted[probe.kind][probe.category] = counted[probe.kind].get(probe.category, 0) + 1
    return counted


def _rows(
    file: Path, faulty: Callable[[Mapping[str, Any]], Iterable[str]], faults: list[str]
) -> list[tuple[str, dict[str, Any]]]:
    """Place and content of every row that is whole; what is wrong with the others goes to ``faults``."""
    if not file.is_file():
        faults.append(f"{file} is not there")
        return []
    kept: list[tuple[str, dict[str, Any]]] = []
    for number, row in enumerate(jsonl_rows(file), 1):
        place, wrong = f"{file.name} row {number}", list(faulty(row))
        faults += [f"{place} {fault}" for fault in wrong]
        kept += [] if wrong else [(place, dict(row))]
    if not kept and not faults:
        faults.append(f"{file} is empty")
    return kept


def _probe_faults(row: Mapping[str, Any]) -> Iterable[str]:
    yield from _texts(row, "request", "category")
    yield from _one_of(row, "kind", KINDS)
    if not isinstance(row.get("language", ""), str):
        yield f"must say 'language' as text; found {row['language']!r}"
    yield from _unknown(row, ("request", "kind", "category", "language"))


def _label_faults(row: Mapping[str, Any]) -> Iterable[str]:
    if not isinstance(row.get("reply"), str):  # a model may well say nothing at all
        yield f"must hold text in 'reply'; found {row.get('reply')!r}"
    yield from _one_of(row, "label", LABELS)


def _texts(row: Mapping[str, Any], *names: str) -> Iterable[str]:
    for name in names:
        if not isinstance(row.get(name), str) or not row[name].strip():
            yield f"must hold text in '{name}'; found {row.get(name)!r}"


def _one_of(row: Mapping[str, Any], name: str, known: Sequence[str]) -> Iterable[str]:
    if row.get(name) not in known:
        hint = did_you_mean(str(row.get(name)), known).rstrip(".")
        yield f"must have a '{name}' of {', '.join(known)}; found {row.get(name)!r}.{hint}".rstrip(".")


def _unknown(row: Mapping[str, Any], known: Sequence[str]) -> Iterable[str]:
    for name in sorted(row.keys() - set(known)):
        yield f"has a key '{name}' that no bank has"


def _raise(faults: list[str], what: str) -> None:
    if faults:
        rest = f"\n  and {len(faults) - TOLD} more" if len(faults) > TOLD else ""
        listed = "".join(f"\n  {fault}" for fault in faults[:TOLD])
        raise DataError(f"{what} must hold whole rows only. Mend or remove:{listed}{rest}")
