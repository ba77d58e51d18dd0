"""Profiles: which clauses bind, with which thresholds. And the standard in force: a profile applied to one recipe.

A profile is tailoring in the sense of ISO/IEC 27001: what is left out or set aside says by whom and why.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, FiniteFloat

from basestone.core.errors import Fault, RecipeError
from basestone.core.evidence import digest_of
from basestone.core.registry import Strict
from basestone.standard.clause import (
    SHIPPED,
    STANDARD,
    Clause,
    Criterion,
    Task,
    Text,
    Words,
    load_clauses,
    out_of_range,
    unknown,
)
from basestone.standard.document import Document, parse, read_document

PROFILES = Path(__file__).parent / "profiles"


class Replacement(Strict):
    """Another threshold than the clause's own, and why."""

    value: FiniteFloat
    reason: Words


class Ask(Strict):
    """What a profile wants of one clause. One that does not bind is measured and reported, and decides nothing."""

    binding: bool = True
    thresholds: dict[str, Replacement] = Field(default_factory=dict[str, Replacement])


class Profile(Strict):
    """A selection of clauses for a kind of use.

    ``standard`` is the name that reports carry. ``sources`` are where its clauses are: ``foundation-1`` for the
    shipped ones, or files and folders, relative to the profile's own file.
    """

    id: Text
    standard: Text
    sources: Annotated[tuple[Text, ...], Field(min_length=1)] = (STANDARD,)
    title: Words
    text: Words
    tasks: Annotated[tuple[Task, ...], Field(min_length=1)]
    clauses: Annotated[dict[str, Ask], Field(min_length=1)]


@dataclass(frozen=True, kw_only=True)
class Demand:
    """A criterion with the threshold that counts here, and where that came from. None: nobody declared one."""

    criterion: Criterion
    threshold: float | None
    origin: str = "standard"
    reason: Words | None = None


@dataclass(frozen=True, kw_only=True)
class WaiverInForce:
    """A clause set aside by its owner until, and on, a day."""

    clause: str
    owner: str
    reason: str
    expires: date

    def to_json(self) -> dict[str, str]:
        """The waiver as reports carry it."""
        return {
            "clause": self.clause,
            "owner": self.owner,
            "reason": self.reason,
            "expires": self.expires.isoformat(),
        }


@dataclass(frozen=True, kw_only=True)
class ClauseInForce:
    """A clause as it applies to one audit."""

    clause: Clause
    binding: bool
    applies: bool
    demands: tuple[Demand, ...]
    waiver: WaiverInForce | None = None


@dataclass(frozen=True, kw_only=True)
class StandardInForce:
    """All that the judge must know besides the measurements. ``judged_on`` decides whether a waiver still holds."""

    standard: str
    profile: str
    task: str
    judged_on: date
    clauses: tuple[ClauseInForce, ...]

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of everything that is demanded: equal digests mean equal demands, on whichever day."""
        return digest_of({key: value for key, value in self.to_json().items() if key != "judged_on"})

    def to_json(self) -> dict[str, Any]:
        """Every clause with its texts, the thresholds that count and the waivers: what a report needs to explain."""
        return {
            "standard": self.standard,
            "profile": self.profile,
            "task": self.task,
            "judged_on": self.judged_on.isoformat(),
            "clauses": [_describe(entry) for entry in self.clauses],
        }

    @property
    def measures(self) -> tuple[str, ...]:
        """The measures that an audit must make, each once, in the order of the clauses."""
        wanted = [demand.criterion.measure for entry in self.clauses if entry.applies for demand in entry.demands]
        return tuple(dict.fromkeys(wanted))

    @property
    def records(self) -> tuple[str, ...]:
        """The record tables and facts that an audit must collect."""
        return tuple(dict.fromkeys(name for entry in self.clauses if entry.applies for name in entry.clause.records))


def profile_names() -> tuple[str, ...]:
    """The shipped profiles."""
    return tuple(sorted(path.stem for path in PROFILES.glob("*.yaml")))


def load_profile(
    profile: str | Path, *, known_measures: Collection[str] | None = None
) -> tuple[Profile, dict[str, Clause]]:
    """A shipped profile by name, or a YAML file; with the clauses of its standard by id.

    Raises RecipeError with every fault: unknown clauses and criteria, and thresholds that a norm does not allow. With
    ``known_measures``, a clause that asks for a measure outside them is a fault too.
    """
    document = read_document(_path(profile))
    found, faults = parse(document, Profile)
    if found is None:
        raise RecipeError(faults)
    sources = [SHIPPED if name == STANDARD else Path(document.file).parent / name for name in found.sources]
    clauses = {clause.id: clause for clause in load_clauses(*sources)}
    faults = _profile_faults(document, found, clauses) + _measure_faults(found, clauses, known_measures)
    if faults:
        raise RecipeError(faults)
    return found, clauses


def _path(profile: str | Path) -> Path:
    shipped = PROFILES / f"{profile}.yaml"
    if isinstance(profile, str) and shipped.is_file() and "/" not in profile:
        return shipped
    path = Path(profile)
    if not path.is_file():
        message = (
            f"{unknown('profile', str(profile), profile_names())} A file of your own ends in .yaml and must exist."
        )
        raise RecipeError([Fault(path="profile", message=message)])
    return path


def _profile_faults(document: Document, profile: Profile, clauses: dict[str, Clause]) -> list[Fault]:
    faults: list[Fault] = []
    for name, ask in profile.clauses.items():
        if name not in clauses:
            faults.append(document.fault(("clauses", name), unknown("clause", name, clauses)))
            continue
        criteria = {criterion.name: criterion for criterion in clauses[name].criteria}
        for key, replacement in ask.thresholds.items():
            place = ("clauses", name, "thresholds", key)
            if key not in criteria:
                faults.append(document.fault(place, unknown(f"criterion of {name}", key, criteria)))
            elif message := refusal(name, criteria[key], replacement.value):
                faults.append(document.fault((*place, "value"), message))
    return faults


def _measure_faults(profile: Profile, clauses: dict[str, Clause], known: Collection[str] | None) -> list[Fault]:
    wanted = {
        criterion.measure: name for name in profile.clauses if name in clauses for criterion in clauses[name].criteria
    }
    return [
        Fault(path=f"{name}.criteria.measure", message=unknown("measure", measure, known))
        for measure, name in wanted.items()
        if known is not None and measure not in known
    ]


def refusal(clause: str, criterion: Criterion, threshold: float) -> str | None:
    """Why ``threshold`` may not replace the criterion's own, or None."""
    if message := out_of_range(criterion, threshold):
        return message
    if criterion.basis.kind == "normative" and criterion.loosens(threshold):
        bound = "at least" if criterion.direction == "at_least" else "at most"
        return (
            f"{clause} ({criterion.name}) is normative and must stay {bound} {criterion.threshold:g}; "
            f"got {threshold:g}. It may only be tightened; "
            "to set the clause aside, waive it with an owner, a reason and an expiry."
        )
    return None


def _describe(entry: ClauseInForce) -> dict[str, Any]:
    thresholds = {
        demand.criterion.name: {
            "threshold": demand.threshold,
            "origin": demand.origin,
            "reason": demand.reason.model_dump() if demand.reason else None,
        }
        for demand in entry.demands
    }
    return {
        **entry.clause.model_dump(mode="json"),
        "binding": entry.binding,
        "applies": entry.applies,
        "in_force": thresholds,
        "waiver": entry.waiver.to_json() if entry.waiver else None,
    }
