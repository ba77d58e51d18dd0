"""A CycloneDX 1.6 bill of materials of the model: its parts, what was measured and claimed (ECMA-424).

Its model card is the only common one with intervals. Verdicts go into ``declarations``: a pass conforms (1), a
fail does not (0), and what was not shown is a counter-claim with confidence 0. Nothing in it depends on the clock.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping
from importlib import metadata
from typing import Any

from basestone.core.errors import ArtifactError
from basestone.core.evidence import canonical_json
from basestone.reporting.facts import section_text, source_text
from basestone.reporting.view import ClauseView, CriterionView, ReportView

MODEL, DATASET, ASSESSOR = "model", "dataset", "assessor"
SHOWN = ("pass", "fail", "error", "inconclusive")
LONGEST_LICENCE = 64  # some packages put the whole text where the name belongs


def build_bom(view: ReportView) -> dict[str, Any]:
    """The bill of materials as JSON, validated.

    Raises:
        ArtifactError: it does not follow the schema; the message names the place.
    """
    libraries = [_library(name, version) for name, version in view.environment.get("libraries", {}).items()]
    bom = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": serial_number(view),
        "version": 1,
        "metadata": {"tools": {"components": [_tool(view)]}, "component": _model(view)},
        "components": [_dataset(view), *libraries],
        "dependencies": [{"ref": MODEL, "dependsOn": [DATASET, *(library["bom-ref"] for library in libraries)]}],
        "definitions": {"standards": [_standard(view)]},
        "declarations": _declarations(view),
    }
    validate(bom)
    return bom


def validate(bom: Mapping[str, Any]) -> None:
    """Checks a bill of materials against the schema that cyclonedx-python-lib ships.

    Raises:
        ArtifactError: the message names the first place that is wrong.
    """
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bom, allow_nan=False))
    if fault is not None:
        found: Any = fault
        where, what = found.data.json_path, str(found.data.message)[:200]
        raise ArtifactError(f"The bill of materials must follow CycloneDX 1.6 and does not at {where}: {what}.")


def serial_number(view: ReportView) -> str:
    """A UUID that follows from the audit's evidence: the same run has the same one, another run never."""
    identity = [view.subject_sha256, view.manifests[view.audit].digest]
    return f"urn:uuid:{uuid.UUID(bytes=hashlib.sha256(canonical_json(identity)).digest()[:16], version=5)}"


def _tool(view: ReportView) -> dict[str, Any]:
    return {"type": "application", "name": "basestone", "version": str(view.environment.get("basestone", ""))}


def _model(view: ReportView) -> dict[str, Any]:
    weights = view.manifests[view.subject].files.get("model.safetensors", view.subject_sha256)
    return {
        "type": "machine-learning-model",
        "bom-ref": MODEL,
        "name": view.name,
        "version": view.subject_sha256[:12],
        "hashes": [{"alg": "SHA-256", "content": weights}],
        "modelCard": {
            "modelParameters": _parameters(view),
            "quantitativeAnalysis": {"performanceMetrics": list(_metrics(view))},
            "considerations": {"technicalLimitations": list(_limitations(view))},
        },
    }


def _parameters(view: ReportView) -> dict[str, Any]:
    model = view.model.get("model", {})
    return {
        "approach": {"type": "supervised"},
        "task": view.task,
        "architectureFamily": str(model.get("name") or model.get("kind") or "unknown"),
        "modelArchitecture": section_text(model),
        "datasets": [{"ref": DATASET}],
    }


def _metrics(view: ReportView) -> Iterator[dict[str, Any]]:
    seen = set[str]()
    for clause in view.clauses:
        for one in clause.criteria:
            if one.value is None or one.measure in seen:
                continue
            seen.add(one.measure)
            bounds = {"lowerBound": one.lower, "upperBound": one.upper}
            interval = {name: repr(bound) for name, bound in bounds.items() if bound is not None}
            metric = {"type": f"{one.measure} [{one.unit}]", "value": repr(one.value), "slice": "test"}
            yield metric | ({"confidenceInterval": interval} if interval else {})


def _limitations(view: ReportView) -> Iterator[str]:
    yield "Intended use and users are for whoever ships the model to declare; none was declared here."
    for clause in view.clauses:
        for one in clause.criteria:
            if one.verdict in SHOWN[1:]:
                yield f"{clause.id} ({one.verdict}): {one.reason['en']}"


def _dataset(view: ReportView) -> dict[str, Any]:
    name = source_text(view) or "dataset"
    parents = (view.manifests[stage] for stage in view.manifests[view.audit].parents)
    prepared = next((manifest for manifest in parents if manifest.kind == "prepare"), None)
    counts = {f"basestone:samples:{split}": str(row["count"]) for split, row in view.card.get("splits", {}).items()}
    component: dict[str, Any] = {
        "type": "data",
        "bom-ref": DATASET,
        "name": name,
        "data": [{"type": "dataset", "name": name}],
        "properties": [{"name": key, "value": value} for key, value in counts.items()],
    }
    return component | ({"hashes": [{"alg": "SHA-256", "content": prepared.digest}]} if prepared else {})


def _library(name: str, version: str) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": f"pkg:pypi/{name}@{version}",
        "name": name,
        "version": version,
        "purl": f"pkg:pypi/{name.lower().replace('_', '-')}@{version.replace('+', '%2B')}",
    }
    licence = _licence(name, version)
    return component | ({"licenses": [licence]} if licence else {})


def _licence(name: str, version: str) -> dict[str, Any] | None:
    """What the installed package says of itself; nothing when it is another version than the run used."""
    try:
        package: Any = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return None
    if package["Version"] != version:
        return None
    if package.get("License-Expression"):
        return {"expression": package["License-Expression"]}
    named = [line.rpartition("::")[2].strip() for line in package.get_all("Classifier", []) if "License ::" in line]
    words = named[0] if named else (package.get("License") or "").partition("\n")[0].strip()
    return {"license": {"name": words}} if 0 < len(words) <= LONGEST_LICENCE else None


def _standard(view: ReportView) -> dict[str, Any]:
    requirements = [
        {"bom-ref": f"requirement:{clause.id}", "identifier": clause.id, "text": _requirement(clause)}
        for clause in view.clauses
    ]
    return {"bom-ref": "standard", "name": view.standard, "requirements": requirements}


def _requirement(clause: ClauseView) -> str:
    return clause.text["en"] if clause.text else clause.title["en"]


def _declarations(view: ReportView) -> dict[str, Any]:
    judged = [clause for clause in view.clauses if clause.verdict in SHOWN]
    return {
        "assessors": [{"bom-ref": ASSESSOR, "thirdParty": False}],
        "attestations": [
            {
                "summary": f"Profile {view.profile} of {view.standard}: {view.outcome}",
                "assessor": ASSESSOR,
                "map": [_mapping(clause) for clause in judged],
            }
        ],
        "claims": [_claim(clause) for clause in judged],
        "evidence": [
            {"bom-ref": f"evidence:{path}", "description": f"{path}, sha256 {digest}"}
            for path, digest in {path: digest for clause in judged for path, digest in clause.evidence}.items()
        ],
    }


def _mapping(clause: ClauseView) -> dict[str, Any]:
    kind = "claims" if clause.verdict == "pass" else "counterClaims"
    rationale = " ".join(one.reason["en"] for one in clause.criteria)
    return {
        "requirement": f"requirement:{clause.id}",
        kind: [f"claim:{clause.id}"],
        "conformance": {"score": 1 if clause.verdict == "pass" else 0, "rationale": rationale},
        "confidence": {"score": _confidence(clause.criteria) if clause.verdict in ("pass", "fail") else 0},
    }


def _confidence(criteria: tuple[CriterionView, ...]) -> float:
    return min((one.confidence for one in criteria if one.confidence is not None), default=0)


def _claim(clause: ClauseView) -> dict[str, Any]:
    files = [f"evidence:{path}" for path, _ in clause.evidence]
    claim = {"bom-ref": f"claim:{clause.id}", "target": MODEL, "predicate": f"{clause.title['en']}: {clause.verdict}"}
    return claim | ({("evidence" if clause.verdict == "pass" else "counterEvidence"): files} if files else {})
