"""From a profile and what the recipe declares and waives to the standard in force, or to every fault in them.

``check`` asks before anything runs, the audit when it begins; both come through ``resolve``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Protocol, Unpack

from basestone.core.errors import Fault, RecipeError
from basestone.standard.clause import Clause, Traits, Words, for_task, unknown
from basestone.standard.profile import (
    Ask,
    ClauseInForce,
    Demand,
    Profile,
    StandardInForce,
    WaiverInForce,
    load_profile,
    refusal,
)

Declared = Mapping[str, float | Mapping[str, float]]


class Waiver(Protocol):
    """What a recipe says of a clause that it sets aside; ``expires`` is an ISO date."""

    @property
    def clause(self) -> str:
        """The clause's id."""
        ...

    @property
    def owner(self) -> str:
        """Who answers for it."""
        ...

    @property
    def reason(self) -> str:
        """Why."""
        ...

    @property
    def expires(self) -> str:
        """The last day on which it holds, YYYY-MM-DD."""
        ...


def resolve(
    profile: str | Path,
    declare: Declared,
    waivers: Sequence[Waiver],
    task: str,
    today: date,
    *,
    stage: str = "audit",
    known_measures: Collection[str] | None = None,
    **traits: Unpack[Traits],
) -> StandardInForce:
    """The standard in force for one audit; RecipeError with every fault, named by its path in the recipe."""
    here = f"stages.{stage}"
    try:
        found, clauses = load_profile(profile, known_measures=known_measures)
    except RecipeError as error:
        faults = [replace(one, path=f"{here}.profile") if one.path == "profile" else one for one in error.faults]
        raise RecipeError(faults) from error
    clauses = {key: for_task(clause, task, **traits) for key, clause in clauses.items()}
    faults = list(_task_faults(found, task, f"{here}.profile"))
    thresholds = _declared(found, clauses, declare, f"{here}.declare", faults)
    held = _waivers(found, clauses, waivers, today, f"{here}.waive", faults)
    entries = [
        _entry(
            clauses[key],
            ask,
            thresholds,
            held.get(key),
            clauses[key].applies_to(task, **traits),
        )
        for key, ask in found.clauses.items()
    ]
    faults += [fault for entry in entries for fault in _undeclared(entry, f"{here}.declare")]
    if faults:
        raise RecipeError(faults)
    return StandardInForce(
        standard=found.standard, profile=found.id, task=task, judged_on=today, clauses=tuple(entries)
    )


def _task_faults(profile: Profile, task: str, path: str) -> Iterator[Fault]:
    if task not in profile.tasks and "*" not in profile.tasks:
        tasks = ", ".join(profile.tasks)
        yield Fault(path=path, message=f"profile '{profile.id}' is for {tasks}, not {task}; choose another.")


def _declared(
    profile: Profile, clauses: Mapping[str, Clause], declare: Declared, path: str, faults: list[Fault]
) -> dict[tuple[str, str], float]:
    """(clause, criterion) → threshold; what is wrong goes to ``faults``."""
    thresholds: dict[tuple[str, str], float] = {}
    for name, value in declare.items():
        if message := _not_asked(profile, clauses, name):
            faults.append(Fault(path=f"{path}.{name}", message=message))
            continue
        criteria = {criterion.name: criterion for criterion in clauses[name].criteria}
        by_name = value if isinstance(value, Mapping) else _scalar(clauses[name], value)
        if by_name is None:
            example = ", ".join(f"{key}: …" for key in criteria)
            message = f"{name} has several criteria, so say which one is meant: {name}: {{{example}}}."
            faults.append(Fault(path=f"{path}.{name}", message=message))
            continue
        for key, threshold in by_name.items():
            place = f"{path}.{name}.{key}" if isinstance(value, Mapping) else f"{path}.{name}"
            message = (
                refusal(name, criteria[key], threshold)
                if key in criteria
                else unknown(f"criterion of {name}", key, criteria)
            )
            if message:
                faults.append(Fault(path=place, message=message))
            thresholds[name, key] = threshold
    return thresholds


def _scalar(clause: Clause, value: float) -> dict[str, float] | None:
    """A plain number means the clause's only criterion, or the only one that is for the recipe to declare."""
    criteria = [criterion for criterion in clause.criteria if criterion.basis.kind == "declared"]
    criteria = list(clause.criteria) if len(clause.criteria) == 1 else criteria
    return {criteria[0].name: value} if len(criteria) == 1 else None


def _not_asked(profile: Profile, clauses: Mapping[str, Clause], name: str) -> str | None:
    if name not in clauses:
        return unknown("clause", name, clauses)
    if name not in profile.clauses:
        return f"profile '{profile.id}' does not ask for {name}; remove the line or choose another profile."
    return None


def _waivers(
    profile: Profile,
    clauses: Mapping[str, Clause],
    waivers: Sequence[Waiver],
    today: date,
    path: str,
    faults: list[Fault],
) -> dict[str, WaiverInForce]:
    held: dict[str, WaiverInForce] = {}
    for index, waiver in enumerate(waivers):
        wrong = dict(_waiver_faults(profile, clauses, waiver, today))
        if waiver.clause in held:
            wrong["clause"] = f"{waiver.clause} is waived twice; keep one waiver."
        faults += [Fault(path=f"{path}.{index}.{field}", message=message) for field, message in wrong.items()]
        if not wrong:
            held[waiver.clause] = WaiverInForce(
                clause=waiver.clause,
                owner=waiver.owner,
                reason=waiver.reason,
                expires=date.fromisoformat(waiver.expires),
            )
    return held


def _waiver_faults(
    profile: Profile, clauses: Mapping[str, Clause], waiver: Waiver, today: date
) -> Iterator[tuple[str, str]]:
    if message := _not_asked(profile, clauses, waiver.clause):
        yield "clause", message
    if not waiver.owner.strip():
        yield "owner", "a waiver must name the person who answers for it; write a name."
    if not waiver.reason.strip():
        yield "reason", "a waiver must say why the clause is set aside; write a reason."
    try:
        expires = date.fromisoformat(waiver.expires)
    except ValueError:
        yield "expires", f"must be a day of the calendar, YYYY-MM-DD; got '{waiver.expires}'."
        return
    if expires < today:
        yield (
            "expires",
            f"the waiver of {waiver.clause} expired on {expires}, before {today}; renew it or remove it.",
        )


def _entry(
    clause: Clause,
    ask: Ask,
    declared: Mapping[tuple[str, str], float],
    waiver: WaiverInForce | None,
    applies: bool,
) -> ClauseInForce:
    demands: list[Demand] = []
    for criterion in clause.criteria:
        demand = Demand(criterion=criterion, threshold=criterion.threshold)
        if replaced := ask.thresholds.get(criterion.name):
            demand = replace(demand, threshold=replaced.value, origin="profile", reason=replaced.reason)
        if (clause.id, criterion.name) in declared:
            reason = Words(en="declared in the recipe", zh="由配方声明")
            demand = replace(demand, threshold=declared[clause.id, criterion.name], origin="recipe", reason=reason)
        demands.append(demand)
    return ClauseInForce(clause=clause, binding=ask.binding, applies=applies, demands=tuple(demands), waiver=waiver)


def _undeclared(entry: ClauseInForce, path: str) -> Iterator[Fault]:
    """One fault a clause, showing what to write; nothing is asked of a clause that is waived or does not apply."""
    missing = [demand.criterion for demand in entry.demands if demand.threshold is None]
    if not missing or entry.waiver or not entry.applies:
        return
    clause = entry.clause.id
    wanted = " and ".join(f"{criterion.name} ({criterion.unit})" for criterion in missing)
    numbers = ", ".join(f"{criterion.name}: NUMBER" for criterion in missing)
    example = f"{clause}: NUMBER" if _scalar(entry.clause, 0) else f"{clause}: {{{numbers}}}"
    yield Fault(
        path=f"{path}.{clause}",
        message=f"the recipe must declare the threshold of {wanted}, as no number suits every task; write {example}.",
    )
