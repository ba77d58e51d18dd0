"""A file, its base and its overrides become one recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from basestone.core.document import parse
from basestone.core.errors import RecipeError, UsageError
from basestone.recipe.compose import compose, examples, find, merge

BASE = """\
schema_version: 1
name: base
stages:
  pretrain:
    model: {kind: timm, name: resnet18}
    augment:
      - {kind: flip}
      - {kind: cutout, size: 8}
    fit: {epochs: 3, early_stop: null}
"""


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "base.yaml"
    path.write_text(BASE)
    return path


def write(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text)
    return folder / name


def pretrain(recipe: Path, *overrides: str) -> dict[str, Any]:
    return compose(recipe, overrides).plain()["stages"]["pretrain"]


def faults(recipe: Path, *overrides: str) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        compose(recipe, overrides)
    return [str(fault) for fault in caught.value.faults]


def test_a_stage_named_for_its_kind_needs_no_kind(base: Path) -> None:
    assert pretrain(base)["kind"] == "pretrain"


def test_a_stage_of_another_name_keeps_what_it_says(tmp_path: Path) -> None:
    path = write(tmp_path, "r.yaml", "schema_version: 1\nstages: {second: {kind: audit}, third: {}, audit: null}\n")
    assert compose(path).plain()["stages"] == {"second": {"kind": "audit"}, "third": {}, "audit": None}


def test_a_new_stage_stands_where_the_extension_names_it(base: Path, tmp_path: Path) -> None:
    write(tmp_path, "whole.yaml", "extends: base.yaml\nstages: {audit: {}, report: {}}\n")
    text = "extends: whole.yaml\nstages: {compress: {}, smaller: {kind: compress}, audit: {}, last: {kind: audit}}\n"
    child = write(tmp_path, "child.yaml", text)
    assert list(compose(child).plain()["stages"]) == ["pretrain", "compress", "smaller", "audit", "report", "last"]


def test_mappings_merge_lists_and_scalars_replace(base: Path, tmp_path: Path) -> None:
    child = write(
        tmp_path,
        "child.yaml",
        "extends: base.yaml\nname: child\nstages:\n  pretrain:\n    augment: [{kind: flip, probability: 0.2}]\n"
        "    fit: {batch_size: 8}\n",
    )
    found = compose(child).plain()
    assert found["name"] == "child"
    assert "extends" not in found
    assert found["stages"]["pretrain"]["augment"] == [{"kind": "flip", "probability": 0.2}]
    assert found["stages"]["pretrain"]["fit"] == {"epochs": 3, "early_stop": None, "batch_size": 8}


def test_another_kind_replaces_the_mapping_whole(base: Path, tmp_path: Path) -> None:
    child = write(tmp_path, "c.yaml", "extends: base.yaml\nstages: {pretrain: {model: {kind: small_cnn}}}\n")
    assert pretrain(child)["model"] == {"kind": "small_cnn"}
    same = write(tmp_path, "s.yaml", "extends: base.yaml\nstages: {pretrain: {model: {kind: timm, name: vgg}}}\n")
    assert pretrain(same)["model"] == {"kind": "timm", "name": "vgg"}


def test_null_is_a_value_not_a_removal(base: Path, tmp_path: Path) -> None:
    child = write(tmp_path, "c.yaml", "extends: base.yaml\nstages: {pretrain: {fit: {epochs: null}}}\n")
    assert pretrain(child)["fit"] == {"epochs": None, "early_stop": None}


def test_merge_keeps_the_place_of_each_value() -> None:
    merged = merge(parse("a: 1\nb: {c: 2, d: 3}", "base"), parse("b:\n  c: 4", "over"))
    places = {path: (item.file, item.line) for path, item in merged.walk()}
    assert places["a"] == ("base", 1)
    assert places["b.c"] == ("over", 2)
    assert places["b.d"] == ("base", 2)


def test_a_base_may_have_a_base_and_may_be_an_example(base: Path, tmp_path: Path) -> None:
    middle = write(tmp_path, "middle.yaml", "extends: digits\nname: middle\n")
    child = write(tmp_path, "child.yaml", "extends: middle.yaml\nseed: 7\n")
    found = compose(child).plain()
    assert (found["name"], found["seed"]) == ("middle", 7)
    assert found["data"]["source"] == {"kind": "sklearn_digits"}
    assert middle.exists()


def test_a_base_is_looked_for_beside_the_file(tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child = write(tmp_path, "child.yaml", "extends: base.yaml\n")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert compose(child).plain()["name"] == "base"


def test_a_recipe_must_not_extend_itself(base: Path, tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", "extends: b.yaml\n")
    write(tmp_path, "b.yaml", "name: b\nextends: a.yaml\n")
    expected = "b.yaml:2: extends: a recipe must not extend itself: a.yaml → b.yaml → a.yaml."
    assert faults(tmp_path / "a.yaml") == [expected]


def test_a_missing_base_is_named_with_the_nearest(base: Path, tmp_path: Path) -> None:
    path = write(tmp_path, "child.yaml", "name: x\nextends: bases.yaml\n")
    assert faults(path) == [
        "child.yaml:2: extends: A recipe must be a file, a run folder or a shipped example, and 'bases.yaml' is none. "
        "Did you mean 'base.yaml'?"
    ]


def test_two_bases_are_refused(base: Path, tmp_path: Path) -> None:
    path = write(tmp_path, "child.yaml", "extends: [base.yaml, digits]\n")
    assert faults(path) == ["child.yaml:1: extends: must be one recipe: a path or a shipped example's name."]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: x\nbad: 1\n", "r.yaml:1: schema_version: must be given first of all. Add: schema_version: 1."),
        ("name: x\nschema_version: 2\n", "r.yaml:2: schema_version: must be 1, the only schema that this release "
         "reads; got 2. Install the release that the recipe was written for, or rewrite it."),
        ("schema_version: '1'\n", "r.yaml:1: schema_version: must be 1, the only schema that this release reads; got "
         "'1'. Install the release that the recipe was written for, or rewrite it."),
        ("schema_version: true\n", "r.yaml:1: schema_version: must be 1, the only schema that this release reads; got "
         "True. Install the release that the recipe was written for, or rewrite it."),
        ("", "r.yaml:1: a recipe must be a mapping (key: value); this file is not."),
        ("- a\n", "r.yaml:1: a recipe must be a mapping (key: value); this file is not."),
    ],
)  # fmt: skip
def test_the_version_comes_first_and_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert faults(write(tmp_path, "r.yaml", text)) == [message]


def test_overrides_set_values_as_yaml(base: Path) -> None:
    found = pretrain(
        base,
        "stages.pretrain.fit.epochs=1",
        "stages.pretrain.fit.lr=3e-4",
        "stages.pretrain.augment.1.size=2",
        "stages.pretrain.model.name='3'",
        "stages.pretrain.fit.early_stop.patience=2",
        "stages.pretrain.note=a=b",
    )
    assert found["fit"] == {"epochs": 1, "lr": 3e-4, "early_stop": {"patience": 2}}
    assert found["augment"][1] == {"kind": "cutout", "size": 2}
    assert found["model"]["name"] == "3"
    assert found["note"] == "a=b"


def test_an_override_replaces_what_it_names(base: Path) -> None:
    assert pretrain(base, "stages.pretrain.augment=[]", "stages.pretrain.fit={}") == {
        "kind": "pretrain",
        "model": {"kind": "timm", "name": "resnet18"},
        "augment": [],
        "fit": {},
    }


def test_an_override_of_the_kind_drops_the_other_kind_s_options(base: Path) -> None:
    assert pretrain(base, "stages.pretrain.model.kind=small_cnn")["model"] == {"kind": "small_cnn"}
    assert pretrain(base, "stages.pretrain.model.kind=timm")["model"] == {"kind": "timm", "name": "resnet18"}
    found = pretrain(base, "stages.pretrain.augment.1.kind=flip", "stages.pretrain.augment.1.probability=0.1")
    assert found["augment"] == [{"kind": "flip"}, {"kind": "flip", "probability": 0.1}]


def test_a_quoted_step_may_hold_a_dot(tmp_path: Path) -> None:
    path = write(tmp_path, "r.yaml", "schema_version: 1\nstages: {v1.5: {kind: audit}}\n")
    found = compose(path, ['stages."v1.5".batch_size=8', "stages.audit={}"]).plain()
    assert found["stages"] == {"v1.5": {"kind": "audit", "batch_size": 8}, "audit": {"kind": "audit"}}


def test_every_bad_override_is_named(base: Path) -> None:
    assert faults(
        base, "seed", "=1", "stages.pretrain.augment.2.size=1", "stages.pretrain.augment.x=1", "name=[", "name=!x y"
    ) == [
        "--set seed: must read path=value, e.g. --set seed=1.",
        "--set =1: must read path=value, e.g. --set seed=1.",
        "--set stages.pretrain.augment.2.size=1: stages.pretrain.augment.2: must be the position of an item that "
        "exists (0 to 1); got '2'.",
        "--set stages.pretrain.augment.x=1: stages.pretrain.augment.x: must be the position of an item that exists "
        "(0 to 1); got 'x'.",
        "--set name=[: this is not YAML: expected the node content, but found '<stream end>', while parsing a flow "
        "node.",
        "--set name=!x y: plain YAML values only, without tags; got '!x'. Remove the tag.",
    ]


def test_find_takes_a_path_a_run_folder_or_an_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find("digits") == examples()["digits"]
    run = tmp_path / "runs" / "mine"
    run.mkdir(parents=True)
    (run / "recipe.resolved.yaml").write_text("schema_version: 1\n")
    assert find("runs/mine") == Path("runs/mine/recipe.resolved.yaml")
    (tmp_path / "digits").write_text("schema_version: 1\n")
    assert find("digits") == Path("digits")  # the user's own file goes before ours


def test_an_unknown_recipe_is_a_usage_error_with_a_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"'digit' is none. Did you mean 'digits'\?"):
        find("digit")
    (tmp_path / "mine.yaml").touch()
    with pytest.raises(UsageError, match=r"Did you mean 'mine.yaml'\?"):
        find("mine.yml")
    with pytest.raises(
        UsageError, match=r"Known: agnews-audit, agnews-small, .*, cifar10-94, .*, digits, .*, mine.yaml"
    ):
        find("zzz")


def test_the_shipped_examples() -> None:
    agnews = {"agnews-audit", "agnews-small", "bert-mlm-agnews", "lstm-agnews"}
    language = agnews | {"cold-fair", "cold-remedies", "gpt-shakespeare"}
    speech = {
        "fsdd-accents",
        "fsdd-digits",
        "fsdd-fair",
        "fsdd-speaker",
        "fsdd-wavenet",
        "spoken-digits",
        "spoken-strings",
        "tones",
    }
    cifar10 = {
        f"cifar10-{name}" for name in ("94", "fast", "private", "resnet18", "resnet18-faithful", "robust", "small")
    }
    voices = {"fsdd-tacotron", "fsdd-vocoder", "spoken-tacotron", "spoken-voice"}
    boxes = {"bccd-fasterrcnn", "bccd-yolo", "scenes-one-class", "scenes-yolo"}
    digits = {f"digits-{name}" for name in ("chain", "features", "private", "robust", "small")} | {"digits"}
    assert set(examples()) == digits | cifar10 | language | speech | voices | boxes | {"shortcut-repair"}
