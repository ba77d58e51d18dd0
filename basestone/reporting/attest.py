"""Signing what was made and shown, and checking such a signature: in-toto statements in DSSE envelopes.

A model's files are signed when they are made (``sign_files``), a run's evidence with its report.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from basestone.core.artifact import digest_files, write_json
from basestone.core.run import RunFolder
from basestone.reporting.dsse import open_envelope, sign_statement, statement
from basestone.reporting.evidence import describe_evidence, evidence_files, subject_files
from basestone.reporting.verification import (
    FILES_TYPE,
    PREDICATE_TYPE,
    SIGNATURE,
    Finding,
    check_attestation,
    check_files,
)

__all__ = [
    "Finding",
    "build_attestation",
    "check_attestation",
    "check_files",
    "evidence_files",
    "open_envelope",
    "sign_files",
    "sign_statement",
]


def build_attestation(
    run: RunFolder, audit_stage: str, private_key: Ed25519PrivateKey, also: Sequence[str] = ()
) -> dict[str, Any]:
    """The signed envelope about an audit, for ``report/attestation.dsse.json``; its subject is the audited model.

    ``also``: further stages that the report shows and that are attested with it.

    Call it when every other file of the report is written.

    Raises:
        ArtifactError: a file that must be attested does not exist.
    """
    subject = subject_files(run, audit_stage)
    return sign_statement(statement(subject, PREDICATE_TYPE, describe_evidence(run, audit_stage, also)), private_key)


def sign_files(folder: Path, names: Sequence[str], private_key: Ed25519PrivateKey) -> Path:
    """Signs files of one folder, such as a model's weights: writes ``signature.dsse.json`` beside them."""
    content = statement(digest_files(folder, names), FILES_TYPE, {})
    write_json(folder / SIGNATURE, sign_statement(content, private_key))
    return folder / SIGNATURE
