from __future__ import annotations

import subprocess
import sys

import pytest

from basestone.core.artifact import (
    Manifest,
    digest_files,
    file_digest,
    read_json,
    write_atomically,
    write_json,
    write_text,
)
from basestone.core.errors import ArtifactError


def _manifest(folder, **changes) -> Manifest:
    fields = {"stage": "s", "kind": "pretrain", "inputs": "i", "parents": {}, "wall_s": 1.0, "version": "0"}
    return Manifest(**(fields | {"files": digest_files(folder, ["a.txt", "b/c.txt"])} | changes))


@pytest.fixture
def folder(tmp_path):
    write_text(tmp_path / "a.txt", "a")
    write_text(tmp_path / "b" / "c.txt", "c")
    return tmp_path


def test_a_failed_write_leaves_the_old_file_and_no_litter(folder):
    def fail(path):
        path.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(folder / "a.txt", fail)
    assert (folder / "a.txt").read_text() == "a"
    assert sorted(path.name for path in folder.iterdir()) == ["a.txt", "b"]


def test_a_killed_write_leaves_the_old_file(folder):
    program = (
        "import os, signal, sys; from pathlib import Path; from basestone.core.artifact import write_atomically\n"
        "write_atomically(Path(sys.argv[1]), lambda p: (p.write_text('half'), os.kill(os.getpid(), signal.SIGKILL)))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(folder / "a.txt")], check=False)
    assert done.returncode == -9
    assert (folder / "a.txt").read_text() == "a"


def test_digests_are_those_of_sha256sum(folder):
    printed = subprocess.run(["sha256sum", str(folder / "a.txt")], capture_output=True, text=True, check=True).stdout
    assert file_digest(folder / "a.txt") == printed.split()[0]


def test_the_manifest_names_each_changed_and_missing_file(folder):
    manifest = _manifest(folder)
    assert manifest.changed_files(folder) == []
    (folder / "a.txt").write_text("b")
    (folder / "b" / "c.txt").unlink()
    assert manifest.changed_files(folder) == ["a.txt", "b/c.txt"]


def test_identity_is_of_the_files_not_of_the_time_they_took(folder):
    assert _manifest(folder).digest == _manifest(folder, wall_s=9.0).digest
    (folder / "a.txt").write_text("b")
    assert _manifest(folder).digest != _manifest(folder, files={"a.txt": "0"}).digest


def test_a_manifest_reads_back(folder):
    manifest = _manifest(folder, facts={"steps": 3})
    manifest.write(folder)
    assert Manifest.read(folder) == manifest


def test_broken_json_says_what_to_do(tmp_path):
    with pytest.raises(ArtifactError, match="must exist and does not; run the stage that writes it again"):
        read_json(tmp_path / "x.json")
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(ArtifactError, match="must be JSON and is not"):
        read_json(tmp_path / "x.json")


def test_nan_is_never_written(tmp_path):
    with pytest.raises(ValueError, match="Out of range float"):
        write_json(tmp_path / "x.json", {"value": float("nan")})
    assert list(tmp_path.iterdir()) == []
