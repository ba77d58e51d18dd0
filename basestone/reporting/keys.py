"""Ed25519 key pairs in PEM files: who signed a model or a report (RFC 8032; PKCS #8, RFC 5958).

The private file is readable by its owner only, and locked with a passphrase when ``BASESTONE_KEY_PASSPHRASE`` is set.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from basestone.core.errors import UsageError

PASSPHRASE = "BASESTONE_KEY_PASSPHRASE"


def new_key(folder: Path, name: str) -> tuple[Path, Path]:
    """Makes ``<name>.pem`` (private, mode 0600) and ``<name>.pub.pem`` in ``folder``; returns both paths.

    Raises:
        UsageError: one of the two files exists; a key is never overwritten.
    """
    private, public = folder / f"{name}.pem", folder / f"{name}.pub.pem"
    for path in (private, public):
        if path.exists():
            raise UsageError(f"A new key must not replace an old one, and {path} exists. Choose another name.")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = Ed25519PrivateKey.generate()
    _write_new(private, _private_pem(key), 0o600)
    _write_new(public, public_pem(key.public_key()).encode(), 0o644)
    return private, public


def load_private(path: Path) -> Ed25519PrivateKey:
    """Reads a private key; a locked one is opened with ``BASESTONE_KEY_PASSPHRASE``.

    Raises:
        UsageError: no such file, not a private Ed25519 key in PEM, or the passphrase is missing or wrong.
    """
    passphrase = os.environ.get(PASSPHRASE)
    text = _read(path)
    try:
        key = serialization.load_pem_private_key(text, passphrase.encode() if passphrase else None)
    except TypeError as error:
        key = _retry_without_passphrase(path, text, passphrase, error)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError(
            f"{path} must hold a private key in PEM that ${PASSPHRASE} opens, and it could not be read ({error})."
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"{path} must hold an Ed25519 key and holds another kind. Make one with: basestone keys new")
    return key


def load_public(path: Path) -> Ed25519PublicKey:
    """Reads a public key.

    Raises:
        UsageError: no such file, or not a public Ed25519 key in PEM.
    """
    return parse_public(_read(path), str(path))


def parse_public(pem: bytes | str, origin: str) -> Ed25519PublicKey:
    """The public key in a PEM text; ``origin`` is where it came from, for the message of the UsageError."""
    try:
        key = serialization.load_pem_public_key(pem.encode() if isinstance(pem, str) else pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError(
            f"{origin} must hold a public key in PEM and does not ({error}). Give the .pub.pem file."
        ) from error
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(f"{origin} must hold an Ed25519 public key and holds another kind.")
    return key


def public_pem(key: Ed25519PublicKey) -> str:
    """The public key as PEM (SubjectPublicKeyInfo)."""
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def key_id(key: Ed25519PublicKey) -> str:
    """SHA-256 (hex) of the key's DER SubjectPublicKeyInfo: the name by which people compare keys."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def _private_pem(key: Ed25519PrivateKey) -> bytes:
    passphrase = os.environ.get(PASSPHRASE)
    lock = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)


def _retry_without_passphrase(path: Path, text: bytes, passphrase: str | None, error: TypeError) -> object:
    """The library's TypeError means either a locked key without a passphrase, or the other way round."""
    if passphrase:
        return serialization.load_pem_private_key(text, None)
    raise UsageError(
        f"{path} is locked with a passphrase and ${PASSPHRASE} is not set. Set it and try again."
    ) from error


def _write_new(path: Path, content: bytes, mode: int) -> None:
    """Creates the file with its mode from the first byte on; ``O_EXCL`` closes the gap after the check above."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"There must be a key at {path} and it cannot be read ({error.strerror}). Make one with: basestone keys new"
        ) from error
