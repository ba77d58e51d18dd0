"""Which clause speaks to which part of an outside norm.

The maps are data of the clauses (``maps``). They say where a number is useful evidence; none gives a presumption of
conformity, and texts of norms are named and never quoted.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from basestone.core.errors import UsageError
from basestone.standard.clause import NORMS, Clause, Criterion, load_clauses, unknown
from basestone.standard.profile import load_profile

SIGNS = {"at_least": "≥", "at_most": "≤"}


def clauses_of(profile: str | None) -> tuple[Clause, ...]:
    """The clauses that a profile asks for, shipped or a user's own; all shipped ones when none is named."""
    if profile is None:
        return load_clauses()
    found, clauses = load_profile(profile)
    return tuple(clauses[name] for name in sorted(found.clauses))


def norm_map(norm: str, clauses: Iterable[Clause]) -> dict[str, Any]:
    """``{"norm", "title", "rows"}``, a row as ``clause_rows`` has it with its ``place``; those with one first.

    UsageError with the nearest name when there is no such norm.
    """
    if norm not in NORMS:
        message = unknown("norm", norm, NORMS)
        raise UsageError(f"{message[0].upper()}{message[1:]} There are: {', '.join(NORMS)}.")
    known = list(clauses)
    places = [{str(name): list(place) for name, place in clause.maps.items()}.get(norm, []) for clause in known]
    rows: list[dict[str, Any]] = [{"place": place} | row for place, row in zip(places, clause_rows(known), strict=True)]
    rows.sort(key=lambda row: not row["place"])
    return {"norm": norm, "title": NORMS[norm].model_dump(), "rows": rows}


def clause_rows(clauses: Iterable[Clause]) -> list[dict[str, Any]]:
    """A row a clause: its id, its title, its criteria's labels and limits, and on whose authority; texts {en, zh}."""
    return [
        {
            "clause": clause.id,
            "title": clause.title.model_dump(),
            "measured": [criterion.label.model_dump() for criterion in clause.criteria],
            "limit": [_limit(criterion) for criterion in clause.criteria],
            "basis": list(dict.fromkeys(criterion.basis.kind for criterion in clause.criteria)),
        }
        for clause in clauses
    ]


def _limit(criterion: Criterion) -> str:
    """``≤ 0.1 s``; three dots where the recipe declares it."""
    if criterion.threshold is None:
        return f"{SIGNS[criterion.direction]} …"
    sign = SIGNS[criterion.direction] if not criterion.strict else ">" if criterion.direction == "at_least" else "<"
    return f"{sign} {criterion.threshold:g}" + (f" {criterion.unit}" if criterion.unit not in ("fraction", "1") else "")
