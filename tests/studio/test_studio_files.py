from __future__ import annotations

from pathlib import Path

import pytest

from basestone.studio.files import address_of, find_file, headers_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    run = tmp_path / "run"
    (run / "report").mkdir(parents=True)
    (run / "report" / "index.html").write_text("<p>")
    (run / ".lock").touch()
    (tmp_path / "secret").write_text("key")
    (run / "out").symlink_to(tmp_path / "secret")
    return run


def test_a_file_of_the_run_is_found(folder: Path) -> None:
    assert find_file(folder, "report/index.html") == folder / "report" / "index.html"


@pytest.mark.parametrize(
    "name", ["../secret", "report/../../secret", "/etc/passwd", "out", "report", "", ".lock", "nowhere", "a\0b"]
)
def test_nothing_else_is(folder: Path, name: str) -> None:
    assert find_file(folder, name) is None


def test_a_page_of_somebody_elses_cannot_act() -> None:
    headers = headers_of(Path("report/index.html"))
    assert (
        "default-src 'none'" in headers["content-security-policy"] and "sandbox" in headers["content-security-policy"]
    )
    assert "allow-scripts" not in headers["content-security-policy"]
    assert "content-disposition" not in headers and headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    ("name", "kind"), [("a.jsonl", "text/plain"), ("a.yaml", "text/plain"), ("a.md", "text/plain")]
)
def test_texts_are_shown_as_text(name: str, kind: str) -> None:
    assert headers_of(Path(name))["content-type"] == f"{kind}; charset=utf-8"


@pytest.mark.parametrize("name", ["clean_test.parquet", "model.safetensors", "x"])
def test_tables_and_weights_are_kept_as_files(name: str) -> None:
    assert headers_of(Path(name))["content-disposition"] == f'attachment; filename="{name}"'


def test_an_address_is_quoted() -> None:
    assert (
        address_of("a b", "stages/audit/samples/x#1.parquet") == "/runs/a%20b/files/stages/audit/samples/x%231.parquet"
    )
