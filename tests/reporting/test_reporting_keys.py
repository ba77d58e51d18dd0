import hashlib
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from basestone.core.errors import UsageError
from basestone.reporting import keys


def test_a_pair_signs_and_verifies_and_only_its_owner_reads_the_private_file(tmp_path: Path) -> None:
    private, public = keys.new_key(tmp_path / "keys", "ann")
    assert (private.name, public.name) == ("ann.pem", "ann.pub.pem")
    assert private.stat().st_mode & 0o777 == 0o600
    signature = keys.load_private(private).sign(b"x")
    keys.load_public(public).verify(signature, b"x")
    assert keys.key_id(keys.load_private(private).public_key()) == keys.key_id(keys.load_public(public))


def test_the_key_id_is_the_digest_of_the_pem_body_as_openssl_would_decode_it(tmp_path: Path) -> None:
    import base64

    _, public = keys.new_key(tmp_path, "ann")
    body = "".join(line for line in public.read_text().splitlines() if not line.startswith("-"))
    assert keys.key_id(keys.load_public(public)) == hashlib.sha256(base64.b64decode(body)).hexdigest()


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    private, public = keys.new_key(tmp_path, "ann")
    before = private.read_bytes()
    with pytest.raises(UsageError, match=r"must not replace an old one, and .*ann\.pem exists"):
        keys.new_key(tmp_path, "ann")
    assert private.read_bytes() == before
    private.unlink()
    with pytest.raises(UsageError, match=r"ann\.pub\.pem exists"):
        keys.new_key(tmp_path, "ann")
    assert public.exists() and not private.exists()


def test_a_passphrase_locks_the_private_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(keys.PASSPHRASE, "correct horse")
    private, _ = keys.new_key(tmp_path, "ann")
    assert b"ENCRYPTED" in private.read_bytes()
    keys.load_private(private)
    monkeypatch.setenv(keys.PASSPHRASE, "wrong")
    with pytest.raises(UsageError, match=r"that \$BASESTONE_KEY_PASSPHRASE opens"):
        keys.load_private(private)
    monkeypatch.delenv(keys.PASSPHRASE)
    with pytest.raises(UsageError, match=r"is locked with a passphrase and .* is not set"):
        keys.load_private(private)


def test_an_unlocked_key_opens_even_when_a_passphrase_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private, _ = keys.new_key(tmp_path, "ann")
    monkeypatch.setenv(keys.PASSPHRASE, "not needed")
    keys.load_private(private)


def test_what_is_not_a_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Make one with: basestone keys new"):
        keys.load_private(tmp_path / "none.pem")
    (tmp_path / "text.pem").write_text("hello")
    with pytest.raises(UsageError, match="must hold a public key in PEM"):
        keys.load_public(tmp_path / "text.pem")
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = other.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "rsa.pem").write_bytes(pem)
    with pytest.raises(UsageError, match="must hold an Ed25519 key and holds another kind"):
        keys.load_private(tmp_path / "rsa.pem")


def test_openssl_reads_our_keys(tmp_path: Path) -> None:
    _, public = keys.new_key(tmp_path, "ann")
    try:
        done = subprocess.run(["openssl", "pkey", "-pubin", "-in", public, "-text"], capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    assert "ED25519" in done.stdout.upper()
