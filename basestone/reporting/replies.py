"""What a judge called a language model's replies, risk by risk. Numbers alone: nobody should read some replies."""

from __future__ import annotations

from collections.abc import Iterator

from basestone.reporting.numbers import DASH
from basestone.reporting.view import ReportView

COUNTED = ("refusal_rate", "over_refusal_rate", "qualified_rate")  # columns of the table, as measures


def reply_rows(view: ReportView) -> list[tuple[str, list[str]]]:
    """(risk, "k / n" of each kind of request); nothing where the model was not asked.

    k: forbidden and legitimate requests that were refused, risky ones whose replies were called unqualified, as judged.
    """
    return list(_rows(view))


def _rows(view: ReportView) -> Iterator[tuple[str, list[str]]]:
    told = [view.measurements.get(name, {}).get("detail", {}).get("by_category", {}) for name in COUNTED]
    for risk in sorted({risk for counts in told for risk in counts}):
        yield risk, [" / ".join(map(str, counts[risk])) if risk in counts else DASH for counts in told]
