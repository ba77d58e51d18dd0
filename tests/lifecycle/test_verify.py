from __future__ import annotations

import json

import pytest

from basestone.core.run import RunFolder
from basestone.lifecycle.verify import verify
from basestone.reporting.keys import load_private, new_key


def _failures(run_path, key=None):
    return [finding for finding in verify(run_path, key) if not finding.ok]


def test_an_untouched_run_verifies_with_and_without_the_key(pristine, monkeypatch):
    import os
    from pathlib import Path

    assert _failures(pristine.folder.path) == []
    assert _failures(pristine.folder.path, Path(os.environ["BASESTONE_KEYS"]) / "basestone.pub.pem") == []


def _evidence(run: RunFolder) -> list[str]:
    return sorted(
        path.relative_to(run.path).as_posix()
        for path in run.path.rglob("*")
        if path.is_file() and not path.name.startswith(".") and "stages/report" not in path.as_posix()
    )


def test_one_changed_byte_in_any_file_is_found_and_named(finished):
    files = _evidence(finished.folder)
    assert len(files) > 20
    for name in files:
        path = finished.folder.path / name
        whole = path.read_bytes()
        spoilt = bytearray(whole)
        spoilt[len(spoilt) // 2] ^= 1
        path.write_bytes(bytes(spoilt))
        failures = _failures(finished.folder.path)
        assert any(name in f"{found.what} {found.detail}" for found in failures), name
        path.write_bytes(whole)
    assert _failures(finished.folder.path) == []


def test_a_missing_file_is_named(finished):
    (finished.folder.path / "report" / "MODEL_CARD.md").unlink()
    assert any("MODEL_CARD.md" in f"{found.what} {found.detail}" for found in _failures(finished.folder.path))


def test_a_run_is_judged_again_without_its_model(finished):
    (finished.folder.stage("pretrain") / "model.safetensors").unlink()
    findings = verify(finished.folder.path)
    assert all(finding.ok for finding in findings)
    (absent,) = [finding for finding in findings if "absent" in finding.detail]
    assert absent.what == "digest of stages/pretrain/model.safetensors"


def test_a_forger_who_signs_again_is_caught_by_the_records(finished, tmp_path):
    from basestone.core.artifact import digest_files, write_json
    from basestone.reporting.attest import build_attestation

    run, audit = finished.folder, finished.folder.stage("audit")
    verdicts = json.loads((audit / "verdicts.json").read_text())
    for row in verdicts["verdicts"]:
        row["verdict"] = "pass"
    verdicts["outcome"] = "met" if verdicts["outcome"] == "not_met" else "not_met"
    write_json(audit / "verdicts.json", verdicts)
    manifest = json.loads((audit / "manifest.json").read_text())
    manifest["files"] = digest_files(audit, manifest["files"])
    write_json(audit / "manifest.json", manifest)
    private, _ = new_key(tmp_path / "forger", "basestone")
    write_json(run.report / "attestation.dsse.json", build_attestation(run, "audit", load_private(private)))
    failures = _failures(run.path)
    assert [found.what for found in failures] == ["stages/audit/verdicts.json"]


def test_another_key_is_not_the_trusted_one(pristine, tmp_path):
    _, public = new_key(tmp_path, "stranger")
    failures = _failures(pristine.folder.path, public)
    assert any("signature" in found.what for found in failures)


@pytest.mark.parametrize("name", ["attestation.dsse.json"])
def test_a_run_without_attestation_is_not_verified(finished, name):
    (finished.folder.report / name).unlink()
    assert any(name in f"{found.what} {found.detail}" for found in _failures(finished.folder.path))
