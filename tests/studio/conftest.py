from __future__ import annotations

from pathlib import Path

import pytest
from fake_run import FakeRun


@pytest.fixture
def tiny(tmp_path: Path) -> FakeRun:
    return FakeRun(tmp_path / "tiny")
