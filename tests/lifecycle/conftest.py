from __future__ import annotations

import shutil

import pytest
from small_recipe import SMALL

from basestone.core.run import RunFolder
from basestone.lifecycle.run import Run, run


@pytest.fixture(scope="session", autouse=True)
def _homes(tmp_path_factory):
    """Caches and keys of the tests' own, so that nothing of the user's is read or written."""
    patch = pytest.MonkeyPatch()
    for name in ("BASESTONE_CACHE", "BASESTONE_KEYS", "BASESTONE_RUNS"):
        patch.setenv(name, str(tmp_path_factory.mktemp(name.lower())))
    yield
    patch.undo()


@pytest.fixture(scope="session")
def pristine(tmp_path_factory) -> Run:
    """A small but whole run of the digits recipe; not to be changed."""
    return run("digits", overrides=SMALL, out=tmp_path_factory.mktemp("pristine") / "digits")


@pytest.fixture
def finished(pristine, tmp_path) -> Run:
    """A copy of the whole run, to be spoilt."""
    shutil.copytree(pristine.folder.path, tmp_path / "digits")
    return Run(RunFolder(tmp_path / "digits"), pristine.stages)
