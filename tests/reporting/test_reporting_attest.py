import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from basestone.core.artifact import file_digest, read_json, write_json, write_text
from basestone.core.errors import ArtifactError
from basestone.core.evidence import canonical_json, merkle_root, write_records
from basestone.core.run import RunFolder
from basestone.reporting import attest, dsse
from basestone.reporting.evidence import REPORT_FILES

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))


@pytest.fixture
def attested(run: RunFolder) -> RunFolder:
    for name in REPORT_FILES:
        write_text(run.report / name, f"the content of {name}\n")
    write_json(run.report / "attestation.dsse.json", attest.build_attestation(run, "audit", KEY))
    return run


def failures(run: RunFolder, key: Ed25519PrivateKey | None = KEY) -> list[attest.Finding]:
    return [one for one in attest.check_attestation(run, key.public_key() if key else None) if not one.ok]


def test_an_untouched_run_has_no_failure_and_every_file_is_checked(attested: RunFolder) -> None:
    findings = attest.check_attestation(attested, KEY.public_key())
    assert [one for one in findings if not one.ok] == []
    digests = {one.file for one in findings if one.check == "digest"}
    there = {path.relative_to(attested.path).as_posix() for path in attested.path.rglob("*") if path.is_file()}
    assert digests == there - {"report/attestation.dsse.json"}
    assert {one.check for one in findings} == {"signature", "statement", "digest", "merkle", "verdicts", "coverage"}


def test_the_statement_holds_what_a_stranger_needs(attested: RunFolder) -> None:
    content = dsse.open_envelope(read_json(attested.report / "attestation.dsse.json"), [KEY.public_key()])
    predicate = content["predicate"]
    weights = "stages/pretrain/model.safetensors"
    assert content["subject"] == [{"name": weights, "digest": {"sha256": file_digest(attested.path / weights)}}]
    assert (predicate["outcome"], predicate["profile"]) == ("not_met", "demo")
    assert predicate["verdicts"]["ROB-1"] == "fail"
    assert predicate["recipe"] == hashlib.sha256(attested.recipe.read_bytes()).hexdigest()
    table = "stages/audit/samples/latency.parquet"
    assert predicate["merkle"]["records"][table] == merkle_root(attested.path / table)


def test_the_root_over_the_tables_by_hand() -> None:
    from basestone.reporting.evidence import root_over

    one, two = (hashlib.sha256(b"\0" + canonical_json([name, "aa"])).digest() for name in ("a", "b"))
    assert root_over({"b": "aa", "a": "aa"}) == hashlib.sha256(b"\1" + one + two).hexdigest()


def test_one_flipped_bit_anywhere_is_found_and_named(attested: RunFolder) -> None:
    files = attest.evidence_files(attested, "audit")
    assert len(files) == 3 + 5 + 4 + 4 + 7  # run, report, prepare, pretrain, audit
    for name in files:
        path = attested.path / name
        whole = path.read_bytes()
        for place in {0, len(whole) // 2, len(whole) - 1}:
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            assert name in {one.file for one in failures(attested)}, (name, place)
        path.write_bytes(whole)
    assert failures(attested) == []


def test_one_flipped_bit_in_the_envelope_fails_the_signature(attested: RunFolder) -> None:
    path = attested.report / "attestation.dsse.json"
    text = path.read_bytes()
    meaning = [place for place in range(len(text)) if not text[place : place + 1].isspace()]
    for place in [*meaning[:: len(meaning) // 150], *meaning[-120:]]:
        path.write_bytes(text[:place] + bytes([text[place] ^ 1]) + text[place + 1 :])
        (failure,) = failures(attested)
        assert (failure.check, failure.file) == ("signature", "report/attestation.dsse.json"), place


def test_missing_cut_and_lengthened_files_are_named(attested: RunFolder) -> None:
    (attested.report / "MODEL_CARD.md").unlink()
    facts = attested.stage("audit") / "facts.json"
    facts.write_bytes(facts.read_bytes()[:-1])
    card = attested.stage("prepare") / "card.json"
    card.write_bytes(card.read_bytes() + b" ")
    found = {one.file: one.detail for one in failures(attested)}
    assert set(found) == {"report/MODEL_CARD.md", "stages/audit/facts.json", "stages/prepare/card.json"}
    assert found["report/MODEL_CARD.md"].endswith("found missing")


def test_events_may_neither_grow_nor_be_rewritten(attested: RunFolder) -> None:
    whole = attested.events.read_text()
    for changed in (whole + '{"event": "validation", "accuracy": 1.0}\n', whole.replace('"step"', '"stop"', 1)):
        attested.events.write_text(changed)
        assert [one.file for one in failures(attested)] == ["events.jsonl"]


def test_another_key_fails_and_no_key_shows_integrity_only(attested: RunFolder) -> None:
    (failure,) = failures(attested, OTHER)
    assert failure.check == "signature" and "another key signed it" in failure.detail
    findings = attest.check_attestation(attested)
    assert findings[0].ok and findings[0].expected == "signed by the key it names"


def test_resigning_a_changed_run_with_ones_own_key_does_not_pass_for_the_signer(attested: RunFolder) -> None:
    path = attested.stage("audit") / "verdicts.json"
    path.write_text(path.read_text().replace('"not_met"', '"met"'))
    write_json(attested.report / "attestation.dsse.json", attest.build_attestation(attested, "audit", OTHER))
    assert failures(attested, None) == []
    assert [one.check for one in failures(attested)] == ["signature"]


def test_records_added_beside_the_evidence_are_named(attested: RunFolder) -> None:
    write_records(attested.stage("audit") / "samples" / "replay.parquet", {"index": np.arange(3)})
    (attested.stage("audit") / ".inputs").write_text("0")
    (failure,) = failures(attested)
    assert (failure.check, failure.file) == ("coverage", "stages/audit/samples/replay.parquet")


def sign_again(run: RunFolder, change: dict) -> None:
    """The same statement with another predicate, signed by the right key: a careless or dishonest signer."""
    path = run.report / "attestation.dsse.json"
    content = dsse.open_envelope(read_json(path))
    content["predicate"] |= change
    write_json(path, dsse.sign_statement(content, KEY))


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"outcome": "met"}, "verdicts"),
        ({"verdicts": {"GEN-1": "pass"}}, "verdicts"),
        ({"recipe": "0" * 64}, "coverage"),
        ({"merkle": {"root": "0" * 64, "records": {}}}, "merkle"),
        ({"evidence": []}, "verdicts"),
        ({"evidence": [{"path": "../../etc/passwd", "sha256": "0" * 64}]}, "digest"),
        ({"evidence": "all"}, "statement"),
        ({"unknown": 1}, "statement"),
    ],
)
def test_a_signed_lie_is_found(attested: RunFolder, change: dict, check: str) -> None:
    sign_again(attested, change)
    assert check in {one.check for one in failures(attested)}


def test_the_root_of_each_table_is_recomputed(attested: RunFolder) -> None:
    from basestone.reporting.evidence import root_over

    records = {"stages/audit/samples/latency.parquet": "0" * 64}
    sign_again(attested, {"merkle": {"root": root_over(records), "records": records}})
    (failure,) = failures(attested)
    assert (failure.check, failure.file) == ("merkle", "stages/audit/samples/latency.parquet")


def test_a_file_outside_the_run_is_never_evidence(attested: RunFolder) -> None:
    outside = attested.path.parent / "other.txt"
    outside.write_text("x")
    lie = {"path": "../other.txt", "sha256": file_digest(outside)}
    sign_again(attested, {"evidence": [lie]})
    assert "found outside the folder" in " ".join(one.detail for one in failures(attested))


def test_what_must_be_attested_must_exist(run: RunFolder) -> None:
    with pytest.raises(ArtifactError, match=r"report/MODEL_CARD\.md must exist to be attested"):
        attest.build_attestation(run, "audit", KEY)


def test_signed_files_verify_until_they_change(tmp_path: Path) -> None:
    write_text(tmp_path / "model.json", "{}")
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    attest.sign_files(tmp_path, ["model.safetensors", "model.json"], KEY)
    good = attest.check_files(tmp_path, KEY.public_key())
    assert good["verified"] and good["reason"] == "2 files are as signed" and len(good["key_id"]) == 64
    assert attest.check_files(tmp_path)["verified"]
    assert not attest.check_files(tmp_path, OTHER.public_key())["verified"]
    (tmp_path / "model.safetensors").write_bytes(b"Weights")
    changed = attest.check_files(tmp_path, KEY.public_key())
    assert not changed["verified"] and changed["reason"] == "model.safetensors changed after signing"


def test_a_missing_or_foreign_signature_is_a_reason_and_no_crash(attested: RunFolder, tmp_path: Path) -> None:
    assert "must exist" in attest.check_files(tmp_path)["reason"]
    (tmp_path / "signature.dsse.json").write_text(json.dumps({"a": 1}))
    assert "exactly payloadType" in attest.check_files(tmp_path)["reason"]
    (tmp_path / "signature.dsse.json").write_bytes((attested.report / "attestation.dsse.json").read_bytes())
    assert "must be of type" in attest.check_files(tmp_path)["reason"]
