"""Verdicts as SARIF 2.1.0, so that a code host can show each beside the line of the recipe that asks for it.

SARIF knows more than pass and fail: what the samples leave open is ``open``, what could not be measured wants
``review``, and a waiver is a suppression of the verdict that would stand without it (sections 3.27.9, 3.27.23,
3.35).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from basestone.reporting.view import ClauseView, ReportView

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
KINDS = {
    "pass": "pass",
    "fail": "fail",
    "inconclusive": "open",
    "error": "review",
    "not_applicable": "notApplicable",
}
WORST_FIRST = ("fail", "error", "inconclusive", "pass", "not_applicable")
ROOT = "SRCROOT"

Places = Mapping[str, tuple[str, int]]


def build_sarif(view: ReportView, places: Places) -> dict[str, Any]:
    """The log of one audit. ``places``: clause → file, relative to where the run was started, and line from 1."""
    driver = {
        "name": "basestone",
        "semanticVersion": str(view.environment.get("basestone", "")),
        "rules": [_rule(clause) for clause in view.clauses],
    }
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "automationDetails": {"id": f"{view.name}/{view.audit}/"},
                "columnKind": "unicodeCodePoints",
                "results": [_result(number, clause, view, places) for number, clause in enumerate(view.clauses)],
                "properties": {
                    "standard": view.standard,
                    "profile": view.profile,
                    "outcome": view.outcome,
                    "subjectSha256": view.subject_sha256,
                },
            }
        ],
    }


def decided(clause: ClauseView) -> str:
    """A clause's verdict, of a waived one what it would be without the waiver."""
    if clause.verdict != "waived":
        return clause.verdict
    return min((one.verdict for one in clause.criteria if one.verdict in WORST_FIRST), key=WORST_FIRST.index)


def message(clause: ClauseView) -> str:
    """Why the verdict is what it is: a sentence a criterion."""
    return " ".join(one.reason["en"] for one in clause.criteria)


def _rule(clause: ClauseView) -> dict[str, Any]:
    rule = {"id": clause.id, "shortDescription": {"text": clause.title["en"]}}
    if clause.text:
        rule |= {"fullDescription": {"text": clause.text["en"]}, "help": {"text": "\n".join(clause.references) or "–"}}
    return rule | {"properties": {"binding": clause.binding, "titleZh": clause.title["zh"]}}


def _result(number: int, clause: ClauseView, view: ReportView, places: Places) -> dict[str, Any]:
    file, line = places[clause.id]
    kind = KINDS[decided(clause)]
    result: dict[str, Any] = {
        "ruleId": clause.id,
        "ruleIndex": number,
        "kind": kind,
        "level": "none" if kind != "fail" else "error" if clause.binding else "warning",
        "message": {"text": message(clause)},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": file, "uriBaseId": f"%{ROOT}%"},
                    "region": {"startLine": line},
                }
            }
        ],
        "partialFingerprints": {"clause/v1": f"{view.name}/{view.audit}/{clause.id}"},
        "properties": {"verdict": clause.verdict, "criteria": [_number(one) for one in clause.criteria]},
    }
    if clause.waiver:
        why = f"{clause.waiver['reason']} ({clause.waiver['owner']}, until {clause.waiver['expires']})"
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": why}]
    return result


def _number(one: Any) -> dict[str, Any]:
    return {
        name: getattr(one, name) for name in ("measure", "verdict", "value", "lower", "upper", "n", "threshold", "unit")
    }
