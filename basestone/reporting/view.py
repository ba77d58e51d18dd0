"""What a report is about, read from a run's folder once: the page, the model card and the bill of materials share it.

Everything here is as the run left it; only names and texts of clauses are brought together with their verdicts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from basestone.core.artifact import Manifest, read_json
from basestone.core.errors import ArtifactError
from basestone.core.evidence import Records, read_records
from basestone.core.run import RunFolder
from basestone.reporting.evidence import lineage
from basestone.reporting.explanations import Explanation, read_explanation
from basestone.reporting.scenes import Scene, read_scene
from basestone.reporting.strings import Language, Text, both

PREPARE = "prepare"


@dataclass(frozen=True, kw_only=True)
class CriterionView:
    """One number against one threshold. None: not measured, unbounded on that side, or no threshold declared."""

    name: str
    label: Text
    verdict: str
    measure: str
    value: float | None
    unit: str
    lower: float | None
    upper: float | None
    confidence: float | None
    method: str
    n: int | None
    threshold: float | None
    direction: str
    strict: bool
    basis: str
    source: str
    note: Text | None
    needed_n: int | None
    reason: Text


@dataclass(frozen=True, kw_only=True)
class ClauseView:
    """One clause with its verdict; ``evidence`` is (path relative to the run, SHA-256)."""

    id: str
    title: Text
    text: Text | None
    verdict: str
    binding: bool
    criteria: tuple[CriterionView, ...]
    references: tuple[str, ...]
    evidence: tuple[tuple[str, str], ...]
    waiver: Mapping[str, str] | None


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A test sample with its prediction: ``png``, an image file's bytes, or ``text``; neither may be shown of some.

    ``shape``: width and height of the picture on the page, in pixels.
    """

    png: bytes | None
    text: str | None
    label: str
    prediction: str
    confidence: float
    row: str
    correct: bool
    shape: tuple[int, int] = (96, 96)


@dataclass(frozen=True, kw_only=True)
class ReportView:
    """A run, as its report shows it. ``subject`` is the stage of the audited model; stages are in order of need.

    ``candidates``: the ways of running a compressed model that were tried, empty for any other. ``chain``:
    ``comparison.json`` of every adaptation on the way to the subject.
    ``beside``: rows of ``measures.beside``, each with its ``parameters`` (None: it has none to count).
    ``parts``: rows of ``measures.explanation.shortcuts.found_shortcuts``.
    ``extractions``: stage → ``facts``, ``downstream`` and ``picture`` (columns), empty where it left none.
    ``forecast`` holds rows ``{"name", "forecast", "actual", "unit", "held"}`` (``name`` a string or {en, zh}).
    """

    name: str
    task: str
    language: Language
    folder: str
    standard: str
    profile: str
    outcome: str
    audit: str
    subject: str
    subject_sha256: str
    clauses: tuple[ClauseView, ...]
    class_names: tuple[str, ...]
    recipe: Mapping[str, Any]
    environment: Mapping[str, Any]
    card: Mapping[str, Any]
    model: Mapping[str, Any]
    candidates: Mapping[str, Any]
    chain: Mapping[str, Mapping[str, Any]]
    manifests: Mapping[str, Manifest]
    events: Sequence[Mapping[str, Any]]
    records: Records
    measurements: Mapping[str, Any]
    facts: Mapping[str, Any]
    samples: tuple[Sample, ...]
    scenes: tuple[Scene, ...]
    forecast: tuple[Mapping[str, Any], ...]
    beside: tuple[Mapping[str, Any], ...] = ()
    sensitive: bool = False
    explanations: tuple[Explanation, ...] = ()
    parts: tuple[Mapping[str, Any], ...] = ()
    extractions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])

    @property
    def methods(self) -> Mapping[str, Any]:
        """The methods by which the subject was adapted; empty for a model that was not."""
        return self.chain.get(self.subject, {})

    @property
    def binding(self) -> tuple[ClauseView, ...]:
        """The clauses that decide the outcome."""
        return tuple(clause for clause in self.clauses if clause.binding and clause.verdict != "not_applicable")

    def criterion(self, measure: str) -> CriterionView | None:
        """The first criterion that judges ``measure``."""
        found = (one for clause in self.clauses for one in clause.criteria if one.measure == measure)
        return next(found, None)


def read_view(
    run: RunFolder,
    audit: str,
    *,
    samples: Sequence[Mapping[str, Any]] = (),
    scenes: Sequence[Mapping[str, Any]] = (),
    language: Language = "en",
    forecast: Sequence[Mapping[str, Any]] = (),
    beside: Sequence[Mapping[str, Any]] = (),
    extractions: Sequence[str] = (),
    explanations: Sequence[Mapping[str, Any]] = (),
    parts: Sequence[Mapping[str, Any]] = (),
) -> ReportView:
    """Reads what the report of ``audit`` needs.

    ``samples`` are ``{png or text, label, prediction, confidence, row}``, of a wide picture also ``shape``; labels are
    class names or positions of them. ``scenes`` are as ``Scene`` has them, with ``class`` for each box's label.

    Raises:
        ArtifactError: the audit or a stage that it descends from is not finished, or a file of it is missing.
    """
    manifests = dict(reversed(list(lineage(run, audit))))
    verdicts = run.verdicts(audit)
    subject = verdicts["subject"]["stage"]
    recipe = read_recipe(run.recipe)
    prepared = next((stage for stage in manifests[audit].parents if manifests[stage].kind == PREPARE), None)
    card = read_json(run.stage(prepared) / "card.json") if prepared else {}
    names = tuple(str(name) for name in card.get("spec", {}).get("class_names", ()))
    records = run.records(audit)
    return ReportView(
        name=str(recipe.get("name", run.path.name)),
        task=str(recipe.get("task", "")),
        language=language,
        folder=run.path.name,
        standard=str(verdicts["standard"]),
        profile=str(verdicts["profile"]),
        outcome=str(verdicts["outcome"]),
        audit=audit,
        subject=subject,
        subject_sha256=str(verdicts["subject"].get("sha256", manifests[subject].digest)),
        clauses=tuple(read_clauses(verdicts, manifests[audit])),
        class_names=names,
        recipe=recipe,
        environment=read_json(run.environment),
        card=card,
        model=_if_there(run.stage(subject) / "model.json"),
        candidates=_if_there(run.stage(subject) / "candidates.json"),
        chain={
            stage: read_json(run.stage(stage) / "comparison.json")
            for stage, manifest in manifests.items()
            if manifest.kind == "adapt"
        },
        manifests=manifests,
        events=tuple(run.read_events()),
        records=records,
        measurements=_if_there(run.stage(audit) / "measurements.json"),
        facts=read_json(run.stage(audit) / "facts.json"),
        samples=tuple(_sample(sample, names) for sample in samples),
        scenes=tuple(read_scene(scene, names) for scene in scenes),
        forecast=tuple(forecast),
        beside=tuple(beside),
        sensitive=bool(card.get("options", {}).get("sensitive", False)),
        parts=tuple(parts),
        explanations=tuple(read_explanation(one, names) for one in explanations),
        extractions={stage: _extraction(run, stage) for stage in extractions},
    )


def _extraction(run: RunFolder, stage: str) -> dict[str, Any]:
    folder = run.stage(stage)
    picture = folder / "picture.parquet"
    return {
        "facts": Manifest.read(folder).facts,
        "downstream": _if_there(folder / "downstream.json"),
        "picture": read_records(picture) if picture.exists() else {},
    }


def _if_there(path: Path) -> dict[str, Any]:
    return read_json(path) if path.exists() else {}


def read_recipe(path: Path) -> dict[str, Any]:
    """The resolved recipe as plain values."""
    if not path.is_file():
        raise ArtifactError(f"{path} must exist and does not; run the recipe again.")
    value = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    if not isinstance(value, dict):
        raise ArtifactError(f"{path} must hold a recipe and holds {type(value).__name__}; run the recipe again.")
    return value


def read_clauses(verdicts: Mapping[str, Any], audit: Manifest | None = None) -> Iterator[ClauseView]:
    """The clauses of ``verdicts.json``, with the texts that the audit's manifest keeps of them when it is given."""
    facts = audit.facts if audit else {}
    known = {clause["id"]: clause for clause in facts.get("standard", {}).get("clauses", [])}
    for row in verdicts["verdicts"]:
        clause = known.get(row["clause"], {})
        yield ClauseView(
            id=row["clause"],
            title=both(row.get("title") or clause.get("title") or row["clause"]),
            text=both(clause["text"]) if clause.get("text") else None,
            verdict=row["verdict"],
            binding=bool(row.get("binding", True)),
            criteria=tuple(_criterion(one) for one in row.get("criteria") or [row]),
            references=tuple(row.get("references") or clause.get("references") or ()),
            evidence=tuple(_evidence(row, clause, audit)),
            waiver=row.get("waiver"),
        )


def _criterion(row: Mapping[str, Any]) -> CriterionView:
    interval, basis = row.get("interval") or {}, row.get("basis") or {}
    if not isinstance(basis, Mapping):
        basis = {"kind": str(basis)}
    return CriterionView(
        name=str(row.get("criterion", row["measure"])),
        label=both(row.get("label") or row["measure"]),
        verdict=row["verdict"],
        measure=row["measure"],
        value=row.get("value"),
        unit=row.get("unit") or "",
        lower=interval.get("lower"),
        upper=interval.get("upper"),
        confidence=interval.get("confidence"),
        method=interval.get("method") or "",
        n=row.get("n"),
        threshold=row.get("threshold"),
        direction=row["direction"],
        strict=bool(row.get("strict", False)),
        basis=str(basis.get("kind") or "unknown"),
        source=str(basis.get("source") or ""),
        note=both(basis["note"]) if basis.get("note") else None,
        needed_n=row.get("needed_n"),
        reason=_reason(row),
    )


def _reason(row: Mapping[str, Any]) -> Text:
    if "reason_zh" in row:
        return {"en": str(row["reason"]), "zh": str(row["reason_zh"])}
    return both(row.get("reason"))


def _evidence(row: Mapping[str, Any], clause: Mapping[str, Any], audit: Manifest | None) -> Iterator[tuple[str, str]]:
    """The files that the verdict names, else those that hold the records which its clause asks for."""
    if audit is None:
        return
    root = f"stages/{audit.stage}"
    if row.get("evidence"):
        for item in row["evidence"]:
            yield (item["path"] if item["path"].startswith("stages/") else f"{root}/{item['path']}"), item["sha256"]
        return
    wanted = [f"samples/{name}.parquet" for name in clause.get("records", ())]
    names = [name if name in audit.files else "facts.json" for name in wanted]
    for name in dict.fromkeys(names):
        if name in audit.files:
            yield f"{root}/{name}", audit.files[name]


def _sample(sample: Mapping[str, Any], names: Sequence[str]) -> Sample:
    return Sample(
        png=sample.get("png"),
        text=sample.get("text"),
        label=_class_name(sample["label"], names),
        prediction=_class_name(sample["prediction"], names),
        confidence=float(sample["confidence"]),
        row=str(sample.get("row", sample.get("index", ""))),
        correct=sample["label"] == sample["prediction"],
        shape=tuple(sample.get("shape", (96, 96))),
    )


def _class_name(value: Any, names: Sequence[str]) -> str:
    return value if isinstance(value, str) else names[int(value)]
