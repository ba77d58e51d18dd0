from __future__ import annotations

import pytest

from basestone.core.errors import ArtifactError, Fault, RecipeError, did_you_mean
from basestone.core.run import RunFolder
from basestone.core.spec import ImageSpec


def test_events_end_before_a_line_that_a_crash_cut_off(tmp_path):
    run = RunFolder(tmp_path)
    assert list(run.read_events()) == []
    run.events.write_text('{"event":"step","step":1}\n{"event":"epoch","step":2}\n{"event":"step","st')
    assert [event["step"] for event in run.read_events()] == [1, 2]
    assert [event["step"] for event in run.read_events(event="step")] == [1]


def test_an_unfinished_stage_is_not_a_stage(tmp_path):
    (tmp_path / "stages" / "audit").mkdir(parents=True)
    assert RunFolder(tmp_path).manifest("audit") is None
    with pytest.raises(ArtifactError, match="must hold a finished 'audit' stage and has none; run it first"):
        RunFolder(tmp_path).stage_of_kind("audit")


def test_faults_print_as_editors_link_them():
    faults = [Fault(path="a.b", message="must be 1", file="r.yaml", line=3), Fault(path="c", message="unknown")]
    assert str(RecipeError(faults)) == "r.yaml:3: a.b: must be 1\nc: unknown"


def test_the_nearest_name_or_all_names():
    assert did_you_mean("resnt18", ["resnet18", "alexnet"]) == " Did you mean 'resnet18'?"
    assert did_you_mean("zzz", ["b", "a"]) == " Known: a, b."
    assert did_you_mean("zzz", []) == ""


def test_a_spec_survives_json():
    spec = ImageSpec(channels=1, height=8, width=8, class_names=("a", "b"), mean=(0.1,), std=(0.2,))
    assert ImageSpec.from_json(spec.to_json()) == spec
    assert spec.num_classes == 2 and spec.input_shape == (1, 8, 8)
