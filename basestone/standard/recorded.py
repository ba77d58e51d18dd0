"""The standard in force as an audit recorded it, for judging again later, elsewhere, by somebody else.

Judging again must not depend on the clauses that happen to be installed: it goes by what was in force then.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from basestone.standard.clause import Clause, Words
from basestone.standard.profile import ClauseInForce, Demand, StandardInForce, WaiverInForce


def read_standard(recorded: Mapping[str, Any]) -> StandardInForce:
    """The inverse of ``StandardInForce.to_json``. KeyError, ValueError or TypeError when it is not one."""
    return StandardInForce(
        standard=recorded["standard"],
        profile=recorded["profile"],
        task=recorded["task"],
        judged_on=date.fromisoformat(recorded["judged_on"]),
        clauses=tuple(_clause(entry) for entry in recorded["clauses"]),
    )


def _clause(entry: Mapping[str, Any]) -> ClauseInForce:
    written = {name: entry[name] for name in Clause.model_fields if name in entry}
    clause = Clause.model_validate_json(json.dumps(written))
    return ClauseInForce(
        clause=clause,
        binding=entry["binding"],
        applies=entry["applies"],
        demands=tuple(
            Demand(
                criterion=criterion,
                threshold=entry["in_force"][criterion.name]["threshold"],
                origin=entry["in_force"][criterion.name]["origin"],
                reason=_words(entry["in_force"][criterion.name]["reason"]),
            )
            for criterion in clause.criteria
        ),
        waiver=_waiver(entry["waiver"]),
    )


def _words(recorded: Mapping[str, str] | None) -> Words | None:
    return Words(en=recorded["en"], zh=recorded["zh"]) if recorded else None


def _waiver(recorded: Mapping[str, str] | None) -> WaiverInForce | None:
    if recorded is None:
        return None
    return WaiverInForce(
        clause=recorded["clause"],
        owner=recorded["owner"],
        reason=recorded["reason"],
        expires=date.fromisoformat(recorded["expires"]),
    )
