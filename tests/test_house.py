"""The house rules that a machine can check: who imports whom, how long a module is, and what is never read."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted(ROOT.glob("basestone/**/*.py"))
RESTRICTED_READER = "basestone/data/readers/restricted_pickle.py"  # CIFAR's python files, arrays and bytes only
MAX_LINES = 320

PLANTED = """\
import pickle, joblib
from dill import loads
import torch
import numpy as np
torch.load("x")
np.load("x", allow_pickle=True)
np.load("x", allow_pickle=False)
"""


def name(module: Path) -> str:
    return module.relative_to(ROOT).as_posix()


def unsafe_reads(source: str) -> Iterator[str]:
    """Every import or call that can unpickle what somebody else wrote."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names if alias.name in ("pickle", "dill", "joblib", "cloudpickle"))
            case ast.ImportFrom(module="pickle" | "dill" | "joblib" | "cloudpickle" as module):
                yield module
            case ast.Attribute(value=ast.Name(id="torch"), attr="load"):
                yield "torch.load"
            case ast.keyword(arg="allow_pickle", value=ast.Constant(value=True)):
                yield "allow_pickle"
            case _:
                pass


def test_rooms_import_core_only_and_judging_never_touches_a_tensor() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


@pytest.mark.parametrize("module", MODULES, ids=name)
def test_a_module_answers_one_question(module: Path) -> None:
    assert len(module.read_text().splitlines()) <= MAX_LINES


def test_there_is_no_drawer_for_odds_and_ends() -> None:
    assert [name(module) for module in MODULES if module.stem in ("utils", "util", "helpers", "common", "misc")] == []


def test_nothing_is_unpickled() -> None:
    found = {name(module): list(unsafe_reads(module.read_text())) for module in MODULES}
    assert {module: reads for module, reads in found.items() if reads} == {RESTRICTED_READER: ["pickle"]}


def test_the_search_for_unsafe_reads_finds_them() -> None:
    assert Counter(unsafe_reads(PLANTED)) == Counter(["pickle", "joblib", "dill", "torch.load", "allow_pickle"])


def test_test_files_have_names_of_their_own() -> None:
    """Without packages, pytest takes two files of one name for one module."""
    names = Counter(path.name for path in ROOT.glob("tests/**/test_*.py"))
    assert [file for file, count in names.items() if count > 1] == []
