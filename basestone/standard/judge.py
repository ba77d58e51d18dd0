"""Measurements in, ``verdicts.json`` out. Needs no model: who has the measurements can judge again.

A clause with several criteria is an intersection–union test (Berger 1982, Technometrics 24(4)): it passes when all
criteria pass, each at the full level, so that no correction for multiplicity is due. For the same reason the failures
are listed without Holm's correction: a clause that fails is known by its bound only, and not every measure has a
p-value to be ordered by.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from basestone.core.evidence import Interval, Measurement, NotMeasured
from basestone.standard import wording
from basestone.standard.clause import Clause, Words
from basestone.standard.profile import ClauseInForce, Demand, StandardInForce
from basestone.standard.rule import Needed, Verdict, decide, invalid, needed_n

SCHEMA_VERSION = 1
Measurements = Mapping[str, Measurement | NotMeasured]

# The verdict of a clause is the first of these that one of its criteria has.
WORST_FIRST: tuple[Verdict, ...] = ("fail", "error", "inconclusive", "pass")


@dataclass(frozen=True, kw_only=True)
class _Judged:
    """One criterion's verdict."""

    demand: Demand
    verdict: Verdict
    reason: Words
    measurement: Measurement | None = None
    needed: Needed | None = None


def judge(
    standard: StandardInForce,
    measurements: Measurements,
    *,
    subject: Mapping[str, Any],
    evidence: Mapping[str, Mapping[str, str]] | None = None,
) -> dict[str, Any]:
    """The content of ``verdicts.json`` (schema: ``verdicts.schema.json`` beside this module).

    ``subject`` says what was measured (its digest and stage). ``evidence`` gives, for a record table or fact,
    ``{"path", "sha256"}`` of the file that holds it. The outcome is ``met`` when every binding clause passes, is not
    applicable or is waived, and at least one passes; waivers are listed, and a waived clause never counts as passed.
    """
    verdicts = [_clause(standard, entry, measurements, evidence or {}) for entry in standard.clauses]
    binding = [verdict for verdict in verdicts if verdict["binding"]]
    open_clauses = [row["clause"] for row in binding if row["verdict"] in ("fail", "error", "inconclusive")]
    passed = any(row["verdict"] == "pass" for row in binding)
    return {
        "schema_version": SCHEMA_VERSION,
        "standard": standard.standard,
        "profile": standard.profile,
        "task": standard.task,
        "judged_on": standard.judged_on.isoformat(),
        "demands_sha256": standard.digest,
        "subject": dict(subject),
        "outcome": "met" if passed and not open_clauses else "not_met",
        "open": open_clauses,
        "waived": [row["waiver"] for row in verdicts if row["waiver"]],
        "verdicts": verdicts,
    }


def _clause(
    standard: StandardInForce,
    entry: ClauseInForce,
    measurements: Measurements,
    evidence: Mapping[str, Mapping[str, str]],
) -> dict[str, Any]:
    clause = entry.clause
    row: dict[str, Any] = {"clause": clause.id, "title": clause.title.model_dump(), "binding": entry.binding}
    if not entry.applies:
        reason = wording.not_served() if clause.served else wording.not_applicable(standard.task)
        criteria = [_Judged(demand=demand, verdict="not_applicable", reason=reason) for demand in entry.demands]
    else:
        criteria = [_criterion(clause, demand, measurements) for demand in entry.demands]
    headline = min(criteria, key=_severity)
    return {
        **row,
        "level": clause.level,
        **_headline(entry, criteria, headline),
        "evidence": _evidence(clause, evidence) if entry.applies else [],
        "criteria": [{"criterion": one.demand.criterion.name, **_row(one)} for one in criteria],
        "references": list(clause.references),
    }


def _headline(entry: ClauseInForce, criteria: Sequence[_Judged], headline: _Judged) -> dict[str, Any]:
    """The deciding criterion's row as the clause's own, and what a waiver makes of it."""
    row = _row(headline) | {"needed_n": _needed(criteria), "waiver": None, "without_waiver": None}
    if not entry.applies or entry.waiver is None:
        return row
    waiver = entry.waiver
    reason = wording.waived(waiver.owner, waiver.reason, waiver.expires.isoformat(), headline.reason)
    return row | {
        "verdict": "waived",
        "reason": reason.en,
        "reason_zh": reason.zh,
        "waiver": waiver.to_json(),
        "without_waiver": headline.verdict,
    }


def _criterion(clause: Clause, demand: Demand, measurements: Measurements) -> _Judged:
    criterion, threshold = demand.criterion, demand.threshold
    found = measurements.get(criterion.measure)
    if found is None or isinstance(found, NotMeasured):
        why = found.reason if found else f"the audit made no measurement '{criterion.measure}'"
        words = Words(en=why, zh=why if found else f"审计未进行“{criterion.measure}”测量")
        if found is not None and not found.asked:
            reason = wording.not_judged(criterion, words)
            return _Judged(demand=demand, verdict="inconclusive", reason=reason)
        return _error(demand, words)
    if why := invalid(found, criterion.unit):
        return _error(demand, why, found)
    if found.n < clause.min_n:
        reason = wording.too_few(criterion, found, clause.min_n)
        needed = Needed(n=clause.min_n, exact=True)
        return _Judged(demand=demand, verdict="inconclusive", reason=reason, measurement=found, needed=needed)
    if (criterion.level or clause.level) == "L1":
        reason = wording.measured_only(criterion, found)
        return _Judged(demand=demand, verdict="pass", reason=reason, measurement=found)
    if threshold is None:
        return _error(demand, Words(en="no threshold was declared", zh="未声明阈值"), found)
    decision = decide(found.interval, threshold, criterion.direction, strict=criterion.strict)
    needed = needed_n(found, threshold) if decision == "inconclusive" else None
    reason = wording.reason(criterion, found, threshold, decision, needed)
    return _Judged(demand=demand, verdict=decision, reason=reason, measurement=found, needed=needed)


def _error(demand: Demand, why: Words, found: Measurement | None = None) -> _Judged:
    reason = wording.not_judged(demand.criterion, why)
    return _Judged(demand=demand, verdict="error", reason=reason, measurement=found)


def _severity(judged: _Judged) -> int:
    return WORST_FIRST.index(judged.verdict) if judged.verdict in WORST_FIRST else len(WORST_FIRST)


def _needed(criteria: Sequence[_Judged]) -> int | None:
    """The n with which every undecided criterion would be decided; None when none are, or when no n would do."""
    open_criteria = [one.needed.n if one.needed else None for one in criteria if one.verdict == "inconclusive"]
    known = [n for n in open_criteria if n is not None]
    return max(known) if known and len(known) == len(open_criteria) else None


def _row(judged: _Judged) -> dict[str, Any]:
    criterion, found = judged.demand.criterion, judged.measurement
    return {
        "verdict": judged.verdict,
        "measure": criterion.measure,
        "label": criterion.label.model_dump(),
        "value": _finite(found.value) if found else None,
        "unit": criterion.unit,
        "interval": _interval(found.interval) if found else None,
        "n": int(found.n) if found else None,
        "threshold": judged.demand.threshold,
        "direction": criterion.direction,
        "strict": criterion.strict,
        "basis": criterion.basis.model_dump(),
        "threshold_origin": judged.demand.origin,
        "threshold_reason": judged.demand.reason.model_dump() if judged.demand.reason else None,
        "default_threshold": criterion.threshold,
        "needed_n": judged.needed.n if judged.needed else None,
        "needed_n_exact": judged.needed.exact if judged.needed else None,
        "reason": judged.reason.en,
        "reason_zh": judged.reason.zh,
    }


def _interval(interval: Interval) -> dict[str, Any]:
    """JSON has no infinity: a bound that does not exist is null."""
    return {
        "lower": _finite(interval.lower),
        "upper": _finite(interval.upper),
        "confidence": float(interval.confidence),
        "method": interval.method,
        "decidable": bool(interval.decidable),
    }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _evidence(clause: Clause, evidence: Mapping[str, Mapping[str, str]]) -> list[dict[str, str]]:
    """The files behind the clause, each once."""
    files = {evidence[name]["path"]: evidence[name]["sha256"] for name in clause.records if name in evidence}
    return [{"path": path, "sha256": digest} for path, digest in files.items()]
