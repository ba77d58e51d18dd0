"""SARIF and JUnit: what the formats demand, and that no verdict is lost or made better on the way."""

from __future__ import annotations

import dataclasses
import json
from xml.etree import ElementTree

import jsonschema
import pytest

from basestone.reporting.junit import build_junit
from basestone.reporting.sarif import build_sarif
from basestone.reporting.view import ReportView

# What sarif-schema-2.1.0.json demands of the parts that we write: required keys, enumerations, no other keys.
TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
RULE = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "string"},
        "shortDescription": TEXT,
        "fullDescription": TEXT,
        "help": TEXT,
        "properties": {"type": "object"},
    },
    "additionalProperties": False,
}
REGION = {"type": "object", "properties": {"startLine": {"type": "integer", "minimum": 1}}}
ARTIFACT = {
    "type": "object",
    "properties": {"uri": {"type": "string", "pattern": r"^[^\\:]+$"}, "uriBaseId": {"type": "string"}},
    "additionalProperties": False,
}
LOCATION = {
    "type": "object",
    "properties": {
        "physicalLocation": {
            "type": "object",
            "required": ["artifactLocation"],
            "properties": {"artifactLocation": ARTIFACT, "region": REGION},
            "additionalProperties": False,
        }
    },
    "additionalProperties": False,
}
RESULT = {
    "type": "object",
    "required": ["message"],
    "properties": {
        "ruleId": {"type": "string"},
        "ruleIndex": {"type": "integer", "minimum": 0},
        "kind": {"enum": ["notApplicable", "pass", "fail", "review", "open", "informational"]},
        "level": {"enum": ["none", "note", "warning", "error"]},
        "message": TEXT,
        "locations": {"type": "array", "items": LOCATION},
        "partialFingerprints": {"type": "object", "additionalProperties": {"type": "string"}},
        "properties": {"type": "object"},
        "suppressions": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["kind"],
                "properties": {
                    "kind": {"enum": ["inSource", "external"]},
                    "status": {"enum": ["accepted", "underReview", "rejected"]},
                    "justification": {"type": "string"},
                },
                "additionalProperties": False,
            },
        },
    },
    "additionalProperties": False,
}
SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"enum": ["2.1.0"]},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool"],
                "properties": {
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name"],
                                "properties": {
                                    "name": {"type": "string"},
                                    "semanticVersion": {"type": "string"},
                                    "rules": {"type": "array", "uniqueItems": True, "items": RULE},
                                },
                                "additionalProperties": False,
                            }
                        },
                    },
                    "automationDetails": {"type": "object"},
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "results": {"type": "array", "items": RESULT},
                    "properties": {"type": "object"},
                },
                "additionalProperties": False,
            },
        },
    },
    "additionalProperties": False,
}
KIND = {"pass": "pass", "fail": "fail", "inconclusive": "open", "error": "review", "not_applicable": "notApplicable"}


def log(view: ReportView) -> dict:
    places = {clause.id: ("recipes/ours.yaml", 7 + number) for number, clause in enumerate(view.clauses)}
    found = json.loads(json.dumps(build_sarif(view, places), allow_nan=False))
    jsonschema.Draft7Validator(SARIF).validate(found)
    return found["runs"][0]


@pytest.fixture
def tailored(view: ReportView) -> ReportView:
    """The run's verdicts with a waived clause, one that does not bind and one that does not apply."""
    waiver = {"clause": "ROB-1", "owner": "A. Reviewer", "reason": "no weather indoors", "expires": "2027-01-01"}
    changed = {"ROB-1": {"verdict": "waived", "waiver": waiver}, "GEN-4": {"binding": False}}
    criteria = next(
        tuple(dataclasses.replace(one, verdict="not_applicable") for one in clause.criteria)
        for clause in view.clauses
        if clause.id == "SEC-2"
    )
    changed["SEC-2"] = {"verdict": "not_applicable", "criteria": criteria}
    clauses = tuple(dataclasses.replace(clause, **changed.get(clause.id, {})) for clause in view.clauses)
    return dataclasses.replace(view, clauses=clauses)


def test_every_verdict_has_its_kind_and_only_failures_a_level(view: ReportView) -> None:
    results = {row["ruleId"]: row for row in log(view)["results"]}
    assert {name: row["kind"] for name, row in results.items()} == {
        clause.id: KIND[clause.verdict] for clause in view.clauses
    }
    assert {row["level"] for row in results.values() if row["kind"] != "fail"} == {"none"}  # section 3.27.10
    assert results["ROB-1"]["level"] == "error" and results["GEN-4"]["kind"] == "open"


def test_each_result_names_its_rule_its_line_and_its_number(view: ReportView) -> None:
    found = log(view)
    rules = found["tool"]["driver"]["rules"]
    for number, row in enumerate(found["results"]):
        assert rules[row["ruleIndex"]]["id"] == row["ruleId"]
        place = row["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "recipes/ours.yaml" and place["region"]["startLine"] == 7 + number
    accuracy = found["results"][0]["properties"]["criteria"][0]
    assert (accuracy["measure"], accuracy["value"], accuracy["lower"], accuracy["n"]) == ("accuracy", 0.953, 0.93, 360)
    assert len({json.dumps(row["partialFingerprints"]) for row in found["results"]}) == len(rules)


def test_a_waiver_is_a_suppression_of_what_would_stand(tailored: ReportView) -> None:
    results = {row["ruleId"]: row for row in log(tailored)["results"]}
    waived = results["ROB-1"]
    assert waived["kind"] == "fail" and waived["properties"]["verdict"] == "waived"
    assert waived["suppressions"] == [
        {
            "kind": "external",
            "status": "accepted",
            "justification": "no weather indoors (A. Reviewer, until 2027-01-01)",
        }
    ]
    assert "suppressions" not in results["GEN-1"]


def test_the_counts_of_junit_are_those_of_its_cases(tailored: ReportView) -> None:
    root = ElementTree.fromstring(build_junit(tailored))
    suite = root.find("testsuite")
    assert root.tag == "testsuites" and suite is not None
    cases = {case.get("classname"): case for case in suite.findall("testcase")}
    states = {name.partition(".")[2]: next(part.tag for part in case) for name, case in cases.items()}
    verdicts = {clause.id: clause.verdict for clause in tailored.clauses}
    skipped = {"ROB-1", "GEN-4", "SEC-2"}
    expected = {"pass": "system-out", "fail": "failure", "inconclusive": "failure", "error": "error"}
    assert states == {name: "skipped" if name in skipped else expected[verdict] for name, verdict in verdicts.items()}
    for element in (root, suite):
        assert int(element.get("tests", "")) == len(verdicts)
        assert int(element.get("skipped", "")) == 3
        assert int(element.get("failures", "")) == sum(state == "failure" for state in states.values())
        assert int(element.get("errors", "")) == sum(state == "error" for state in states.values())


def test_junit_says_why_and_survives_characters_that_xml_has_not(view: ReportView) -> None:
    clause = view.clauses[0]
    reason = {"en": "bad \x00 & <b>bold</b>", "zh": "坏"}
    odd = dataclasses.replace(
        clause, verdict="fail", criteria=(dataclasses.replace(clause.criteria[0], verdict="fail", reason=reason),)
    )
    failure = ElementTree.fromstring(build_junit(dataclasses.replace(view, clauses=(odd,)))).find(".//failure")
    assert failure is not None and failure.text == "bad � & <b>bold</b>" and failure.get("type") == "fail"
