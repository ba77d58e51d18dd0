"""A clause: what the standard asks, of which number, on whose authority. One YAML file a clause.

The shipped clauses lie beside this module in ``clauses/``; users bring their own files of the same schema.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, Self, TypedDict, Unpack, cast

from pydantic import Field, FiniteFloat, model_validator

from basestone.core.errors import Fault, RecipeError, UsageError, did_you_mean
from basestone.core.registry import PositiveInt, Strict
from basestone.standard.document import Document, Place, parse, read_document

SHIPPED = Path(__file__).parent / "clauses"
STANDARD = "foundation-1"
DIMENSIONLESS = ("1", "fraction")  # a fraction is a plain number from 0 to 1; measures may call both "1"

Text = Annotated[str, Field(min_length=1)]
Direction = Literal["at_least", "at_most"]
Task = Literal[
    "*",
    "image_classification",
    "detection",
    "text_classification",
    "text_regression",
    "language_modelling",
    "speech_classification",
    "speech_recognition",
    "audio_modelling",
    "speech_synthesis",
    "speech_generation",
    "feature_extraction",
]
Norm = Literal["gbt-45288", "gbt-45654", "iso-24029", "iso-25059", "nist-rmf", "eu-ai-act"]
Sampling = Literal[
    "proportion", "screened", "difference", "paired", "calibration", "clustered", "quantile", "exact", "errors"
]


class Words(Strict):
    """The same thing said in English and in Chinese."""

    en: Text
    zh: Text


NORMS: dict[str, Words] = {
    "gbt-45288": Words(en="GB/T 45288-2025, large-scale AI models", zh="GB/T 45288-2025 人工智能 大模型"),
    "gbt-45654": Words(
        en="GB/T 45654-2025, basic security requirements for generative AI services",
        zh="GB/T 45654-2025 网络安全技术 生成式人工智能服务安全基本要求",
    ),
    "iso-24029": Words(en="ISO/IEC 24029, robustness of neural networks", zh="ISO/IEC 24029 神经网络鲁棒性评估"),
    "iso-25059": Words(en="ISO/IEC 25059, quality model for AI systems", zh="ISO/IEC 25059 人工智能系统质量模型"),
    "nist-rmf": Words(en="NIST AI 100-1, AI Risk Management Framework", zh="NIST AI 100-1 人工智能风险管理框架"),
    "eu-ai-act": Words(en="Regulation (EU) 2024/1689, AI Act", zh="欧盟《人工智能法》（EU）2024/1689"),
}


class Basis(Strict):
    """Why the threshold is what it is: set by a norm, usual in the literature, or for the recipe to declare."""

    kind: Literal["normative", "convention", "declared"]
    source: Text
    note: Words | None = None


class Criterion(Strict):
    """One number against one threshold.

    ``tasks`` and ``records`` are given where a criterion is not for every task of its clause, or needs other records.
    ``trait`` is given where it is asked only of a model, data or audit that have it.
    ``level`` is given where it is not the clause's. ``strict`` asks for more than the threshold, not merely as much.
    ``sampling`` says what kind of sample the number is estimated from, so that ``plan`` can forecast its bounds:
    counts out of n (proportion), counts of what a detector flagged (screened), two of them (difference), two models
    on the same n samples (paired), calibration, source samples seen many times (clustered), the p99 of n runs
    (quantile), the errors among n answers (errors), or no sampling (exact).
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    label: Words
    measure: Text
    direction: Direction
    threshold: FiniteFloat | None = None
    strict: bool = False
    unit: Text
    sampling: Sampling
    basis: Basis
    tasks: tuple[Task, ...] = ("*",)
    trait: Literal["referenced"] | None = None
    records: tuple[Text, ...] = ()
    level: Literal["L1", "L2"] | None = None

    @model_validator(mode="after")
    def _threshold_or_declared(self) -> Self:
        if self.threshold is None and self.basis.kind != "declared":
            raise ValueError("'threshold' may be left out only where basis.kind is 'declared'; write the number.")
        if self.threshold is not None and (message := out_of_range(self, self.threshold)):
            raise ValueError(message)
        return self

    def loosens(self, threshold: float) -> bool:
        """Whether ``threshold`` asks for less than the clause's own."""
        if self.threshold is None:
            return False
        return threshold < self.threshold if self.direction == "at_least" else threshold > self.threshold


class Traits(TypedDict, total=False):
    """What a model, its data or its audit may have that some clauses are about; see ``Clause``. Absent: has not."""

    served: bool
    compressed: bool
    seeds: bool
    grouped: bool
    allocative: bool
    filtering: bool
    private: bool
    referenced: bool


TRAITS = tuple(Traits.__annotations__)


class Clause(Strict):
    """One requirement. Level L2 asks that every criterion is met, L1 only that they are measured validly.

    ``records`` names the tables and facts that the criteria are computed from; the first is the one that n counts.
    Fewer than ``min_n`` samples decide nothing. ``maps`` says which part of an outside norm the clause speaks to.
    ``served`` clauses apply to a running service only, ``compressed`` ones to a model that was made from another,
    ``seeds`` to one that was trained with several, ``grouped`` ones where the data name groups, ``allocative`` ones
    where a class is declared the favourable decision, ``filtering`` ones where one is declared harmful, ``private`` to
    one whose training claims differential privacy. A criterion may be ``referenced``: asked where the audit names a
    model to hold the audited one against.
    """

    id: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]*-[0-9]+$")]
    title: Words
    text: Words
    tasks: Annotated[tuple[Task, ...], Field(min_length=1)]
    level: Literal["L1", "L2"]
    criteria: Annotated[tuple[Criterion, ...], Field(min_length=1)]
    records: Annotated[tuple[Text, ...], Field(min_length=1)]
    min_n: PositiveInt = 1
    references: Annotated[tuple[Text, ...], Field(min_length=1)]
    maps: dict[Norm, Annotated[tuple[Text, ...], Field(min_length=1)]] = Field(
        default_factory=dict[Norm, tuple[str, ...]]
    )
    served: bool = False
    compressed: bool = False
    seeds: bool = False
    grouped: bool = False
    allocative: bool = False
    filtering: bool = False
    private: bool = False

    @model_validator(mode="after")
    def _distinct_criteria(self) -> Self:
        names = [criterion.name for criterion in self.criteria]
        if len(set(names)) < len(names):
            raise ValueError(f"the criteria of a clause must have distinct names; got {', '.join(names)}.")
        return self

    def applies_to(self, task: str, **traits: Unpack[Traits]) -> bool:
        """Whether the clause has anything to say about a model for ``task`` that has these traits."""
        concerned = all(traits.get(name, False) for name in TRAITS if getattr(self, name, False))
        return concerned and (task in self.tasks or "*" in self.tasks)


def for_task(clause: Clause, task: str, **traits: Unpack[Traits]) -> Clause:
    """The clause with only those criteria, and the records of those, that are for ``task`` and have their trait.

    As it is where none is.
    """
    criteria = tuple(
        one
        for one in clause.criteria
        if (task in one.tasks or "*" in one.tasks) and (one.trait is None or traits.get(one.trait, False))
    )
    if not criteria:
        return clause
    records = dict.fromkeys(name for one in criteria for name in one.records or clause.records)
    return clause.model_copy(update={"criteria": criteria, "records": tuple(records)})


def out_of_range(criterion: Criterion, threshold: float) -> str | None:
    """Why ``threshold`` cannot be meant for ``criterion``, or None."""
    if criterion.unit == "fraction" and not 0 <= threshold <= 1:
        return f"must be a fraction from 0 to 1, never percent; got {threshold:g}."
    return None


def load_clauses(*paths: Path) -> tuple[Clause, ...]:
    """The clauses in ``paths`` (files, or folders of ``*.yaml``), sorted by id; the shipped ones when none is given.

    A file holds one clause or a list of them. Raises RecipeError with every fault of every file.
    """
    faults: list[Fault] = []
    found: dict[str, tuple[Clause, str]] = {}
    for document in _documents(paths or (SHIPPED,), faults):
        for place in _places(document):
            clause, wrong = parse(document, Clause, place)
            faults += wrong
            if clause and clause.id in found:
                message = f"clause ids must be unique; {clause.id} is already in {found[clause.id][1]}."
                faults.append(document.fault((*place, "id"), message))
            elif clause:
                found[clause.id] = clause, document.file
    if faults:
        raise RecipeError(faults)
    return tuple(found[name][0] for name in sorted(found))


def clause_by_id(name: str) -> Clause:
    """A shipped clause; UsageError with the nearest id when there is none of that name."""
    clauses = {clause.id: clause for clause in load_clauses()}
    if name not in clauses:
        message = unknown("clause", name, clauses)
        raise UsageError(f"{message[0].upper()}{message[1:]}")
    return clauses[name]


def _documents(paths: Iterable[Path], faults: list[Fault]) -> list[Document]:
    documents: list[Document] = []
    for path in paths:
        files = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
        if not files:
            message = "must hold *.yaml files of clauses and holds none."
            faults.append(Fault(path="", message=message, file=str(path)))
        for file in files:
            try:
                documents.append(read_document(file))
            except RecipeError as error:
                faults += error.faults
    return documents


def _places(document: Document) -> list[Place]:
    if isinstance(document.value, list):
        return [(index,) for index in range(len(cast("list[object]", document.value)))]
    return [()]


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """The message for a name that is not there."""
    return f"there is no {what} '{name}'.{did_you_mean(name, known)}"
