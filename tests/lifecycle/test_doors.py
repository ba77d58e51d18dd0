"""Plan, compare, doctor and init, on the digits."""

from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console
from small_recipe import SMALL

import basestone as bst
from basestone.core.artifact import read_json
from basestone.core.errors import RecipeError, UsageError
from basestone.lifecycle.check import load_checked
from basestone.lifecycle.forecast import left_out, sample_sizes
from basestone.lifecycle.init import init
from basestone.lifecycle.plan import plan
from basestone.lifecycle.run import run
from basestone.measures.robustness.shift_options import Shift
from basestone.recipe.schema import Audit, SampleSizes
from basestone.reporting.show import (
    show_comparison,
    show_facts,
    show_findings,
    show_matrix,
    show_models,
    show_plan,
    show_profile,
    show_rows,
)


def _text(renderable, width=120) -> str:
    printed = io.StringIO()
    Console(width=width, file=printed).print(renderable)
    return printed.getvalue()


def test_the_plan_names_each_criterion_and_what_decides_it(tmp_path):
    forecast = plan("digits", overrides=SMALL, out=tmp_path / "planned")
    rows = {(row["clause"], row["criterion"]): row for row in forecast["audits"]["audit"]["rows"]}
    accuracy = rows["GEN-1", "accuracy"]
    # 359 test digits against 0.9: 333/359 is the least whose Clopper-Pearson lower bound reaches 0.9 (scipy below).
    from scipy.stats import beta

    assert accuracy["n"] == 359
    least = next(k for k in range(359) if beta.ppf(0.05, k, 360 - k) >= 0.9) if accuracy["n"] else 0
    assert accuracy["passes_count"] == least
    assert forecast["training"]["pretrain"]["samples"] == 6 * 1258
    assert 0 < forecast["audits"]["audit"]["total_seconds"] < 600
    text = _text(show_plan(forecast, 120))
    assert "1,258 train" in text and "GEN-5" in text


def test_sizes_are_bounded_by_what_there_is():
    section = Audit(samples=SampleSizes(test=100, train=None, corruptions=500, replay=256))
    sizes = sample_sizes(section, {"train": 1000, "test": 359})
    assert sizes["clean_test"] == 100 and sizes["clean_train"] == 1000
    assert sizes["corrupted"] == 100 and sizes["replay"] == 100 and sizes["duplicates"] == 359


@pytest.mark.parametrize(("most", "trainings"), [(1, 2 / 3), (8, 2)])
def test_leaving_a_group_out_costs_a_training_without_it(most, trainings):
    spoken = SimpleNamespace(groups={"speaker": np.array(list("aabbcc"))})
    assert left_out(Audit(shift=Shift(column="speaker", groups=most)), spoken) == pytest.approx(trainings)
    assert left_out(Audit(), spoken) == 0


def test_a_profile_says_where_a_step_goes_and_leaves_the_run_alone(finished):
    before = {path: path.read_bytes() for path in finished.folder.path.rglob("*") if path.is_file()}
    found = bst.profile(finished.folder.path)
    step = found["stages"]["pretrain"]
    assert step["batch_size"] == 64 and step["steps"] >= 8
    assert sum(step["parts_s"].values()) > 0 and step["flops_per_s"] < step["peaks"]["fp32"]
    # 2 × MAC of the digits' network, forward and backward, by the clause's own count, times the speed
    cost = read_json(finished.folder.stage("pretrain") / "cost.json")
    assert step["flops_per_s"] == pytest.approx(step["images_per_s"] * cost["flops_counted"] / cost["samples_seen"])
    assert (finished.folder.path / "profile" / "pretrain.trace.json").stat().st_size > 10_000
    assert all(path.read_bytes() == content for path, content in before.items() if path.name != ".lock")
    text = _text(show_profile(found, 100))
    assert all(part in text for part in ("input", "forward", "backward", "optimizer", "of a step", "reached"))


def test_a_run_compared_with_itself_differs_in_nothing(pristine):
    paired = bst.compare(pristine.folder.path, pristine.folder.path)["paired"]
    assert paired["accuracy"]["difference"] == 0 and paired["mcnemar"]["p_value"] == 1.0


def test_swapping_the_runs_turns_the_difference_round(pristine, tmp_path):
    worse = run("digits", overrides=[*SMALL, "stages.pretrain.fit.epochs=3"], out=tmp_path / "worse")
    there = bst.compare(pristine.folder.path, worse.folder.path)
    back = bst.compare(worse.folder.path, pristine.folder.path)
    assert there["paired"]["accuracy"]["difference"] == pytest.approx(-back["paired"]["accuracy"]["difference"])
    accuracy = {row["clause"]: (row["first"]["value"], row["second"]["value"]) for row in there["clauses"]}["GEN-1"]
    text = _text(show_comparison(there, 120))
    assert "GEN-1" in text and "accuracy.difference" in text and len(accuracy) == 2


def test_the_doctor_measures_and_names_what_is_missing(monkeypatch):
    from basestone.lifecycle import doctor

    found = bst.doctor()
    assert all(peak > 1e8 for peak in found["peaks_flops"].values())
    assert found["cores"] >= 1 and found["libraries"]["torch"]
    assert "gemm_fp32" in _text(show_facts(found, 120))
    monkeypatch.setattr(doctor, "EXTRAS", {"track": ("no_such_package",)})
    assert doctor.missing_extras() == [{"package": "no_such_package", "install": "pip install 'basestone[track]'"}]


def test_init_writes_a_recipe_that_passes_and_never_overwrites(tmp_path):
    from PIL import Image

    for name in ("cat", "dog"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for i in range(4):
            pixels = np.random.default_rng(i).integers(256, size=(8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / name / f"{i}.png")
    words = init(tmp_path / "images", tmp_path / "recipe.yaml")
    assert "Next: basestone check" in words
    assert load_checked(tmp_path / "recipe.yaml").recipe.data.source.kind == "folder"
    with pytest.raises(UsageError, match="must not exist yet, and it does"):
        init(tmp_path / "images", tmp_path / "recipe.yaml")


def test_what_is_printed_names_what_failed():
    rows = [{"what": "a.json", "ok": False, "detail": "changed"}, {"what": "b.json", "ok": True, "detail": ""}]
    assert "a.json: changed" in _text(show_findings({"findings": rows}, 120))
    assert "2 checks hold" in _text(show_findings({"findings": [rows[1]] * 2}, 120))
    matrix = {
        "right": False,
        "rows": [
            {
                "case": "bad",
                "fault": {"en": "broken"},
                "must_fail": "A-1",
                "A-1": "pass ! expected fail",
                "C-1": "pass",
            },
            {
                "case": "fine",
                "fault": {"en": "none"},
                "must_fail": None,
                "A-1": "pass",
                "C-1": "error ! expected sound",
            },
        ],
        "unproven": ["B-1"],
    }
    text = _text(show_matrix(matrix, 120))
    assert "A-1: pass ! expected fail" in text and "C-1: error ! expected sound" in text
    assert "B-1" in text and "✗" in text
    assert "1,234" in _text(show_rows([{"name": "m", "parameters": 1234, "flops": None}], 120))


def test_the_python_api_is_the_command_line():
    assert bst.run is run
    with pytest.raises(AttributeError, match="no attribute 'fly'"):
        _ = bst.fly


def test_models_are_listed_with_what_is_known_and_a_dash_for_the_rest():
    known = {"name": "net", "kind": "timm", "parameters": 11_689_512, "flops": 3_628_146_688, "input": (3, 224, 224)}
    rows = [
        known | {"flops_small": 1_111_859_200, "weights_licence": "apache-2.0 (net.in1k)", "note": None},
        known | {"parameters": None, "flops": None, "flops_small": None, "weights_licence": "unknown", "note": "odd"},
    ]
    text = _text(show_models(rows, 140), 140)
    assert "11.7 M" in text and "3.63 GFLOP" in text and "1.11 GFLOP at 32 px" in text and "apache-2.0" in text
    assert "–" in text and "odd" in text


def test_a_standard_that_asks_for_what_nobody_measures_is_refused_before_anything_is_trained(tmp_path):
    from importlib.resources import files

    clause = (files("basestone.standard") / "clauses" / "GEN-2.yaml").read_text()
    (tmp_path / "rules.yaml").write_text(clause.replace("measure: accuracy_gap", "measure: accuracy_gapp"))
    (tmp_path / "ours.yaml").write_text(
        "id: ours\nstandard: ours\nsources: [rules.yaml]\ntitle: {en: Ours, zh: 自有}\ntext: {en: Ours., zh: 自有。}\n"
        "tasks: [image_classification]\nclauses: {GEN-2: {}}\n"
    )
    overrides = [f"stages.audit.profile={tmp_path / 'ours.yaml'}", "stages.audit.declare={}"]
    with pytest.raises(RecipeError, match=r"there is no measure 'accuracy_gapp'\. Did you mean 'accuracy_gap'\?"):
        load_checked("digits", overrides)
