"""The standard tests itself: models with a known fault that a named clause must FAIL, and healthy ones that none may.

A clause that passes everything is worthless however strict it reads; mutation testing of software has the same idea
(DeMillo, Lipton & Sayward 1978, Computer 11(4)) and its name for the result, a kill matrix. Building and auditing the
cases is a door's work; this module says what must come out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from basestone.core.errors import Fault, RecipeError
from basestone.core.registry import Strict
from basestone.standard.clause import Text, Words, unknown
from basestone.standard.document import parse, read_document

CASES = Path(__file__).parent / "cases.yaml"

Expected = Literal["fail", "not_fail", "any"]


class Case(Strict):
    """A model made on purpose. ``must_fail`` None: a healthy control.

    ``also_fails`` names further clauses that must fail, ``may_fail`` those that the fault honestly spills over to;
    every other clause must not fail, so that a clause that fails everything is caught too.
    """

    id: Text
    fault: Words
    must_fail: Text | None = None
    also_fails: tuple[Text, ...] = ()
    may_fail: tuple[Text, ...] = ()

    @property
    def must_fail_all(self) -> tuple[str, ...]:
        """The clauses that must fail."""
        return (*([self.must_fail] if self.must_fail else []), *self.also_fails)

    def expects(self, clause: str) -> Expected:
        """What this case's verdict on ``clause`` must be."""
        if clause in self.must_fail_all:
            return "fail"
        return "any" if clause in self.may_fail else "not_fail"


class _Cases(Strict):
    cases: tuple[Case, ...]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One case under one clause. ``observed`` is None when the case was audited without the clause."""

    case: str
    clause: str
    expected: Expected
    observed: str | None

    @property
    def right(self) -> bool:
        """Whether the observed verdict is the expected one. A clause that was not judged has shown nothing."""
        match self.expected:
            case "fail":
                return self.observed == "fail"
            case "not_fail":
                return self.observed in ("pass", "inconclusive", "not_applicable", "waived")
            case "any":
                return self.observed is not None


@dataclass(frozen=True, kw_only=True)
class KillMatrix:
    """Every case under every clause."""

    cases: tuple[Case, ...]
    clauses: tuple[str, ...]
    cells: tuple[Cell, ...]

    @property
    def right(self) -> bool:
        """Whether every cell is as expected."""
        return not self.wrong

    @property
    def wrong(self) -> tuple[Cell, ...]:
        """The cells that are not as expected."""
        return tuple(cell for cell in self.cells if not cell.right)

    @property
    def unproven(self) -> tuple[str, ...]:
        """The clauses that no case must fail: nobody has shown that they can."""
        proven = {clause for case in self.cases for clause in case.must_fail_all}
        return tuple(clause for clause in self.clauses if clause not in proven)

    def rows(self) -> list[dict[str, Any]]:
        """One row a case, for a table: clause → observed verdict, with ``!`` and the expected one where it is wrong."""
        return [
            {"case": case.id, "fault": case.fault.model_dump(), "must_fail": case.must_fail}
            | {cell.clause: _shown(cell) for cell in self.cells if cell.case == case.id}
            for case in self.cases
        ]

    def to_json(self) -> dict[str, Any]:
        """The matrix as the self-test publishes it."""
        return {"right": self.right, "rows": self.rows(), "unproven": list(self.unproven)}


def load_cases(path: Path = CASES, *, clauses: Iterable[str] | None = None) -> tuple[Case, ...]:
    """The shipped cases, or a user's; RecipeError when ids repeat or a clause is not among ``clauses``."""
    document = read_document(path)
    found, faults = parse(document, _Cases)
    known = None if clauses is None else set(clauses)
    for index, case in enumerate(found.cases if found else ()):
        faults += [document.fault(("cases", index), message) for message in _case_faults(case, known)]
        if found and case.id in {earlier.id for earlier in found.cases[:index]}:
            faults.append(
                document.fault(("cases", index, "id"), f"case ids must be unique; '{case.id}' is used twice.")
            )
    if faults or found is None:
        raise RecipeError(faults)
    return found.cases


def kill_matrix(cases: Sequence[Case], verdicts: Mapping[str, Mapping[str, Any]]) -> KillMatrix:
    """Compares each case's ``verdicts.json`` with what it must be; RecipeError when a case was not audited."""
    missing = [case.id for case in cases if case.id not in verdicts]
    if missing:
        message = "every case must be audited and this one was not."
        raise RecipeError([Fault(path=name, message=message) for name in missing])
    observed = {
        (case.id, row["clause"]): str(row["verdict"]) for case in cases for row in verdicts[case.id]["verdicts"]
    }
    wanted = {clause for case in cases for clause in case.must_fail_all}
    clauses = tuple(sorted({clause for _, clause in observed} | wanted))
    cells = tuple(
        Cell(case=case.id, clause=clause, expected=case.expects(clause), observed=observed.get((case.id, clause)))
        for case in cases
        for clause in clauses
    )
    return KillMatrix(cases=tuple(cases), clauses=clauses, cells=cells)


def _case_faults(case: Case, known: set[str] | None) -> list[str]:
    named = [*case.may_fail, *case.must_fail_all]
    return [unknown("clause", name, known) for name in named if known is not None and name not in known]


def _shown(cell: Cell) -> str:
    word = cell.observed or "not judged"
    return word if cell.right else f"{word} ! expected {cell.expected.replace('_', ' ')}"
