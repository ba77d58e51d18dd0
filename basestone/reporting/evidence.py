"""What a run's signature covers: the verdicts, and every file that they and the report stand on.

The predicate names each file with its SHA-256 and its length, and each table of records with its Merkle root, so that
one changed byte is found and named, and a single record can be shown to belong to the whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from basestone.core.artifact import MANIFEST, Manifest, file_digest
from basestone.core.errors import ArtifactError
from basestone.core.evidence import canonical_json, merkle_fold, merkle_root
from basestone.core.registry import Strict
from basestone.core.run import RunFolder

REPORT_FILES = ("index.html", "bom.cdx.json", "MODEL_CARD.md", "verdicts.sarif", "verdicts.junit.xml")


class Evidence(Strict):
    """One file and its SHA-256 (hex)."""

    path: str
    sha256: str


class MerkleRoots(Strict):
    """The root of each table of records by path, and the root over them."""

    root: str
    records: dict[str, str]


class Predicate(Strict):
    """What our attestation says of its subject, the audited model's files."""

    outcome: Literal["met", "not_met"]
    standard: str
    profile: str
    audit: str
    verdicts: dict[str, str]
    recipe: str
    environment: str
    evidence: list[Evidence]
    merkle: MerkleRoots
    publicKey: str


def describe_evidence(run: RunFolder, audit_stage: str, also: Sequence[str] = ()) -> dict[str, Any]:
    """The predicate about an audit, not yet signed: call it when every other file of the report is written.

    ``also``: further stages that the report shows.

    Raises:
        ArtifactError: a file that must be attested does not exist.
    """
    verdicts = run.verdicts(audit_stage)
    evidence = [_evidence(run, path) for path in evidence_files(run, audit_stage, also)]
    return {
        "outcome": verdicts["outcome"],
        "standard": named(verdicts["standard"]),
        "profile": named(verdicts["profile"]),
        "audit": audit_stage,
        "verdicts": verdict_words(verdicts),
        "recipe": file_digest(run.recipe),
        "environment": file_digest(run.environment),
        "evidence": evidence,
        "merkle": merkle_roots(run, [item["path"] for item in evidence]),
    }


def evidence_files(run: RunFolder, audit_stage: str, also: Sequence[str] = ()) -> list[str]:
    """Everything that must not change once the audit is reported: POSIX paths relative to the run, sorted.

    The recipe, the environment, the events, the report's pages, and each stage that the audit descends from or that
    is shown ``also``: its manifest and every file that the manifest names. The report's own stage is not among
    them: it holds the signature.
    """
    files = {run.recipe.name, run.environment.name, run.events.name}
    files |= {f"{run.report.name}/{name}" for name in REPORT_FILES}
    for stage, manifest in (one for root in (audit_stage, *also) for one in lineage(run, root)):
        files |= {f"stages/{stage}/{name}" for name in (MANIFEST, *manifest.files)}
    return sorted(files)


def lineage(run: RunFolder, stage: str) -> Iterator[tuple[str, Manifest]]:
    """A finished stage and all stages that it descends from, each once."""
    waiting, seen = [stage], set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        manifest = run.manifest(name)
        if manifest is None:
            raise ArtifactError(f"{run.stage(name)} must hold a finished stage and does not; run it again.")
        waiting.extend(manifest.parents)
        yield name, manifest


def merkle_roots(run: RunFolder, paths: Sequence[str]) -> dict[str, Any]:
    """The roots of those ``paths`` that are tables of records, and the root over them."""
    records = {path: merkle_root(run.path / path) for path in paths if is_records(path)}
    return {"root": root_over(records), "records": records}


def root_over(records: Mapping[str, str]) -> str:
    """The root (hex) over the tables: one leaf a table, SHA-256(0x00 ‖ [path, root] as canonical JSON), by path."""
    leaves = (hashlib.sha256(b"\0" + canonical_json(list(item))).digest() for item in sorted(records.items()))
    return merkle_fold(leaves).hex()


def is_records(path: str) -> bool:
    """Whether a file of a run is a table of per-sample records."""
    return path.endswith(".parquet") and Path(path).parent.name == "samples"


def verdict_words(verdicts: Mapping[str, Any]) -> dict[str, str]:
    """Clause → its verdict in one word, as ``verdicts.json`` has it."""
    return {item["clause"]: item["verdict"] for item in verdicts["verdicts"]}


def _evidence(run: RunFolder, path: str) -> dict[str, Any]:
    file = run.path / path
    if not file.is_file():
        raise ArtifactError(f"{file} must exist to be attested and does not; run its stage, or the report, again.")
    return {"path": path, "sha256": file_digest(file)}


def subject_files(run: RunFolder, audit_stage: str) -> dict[str, str]:
    """The audited model's weights (else all its files) by path, with SHA-256; ``verdicts.json`` names its stage."""
    stage = run.verdicts(audit_stage)["subject"]["stage"]
    manifest = dict(lineage(run, audit_stage))[stage]
    weights = {name: digest for name, digest in manifest.files.items() if name.endswith(".safetensors")}
    return {f"stages/{stage}/{name}": digest for name, digest in (weights or manifest.files).items()}


def named(value: Any) -> str:
    """The standard and the profile are names, or objects that carry their id."""
    return str(value.get("id") or value.get("name")) if isinstance(value, Mapping) else str(value)
