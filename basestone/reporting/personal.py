"""Personal data that were found, in the training text and in what the model wrote: kinds, places, veiled excerpts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from basestone.core.evidence import RecordsMissing
from basestone.reporting.numbers import count
from basestone.reporting.strings import Text, both, join, say
from basestone.reporting.view import ReportView

SHOWN = 12  # finds of either record


@dataclass(frozen=True, kw_only=True)
class Find:
    """One row of the table; the excerpt is empty where the data are sensitive, or where nothing personal was found."""

    where: Text
    source: str
    kinds: Text
    excerpt: str


@dataclass(frozen=True, kw_only=True)
class Screened:
    """What was searched, in sentences, and some of what was found."""

    told: tuple[Text, ...]
    finds: tuple[Find, ...]


def screened(view: ReportView) -> Screened | None:
    """None where nothing was searched for personal data."""
    corpus, outputs = (view.measurements.get(name, {}) for name in ("corpus_fitness", "personal_outputs"))
    measured = [one for one in (corpus, outputs) if "value" in one]
    if not measured:
        return None
    told = [_detector(measured[0]["detail"]["detector"])]
    if corpus in measured:
        told.append(_told("corpus_searched", corpus, of=count(corpus["detail"]["passages"])))
    if outputs in measured:
        told.append(_told("outputs_searched", outputs, known=count(outputs["detail"]["word_for_word_in_training"])))
    return Screened(told=tuple(told), finds=(*_finds(view, "corpus"), *_finds(view, "outputs")))


def _detector(detail: Mapping[str, Any]) -> Text:
    shares = {name: f"{detail[name]['value']:.1%}" for name in ("recall", "precision", "false_alarms")}
    worst = min(detail["recall_by_kind"], key=lambda kind: detail["recall_by_kind"][kind]["lower"])
    least = f"{detail['recall_by_kind'][worst]['lower']:.1%}"
    return say("detector_told", planted=count(detail["recall"]["n"]), least=least, worst=_kind(worst), **shares)


def _told(key: str, measured: Mapping[str, Any], **also: str) -> Text:
    detail = measured["detail"]
    kinds = [
        join([_kind(kind), both(count(number))], (" ", " ")) for kind, number in sorted(detail["kinds"].items())
    ] or [say("none")]
    listed = join(kinds, (", ", "、"))
    return say(key, n=count(measured["n"]), flagged=count(detail["flagged"]), kinds=listed, **also)


def _finds(view: ReportView, record: str) -> list[Find]:
    try:
        table = view.records.table(record)
    except RecordsMissing:
        return []
    damaged = table.get("damaged", np.zeros(len(table["found"]), np.int64)) == 1
    rows = np.flatnonzero((table["found"] > 0) | damaged)[:SHOWN].tolist()
    return [
        Find(
            where=both(table["document"][row]) if record == "corpus" else say("written_text", n=row + 1),
            source=str(table["source"][row]) if record == "corpus" else "",
            kinds=_kinds(str(table["kinds"][row]), bool(damaged[row])),
            excerpt=str(table["excerpt"][row]),
        )
        for row in rows
    ]


def _kinds(found: str, damaged: bool) -> Text:
    kinds = [_kind(kind) for kind in found.split(",") if kind]
    return join([*kinds, *([say("damaged")] if damaged else [])], (", ", "、"))


def _kind(kind: str) -> Text:
    return say(f"kind_{kind}")
