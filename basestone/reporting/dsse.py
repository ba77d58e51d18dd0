"""Signed statements: an in-toto Statement v1 in a DSSE envelope, Ed25519.

DSSE: https://github.com/secure-systems-lab/dsse/blob/master/protocol.md · Statement:
https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md

Differs: DSSE lets verifiers overlook what is not signed (``keyid``, unknown fields, the spelling of base64). Here every
byte that carries meaning must be the one that was written, so that an edited envelope never passes as the original.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from basestone.core.errors import ArtifactError, UsageError
from basestone.core.evidence import canonical_json
from basestone.reporting.keys import key_id, parse_public, public_pem

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"


def statement(subject: Mapping[str, str], predicate_type: str, predicate: Mapping[str, Any]) -> dict[str, Any]:
    """An in-toto Statement; ``subject`` maps each name to its SHA-256 (hex)."""
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in subject.items()],
        "predicateType": predicate_type,
        "predicate": dict(predicate),
    }


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """PAE: the bytes that are signed; lengths are in bytes, so that type and payload cannot run into each other."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign_statement(content: Mapping[str, Any], private_key: Ed25519PrivateKey) -> dict[str, Any]:
    """The envelope of a statement. The signer's public key is put into the predicate as ``publicKey`` (PEM)."""
    public = private_key.public_key()
    predicate = {**content["predicate"], "publicKey": public_pem(public)}
    payload = canonical_json({**content, "predicate": predicate})
    signature = private_key.sign(pre_authentication_encoding(PAYLOAD_TYPE, payload))
    return {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": key_id(public), "sig": base64.b64encode(signature).decode()}],
    }


def open_envelope(envelope: Any, public_keys: Sequence[Ed25519PublicKey] | None = None) -> dict[str, Any]:
    """The statement inside, once its signature is shown to be by one of ``public_keys``.

    Without keys, the key that the statement itself names is used: that shows that nothing was changed since it was
    signed, and not who signed it.

    Raises:
        ArtifactError: the message says which check failed.
    """
    payload, signatures = _take_apart(envelope)
    content = _parse_statement(payload)
    keys = list(public_keys) if public_keys else [_own_key(content)]
    signed = pre_authentication_encoding(PAYLOAD_TYPE, payload)
    if not any(_verifies(key, signed, keyid, signature) for key in keys for keyid, signature in signatures):
        known = ", ".join(key_id(key)[:16] for key in keys)
        named = ", ".join(keyid[:16] for keyid, _ in signatures)
        raise ArtifactError(
            f"The signature must be by key {known} and is not: the envelope names key {named}. Either its content "
            "was changed after signing, or another key signed it."
        )
    return content


def _take_apart(envelope: Any) -> tuple[bytes, list[tuple[str, bytes]]]:
    if not isinstance(envelope, dict) or set(envelope) != {"payloadType", "payload", "signatures"}:
        raise ArtifactError("A DSSE envelope must hold exactly payloadType, payload and signatures, and does not.")
    if envelope["payloadType"] != PAYLOAD_TYPE:
        raise ArtifactError(f"The envelope's payloadType must be {PAYLOAD_TYPE}; got {envelope['payloadType']!r}.")
    signatures = envelope["signatures"]
    if not isinstance(signatures, list) or not signatures:
        raise ArtifactError("The envelope must carry at least one signature and carries none.")
    if not all(isinstance(item, dict) and set(item) == {"keyid", "sig"} for item in signatures):
        raise ArtifactError("Each signature must hold exactly keyid and sig, and one does not.")
    payload = _decode(envelope["payload"], "payload")
    return payload, [(str(item["keyid"]), _decode(item["sig"], "signature")) for item in signatures]


def _decode(text: Any, what: str) -> bytes:
    """Base64 that encodes back to itself: the unused bits of its last character are no place to hide a change."""
    try:
        content = base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise ArtifactError(f"The envelope's {what} must be base64 and is not ({error}).") from error
    if base64.b64encode(content).decode() != text:
        raise ArtifactError(f"The envelope's {what} must be base64 in its one canonical spelling and is not.")
    return content


def _parse_statement(payload: bytes) -> dict[str, Any]:
    try:
        content = json.loads(payload)
    except ValueError as error:
        raise ArtifactError(f"The envelope's payload must be JSON and is not ({error}).") from error
    if not isinstance(content, dict) or content.get("_type") != STATEMENT_TYPE:
        raise ArtifactError(f"The envelope's payload must be a Statement of type {STATEMENT_TYPE} and is not.")
    if not isinstance(content.get("predicate"), dict) or not isinstance(content.get("subject"), list):
        raise ArtifactError("The statement must hold a subject and a predicate, and does not.")
    return content


def _own_key(content: dict[str, Any]) -> Ed25519PublicKey:
    pem = content["predicate"].get("publicKey")
    if not isinstance(pem, str):
        raise ArtifactError("The statement names no public key. Give the signer's key with --key.")
    try:
        return parse_public(pem, "The statement's publicKey")
    except UsageError as error:
        raise ArtifactError(str(error)) from error


def _verifies(key: Ed25519PublicKey, signed: bytes, keyid: str, signature: bytes) -> bool:
    if keyid != key_id(key):
        return False
    try:
        key.verify(signature, signed)
    except InvalidSignature:
        return False
    return True
