"""Verdicts as JUnit XML, which every CI system reads: a clause is a test case.

JUnit has no third verdict. What is not shown is not passed, so that an inconclusive clause is a failure of that type; a
clause that does not bind, does not apply or is waived is skipped, with its verdict as the reason.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

from basestone.reporting.sarif import decided, message
from basestone.reporting.view import ClauseView, ReportView

_ILLEGAL = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, section 2.2


def build_junit(view: ReportView) -> str:
    """The document; its counts are those of its cases."""
    suite = ElementTree.Element("testsuite", name=f"{view.standard} {view.profile}")
    told = ElementTree.SubElement(suite, "properties")
    for name, value in (("outcome", view.outcome), ("subject", view.subject_sha256), ("audit", view.audit)):
        ElementTree.SubElement(told, "property", name=name, value=value)
    for clause in view.clauses:
        suite.append(_case(clause, view))
    counts = {
        "tests": len(view.clauses),
        "failures": len(suite.findall(".//failure")),
        "errors": len(suite.findall(".//error")),
        "skipped": len(suite.findall(".//skipped")),
    }
    root = ElementTree.Element("testsuites", name=_clean(view.name))
    for element in (suite, root):
        element.attrib |= {name: str(count) for name, count in counts.items()} | {"time": "0"}
    root.append(suite)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(clause: ClauseView, view: ReportView) -> ElementTree.Element:
    title, why = _clean(f"{clause.id} {clause.title['en']}"), _clean(message(clause))
    case = ElementTree.Element("testcase", classname=f"{view.standard}.{clause.id}", name=title, time="0")
    verdict = decided(clause)
    if clause.waiver or not clause.binding or verdict == "not_applicable":
        state = "waived" if clause.waiver else "does not bind" if verdict != "not_applicable" else "not applicable"
        ElementTree.SubElement(case, "skipped", message=f"{state}: {verdict}. {why}")
    elif verdict == "error":
        ElementTree.SubElement(case, "error", type=verdict, message=why).text = why
    elif verdict != "pass":
        ElementTree.SubElement(case, "failure", type=verdict, message=why).text = why
    ElementTree.SubElement(case, "system-out").text = why
    return case


def _clean(text: str) -> str:
    """Without the characters that XML cannot carry, not even escaped."""
    return _ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", text)
