import base64
import copy
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from basestone.core.errors import ArtifactError
from basestone.reporting import dsse

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))


def envelope() -> dict:
    return dsse.sign_statement(dsse.statement({"model": "ab" * 32}, "https://example.com/p/v1", {"n": 1}), KEY)


def test_the_pae_of_the_specification() -> None:
    # https://github.com/secure-systems-lab/dsse/blob/master/protocol.md, "Test Vectors"
    encoded = dsse.pre_authentication_encoding("http://example.com/HelloWorld", b"hello world")
    assert encoded == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_lengths_count_bytes_and_not_letters() -> None:
    assert dsse.pre_authentication_encoding("é", "样".encode()) == "DSSEv1 2 é 3 样".encode()


def test_an_envelope_opens_with_its_key_and_with_the_key_it_names() -> None:
    content = dsse.open_envelope(envelope(), [KEY.public_key()])
    assert content == dsse.open_envelope(envelope())
    assert content["_type"] == "https://in-toto.io/Statement/v1"
    assert content["subject"] == [{"name": "model", "digest": {"sha256": "ab" * 32}}]


def test_the_signature_is_over_the_pae_of_the_decoded_payload() -> None:
    made = envelope()
    payload, sig = base64.b64decode(made["payload"]), base64.b64decode(made["signatures"][0]["sig"])
    signed = f"DSSEv1 28 application/vnd.in-toto+json {len(payload)} ".encode() + payload
    KEY.public_key().verify(sig, signed)


def test_another_key_is_refused_and_both_are_named() -> None:
    with pytest.raises(ArtifactError, match=r"The signature must be by key .* the envelope names key"):
        dsse.open_envelope(envelope(), [OTHER.public_key()])


def test_of_several_trusted_keys_one_is_enough() -> None:
    assert dsse.open_envelope(envelope(), [OTHER.public_key(), KEY.public_key()])["predicate"]["n"] == 1


def test_a_replaced_payload_is_refused() -> None:
    made = envelope()
    content = json.loads(base64.b64decode(made["payload"]))
    content["predicate"]["n"] = 2
    made["payload"] = base64.b64encode(json.dumps(content).encode()).decode()
    with pytest.raises(ArtifactError, match="changed after signing"):
        dsse.open_envelope(made, [KEY.public_key()])


def test_a_forger_cannot_keep_the_old_key_id() -> None:
    forged = dsse.sign_statement(dsse.statement({"model": "cd" * 32}, "https://example.com/p/v1", {}), OTHER)
    forged["signatures"][0]["keyid"] = envelope()["signatures"][0]["keyid"]
    for keys in (None, [KEY.public_key()], [OTHER.public_key()]):
        with pytest.raises(ArtifactError, match="The signature must be by key"):
            dsse.open_envelope(forged, keys)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("payloadType",), "text/plain", "payloadType must be application/vnd.in-toto"),
        (("payload",), "***", "payload must be base64"),
        (("payload",), 7, "payload must be base64"),
        (("signatures",), [], "at least one signature"),
        (("signatures", 0, "sig"), "AAAB", "The signature must be by key"),
        (("signatures", 0, "extra"), "x", "exactly keyid and sig"),
        (("comment",), "x", "exactly payloadType, payload and signatures"),
        (("payload",), base64.b64encode(b"[1]").decode(), "must be a Statement of type"),
        (("payload",), base64.b64encode(b"\xff").decode(), "must be JSON"),
    ],
)
def test_each_fault_of_an_envelope_is_named(path: tuple, value: object, message: str) -> None:
    made = envelope()
    place = made
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(ArtifactError, match=message):
        dsse.open_envelope(made)


def test_the_unused_bits_of_base64_are_no_hiding_place() -> None:
    made = envelope()
    sig = made["signatures"][0]["sig"]  # 64 bytes: the last letter before '==' carries 4 unused bits
    other = chr(ord(sig[-3]) + 1)
    twin = copy.deepcopy(made)
    twin["signatures"][0]["sig"] = sig[:-3] + other + "=="
    assert base64.b64decode(twin["signatures"][0]["sig"]) == base64.b64decode(sig)
    with pytest.raises(ArtifactError, match="one canonical spelling"):
        dsse.open_envelope(twin)
