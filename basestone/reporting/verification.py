"""Is the evidence of a run what its attestation says? Needs no model, only the run's folder and the signer's key.

Recomputing the verdicts from the records is a door's work (lifecycle.verify); here is shown that the records, and
all else that the report stands on, are the ones that were signed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import ValidationError

from basestone.core.artifact import file_digest, read_json
from basestone.core.errors import ArtifactError, BasestoneError
from basestone.core.evidence import merkle_root
from basestone.core.run import RunFolder
from basestone.reporting.dsse import open_envelope
from basestone.reporting.evidence import Evidence, Predicate, root_over, verdict_words
from basestone.reporting.keys import key_id, parse_public

PREDICATE_TYPE = "https://basestone.dev/attestation/verdicts/v1"
FILES_TYPE = "https://basestone.dev/attestation/files/v1"
ATTESTATION = "attestation.dsse.json"
SIGNATURE = "signature.dsse.json"
ABSENT = "absent, so not checked; the attestation holds its digest"
SCRATCH = {".inputs"}  # of a stage's folder: what it was made from, and never read as evidence


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One check of one file: what it should be and what it is. ``file`` is relative to the run."""

    check: Literal["signature", "statement", "digest", "merkle", "verdicts", "coverage"]
    file: str
    ok: bool
    expected: str
    found: str

    @property
    def what(self) -> str:
        """What was looked at: ``digest of stages/audit/facts.json``."""
        return f"{self.check} of {self.file}"

    @property
    def detail(self) -> str:
        """What was found, against what must be."""
        return self.found if self.ok else f"must be {self.expected}; found {self.found}"


def check_attestation(run: RunFolder, public_key: Ed25519PublicKey | None = None) -> list[Finding]:
    """Every check of ``report/attestation.dsse.json``, passed and failed.

    With ``public_key`` the signature must be by that key. Without it, the key named in the statement is used: that
    shows that nothing was changed, and not who signed. A failed signature ends the checks, as nothing else then counts.
    """
    name = f"{run.report.name}/{ATTESTATION}"
    try:
        content = open_envelope(read_json(run.report / ATTESTATION), [public_key] if public_key else None)
    except (BasestoneError, UnicodeDecodeError) as error:
        return [Finding(check="signature", file=name, ok=False, expected="signed and unchanged", found=str(error))]
    signer = key_id(public_key or parse_public(content["predicate"]["publicKey"], name))
    signature = Finding(
        check="signature",
        file=name,
        ok=True,
        expected="signed by the given key" if public_key else "signed by the key it names",
        found=f"signed by key {signer}",
    )
    try:
        predicate = _parse(content)
    except ArtifactError as error:
        return [signature, Finding(check="statement", file=name, ok=False, expected=PREDICATE_TYPE, found=str(error))]
    return [signature, *_check_predicate(run, predicate), *_check_subject(content, predicate, name)]


def check_files(folder: Path, public_key: Ed25519PublicKey | None = None) -> dict[str, Any]:
    """What ``sign_files`` signed, checked: ``{"verified": bool, "key_id": str | None, "reason": str}``.

    Never raises for what it finds: a missing, edited or foreign signature is ``verified: false`` with the reason.
    """
    try:
        content = open_envelope(read_json(folder / SIGNATURE), [public_key] if public_key else None)
        if content["predicateType"] != FILES_TYPE:
            raise ArtifactError(f"{SIGNATURE} must be of type {FILES_TYPE}; got {content['predicateType']}.")
        key = public_key or parse_public(content["predicate"]["publicKey"], SIGNATURE)
        digests = {item["name"]: item["digest"]["sha256"] for item in content["subject"]}
    except (BasestoneError, UnicodeDecodeError, KeyError, TypeError) as error:
        return {"verified": False, "key_id": None, "reason": str(error)}
    changed = [name for name, digest in digests.items() if _digest(folder, name) != digest]
    reason = f"{', '.join(changed)} changed after signing" if changed else f"{len(digests)} files are as signed"
    return {"verified": not changed, "key_id": key_id(key), "reason": reason}


def _parse(content: dict[str, Any]) -> Predicate:
    if content.get("predicateType") != PREDICATE_TYPE:
        raise ArtifactError(f"another type of statement: {content.get('predicateType')}")
    try:
        return Predicate.model_validate(content["predicate"])
    except ValidationError as error:
        fault = error.errors()[0]
        raise ArtifactError(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}") from error


def _check_predicate(run: RunFolder, predicate: Predicate) -> Iterator[Finding]:
    intact: set[str] = set()
    for item in predicate.evidence:
        finding = _check_digest(run, item)
        intact |= {item.path} if finding.ok else set()
        yield finding
    for path, root in predicate.merkle.records.items():
        yield _check_root(run, path, root, path in intact)
    yield _equal("merkle", "all tables of records", predicate.merkle.root, root_over(predicate.merkle.records))
    yield from _check_verdicts(run, predicate, intact)
    yield from _check_coverage(run, predicate)


def _check_digest(run: RunFolder, item: Evidence) -> Finding:
    """Weights may stay at home: no verdict is recomputed from them, and their digest is attested all the same."""
    found = _digest(run.path, item.path)
    if found == "missing" and item.path.endswith(".safetensors"):
        return Finding(check="digest", file=item.path, ok=True, expected=item.sha256, found=ABSENT)
    return _equal("digest", item.path, item.sha256, found)


def _check_root(run: RunFolder, path: str, root: str, intact: bool) -> Finding:
    """A table whose bytes changed is not opened: a file from a stranger is parsed only after its digest is right."""
    return _equal("merkle", path, root, merkle_root(run.path / path) if intact else "not read, as its bytes changed")


def _check_verdicts(run: RunFolder, predicate: Predicate, intact: set[str]) -> Iterator[Finding]:
    path = f"stages/{predicate.audit}/verdicts.json"
    if path not in intact:
        yield _equal("verdicts", path, "an attested file", "changed, missing or not attested")
        return
    verdicts = read_json(run.path / path)
    yield _equal("verdicts", path, f"outcome {predicate.outcome}", f"outcome {verdicts['outcome']}")
    yield _equal("verdicts", path, _listed(predicate.verdicts), _listed(verdict_words(verdicts)))


def _check_coverage(run: RunFolder, predicate: Predicate) -> Iterator[Finding]:
    """Nothing may lie beside the evidence unattested, or added records could change a recomputed verdict."""
    attested = {item.path for item in predicate.evidence}
    by_path = {item.path: item.sha256 for item in predicate.evidence}
    for name, digest in ((run.recipe.name, predicate.recipe), (run.environment.name, predicate.environment)):
        yield _equal("coverage", name, digest, by_path.get(name, "not attested"))
    for file in sorted(run.stage(predicate.audit).rglob("*")):
        path = file.relative_to(run.path).as_posix()
        if file.is_file() and file.name not in SCRATCH and path not in attested:
            yield _equal("coverage", path, "absent", "present, and not attested")


def _check_subject(content: dict[str, Any], predicate: Predicate, name: str) -> Iterator[Finding]:
    """The subject's digests must be those of the evidence, or the verdicts would speak of another model."""
    by_path = {item.path: item.sha256 for item in predicate.evidence}
    for subject in content["subject"]:
        path = str(subject.get("name"))
        yield _equal("statement", path, str(subject.get("digest", {}).get("sha256")), by_path.get(path, "not attested"))
    if not content["subject"]:
        yield _equal("statement", name, "a subject", "none")


def _digest(folder: Path, name: str) -> str:
    """SHA-256 (hex) of a file, or a word on why there is none."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        return "outside the folder"
    return file_digest(folder / path) if (folder / path).is_file() else "missing"


def _equal(
    check: Literal["statement", "digest", "merkle", "verdicts", "coverage"], file: str, expected: str, found: str
) -> Finding:
    return Finding(check=check, file=file, ok=expected == found, expected=expected, found=found)


def _listed(words: dict[str, str]) -> str:
    return ", ".join(f"{name} {word}" for name, word in sorted(words.items()))
