from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fake_run import RECIPE, FakeRun

from basestone.core.run import RunFolder
from basestone.studio import runs
from basestone.studio.runs import find_run, free_name, is_locked, list_runs, read_run


def states(path: Path) -> dict[str, str]:
    return {stage.id: stage.state for stage in read_run(RunFolder(path)).stages}


def test_a_whole_run_is_finished_and_says_how_it_came_out(tiny) -> None:
    tiny.whole("not_met")
    run = read_run(RunFolder(tiny.path))
    assert (run.state, run.outcome, run.task, run.title) == ("finished", "not_met", "image_classification", "tiny")
    assert [stage.id for stage in run.stages] == ["prepare", "pretrain", "audit", "report"]
    assert run.wall_s == 4.0 and run.finished("audit") == "audit"


def test_a_stage_that_was_begun_is_interrupted_and_the_rest_waits(tiny) -> None:
    tiny.finish("prepare", "prepare")
    tiny.begin("pretrain")
    assert states(tiny.path) == {
        "prepare": "finished",
        "pretrain": "interrupted",
        "audit": "waiting",
        "report": "waiting",
    }
    assert read_run(RunFolder(tiny.path)).state == "interrupted"


def test_a_run_whose_lock_is_held_is_running(tiny) -> None:
    tiny.finish("prepare", "prepare")
    tiny.begin("pretrain")
    lock = (tiny.path / ".lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    assert is_locked(tiny.path / ".lock")
    assert states(tiny.path)["pretrain"] == "running"
    lock.close()
    assert not is_locked(tiny.path / ".lock")
    assert states(tiny.path)["pretrain"] == "interrupted"


def test_a_look_never_takes_the_lock_where_the_kernel_can_be_asked(tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    (tiny.path / ".lock").touch()
    monkeypatch.setattr(runs.fcntl, "flock", lambda *_: pytest.fail("the lock of a run was taken"))
    if runs.LOCKS.exists():
        assert not is_locked(tiny.path / ".lock")


def test_without_the_kernels_list_the_lock_is_tried(tiny, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(runs, "LOCKS", tmp_path / "nowhere")
    assert not is_locked(tiny.path / ".lock")
    with (tiny.path / ".lock").open("w") as lock:
        assert not is_locked(tiny.path / ".lock")
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert is_locked(tiny.path / ".lock")


@pytest.mark.parametrize(
    ("code", "state"), [(None, "interrupted"), (130, "interrupted"), (2, "failed"), (4, "failed"), (137, "failed")]
)
def test_how_the_process_ended_says_why_a_run_is_not_whole(tiny, code, state) -> None:
    tiny.finish("prepare", "prepare")
    tiny.begin("pretrain")
    tiny.record(exit_code=code)
    run = find_run(tiny.path.parent, "tiny")
    assert run is not None
    assert (run.state, run.stages[1].state) == (state, state)


def test_a_run_that_came_to_its_end_is_finished_whatever_its_process_said(tiny) -> None:
    tiny.whole()
    tiny.record(exit_code=1)
    run = find_run(tiny.path.parent, "tiny")
    assert run is not None and run.state == "finished"


def test_what_was_made_from_something_else_will_be_made_again(tiny) -> None:
    tiny.whole()
    tiny.finish("pretrain", "pretrain", "prepare", content="b")  # trained anew: what follows is of the old model
    assert states(tiny.path) == {"prepare": "finished", "pretrain": "finished", "audit": "waiting", "report": "waiting"}
    assert read_run(RunFolder(tiny.path)).outcome is None


def test_data_of_a_stages_own_are_prepared_before_it(tmp_path: Path) -> None:
    own = RECIPE.replace("data: null", "data: {source: {kind: folder, path: x}}")
    assert list(states(FakeRun(tmp_path / "two", own).path))[:3] == ["prepare", "pretrain.data", "pretrain"]


def test_missing_and_broken_files_hide_one_run_and_not_the_others(tiny, tmp_path: Path) -> None:
    tiny.whole()
    (tmp_path / "empty").mkdir()
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "recipe.resolved.yaml").write_text("- no recipe\n")
    torn = tmp_path / "torn"
    torn.mkdir()
    (torn / "recipe.resolved.yaml").write_text((tiny.path / "recipe.resolved.yaml").read_text())
    (torn / "stages" / "prepare").mkdir(parents=True)
    (torn / "stages" / "prepare" / "manifest.json").write_text('{"stage": ')
    (tmp_path / "a file").touch()
    assert [run.name for run in list_runs(tmp_path)] == ["tiny"]
    assert list_runs(tmp_path / "nowhere") == []


def test_the_latest_run_comes_first(tiny, tmp_path: Path) -> None:
    tiny.whole()
    later = FakeRun(tmp_path / "later")
    os.utime(later.path / "recipe.resolved.yaml", (2e9, 2e9))
    assert [run.name for run in list_runs(tmp_path)] == ["later", "tiny"]


@pytest.mark.parametrize("name", ["..", ".", "", "../tiny", "a/b", ".studio", "/etc"])
def test_a_name_leads_nowhere_else(tiny, name: str) -> None:
    tiny.whole()
    assert find_run(tiny.path.parent, name) is None
    assert find_run(tiny.path, name) is None


def test_a_free_name_is_the_first_that_nothing_has(tmp_path: Path) -> None:
    assert free_name(tmp_path, "digits") == "digits"
    (tmp_path / "digits").mkdir()
    (tmp_path / "digits-2").touch()
    assert free_name(tmp_path, "digits") == "digits-3"
    FakeRun(tmp_path / "failed").record(exit_code=2)
    assert free_name(tmp_path, "failed") == "failed-2"
    shutil.rmtree(tmp_path / "failed")  # a start that failed before it made its folder has a record all the same
    assert free_name(tmp_path, "failed") == "failed-2"


def test_reading_runs_and_recipes_leaves_torch_and_the_page_alone() -> None:
    program = (
        "import sys, basestone.studio.runs, basestone.studio.journal, basestone.studio.form, basestone.studio.access, "
        "basestone.studio.app, basestone.studio.warden; print('torch' in sys.modules, 'nicegui' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
