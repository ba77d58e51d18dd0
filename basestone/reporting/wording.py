"""What a verdict is called and why: the words that page, model card and terminal share."""

from __future__ import annotations

from basestone.reporting.numbers import DASH, limit
from basestone.reporting.strings import Text, both, join, say
from basestone.reporting.view import CriterionView, ReportView

MARKS = {"pass": "✓", "fail": "✗", "inconclusive": "?", "error": "!", "not_applicable": "–", "waived": "⦸"}
OPEN = ("fail", "error", "inconclusive")


def outcome_reason(view: ReportView) -> Text:
    """One sentence on why the standard is met or not."""
    binding = view.binding
    waived = [clause for clause in binding if clause.verdict == "waived"]
    undone = [clause for clause in binding if clause.verdict in OPEN]
    if view.outcome == "met":
        passed = len(binding) - len(waived)
        return say("reason_met_waived", n=passed, waived=len(waived)) if waived else say("reason_met", n=passed)
    if not undone:
        return say("reason_nothing")
    groups = [(verdict, [clause.id for clause in undone if clause.verdict == verdict]) for verdict in OPEN]
    parts = [join([say(f"verdict_{verdict}"), both(", ".join(ids))], (": ", "：")) for verdict, ids in groups if ids]
    return say("reason_not_met", open=len(undone), n=len(binding), which=join(parts, ("; ", "；")))


def threshold_words(one: CriterionView) -> Text:
    """``≥ 0.9`` and its kin; a dash where nobody declared a threshold."""
    if one.threshold is None:
        return both(DASH)
    key = {
        ("at_least", False): "at_least",
        ("at_least", True): "more_than",
        ("at_most", False): "at_most",
        ("at_most", True): "less_than",
    }[one.direction, one.strict]
    return say(key, t=limit(one.threshold, one.unit))
