"""Loading: the validated recipe, its digest, its places, and its resolved form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from basestone.core.errors import Fault, RecipeError
from basestone.core.evidence import digest_of
from basestone.recipe.compose import compose, examples
from basestone.recipe.load import load, resolved_yaml
from basestone.recipe.variables import expand, placeholders


@pytest.fixture(autouse=True)
def data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASESTONE_DATA", "/data")


def write(folder: Path, text: str) -> Path:
    path = folder / "r.yaml"
    path.write_text(text)
    return path


def test_the_recipe_holds_what_was_written_and_the_defaults() -> None:
    recipe = load("digits").recipe
    fit: Any = recipe.stages["pretrain"].fit  # pyright: ignore
    assert (recipe.name, recipe.seed, recipe.data.split.validation) == ("digits", 0, 0.1)
    assert (fit.epochs, fit.max_steps, fit.optimizer.lr, fit.optimizer.kind) == (30, None, 3e-3, "adamw")


def test_raw_is_as_written_and_resolved_has_every_default() -> None:
    loaded = load("digits")
    assert "init" not in loaded.raw["stages"]["pretrain"]
    assert loaded.resolved["stages"]["pretrain"]["init"] == {"kind": "default"}
    assert loaded.digest == digest_of(loaded.resolved)


@pytest.mark.parametrize("name", sorted(examples()))
def test_the_resolved_recipe_loads_back_to_an_equal_one(name: str, tmp_path: Path) -> None:
    loaded = load(name)
    again = load(write(tmp_path, resolved_yaml(loaded)))
    assert again.recipe == loaded.recipe
    assert again.digest == loaded.digest
    assert again.raw == again.resolved == loaded.resolved
    assert resolved_yaml(again) == resolved_yaml(loaded)


def test_resolved_yaml_says_who_wrote_it() -> None:
    loaded = load("digits")
    first, second = resolved_yaml(loaded).splitlines()[:2]
    assert first.startswith("# Resolved by basestone ")
    assert second == f"# sha256 {loaded.digest}"


def test_the_digest_does_not_depend_on_the_machine_s_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    here = load("cifar10-resnet18")
    monkeypatch.setenv("BASESTONE_DATA", "/elsewhere")
    there = load("cifar10-resnet18")
    assert here.digest == there.digest
    assert here.recipe.data.source.files["train"] == "/data/cifar10/train.parquet"  # pyright: ignore
    assert there.recipe.data.source.files["train"] == "/elsewhere/cifar10/train.parquet"  # pyright: ignore
    assert "train: ${BASESTONE_DATA}/cifar10/train.parquet\n" in resolved_yaml(there)
    assert "/elsewhere" not in resolved_yaml(there)


def test_the_digest_depends_on_what_is_said_and_not_on_how(tmp_path: Path) -> None:
    plain = load("digits").digest
    assert load(write(tmp_path, "extends: digits\n")).digest == plain
    assert load("digits", ["seed=0", "data.split.test=2e-1"]).digest == plain  # the default, spelled out
    assert load("digits", ["seed=1"]).digest != plain


def test_places_name_file_and_line_or_the_override() -> None:
    loaded = load("digits", ["stages.pretrain.fit.epochs=2"])
    lines = examples()["digits"].read_text().splitlines()
    file, line = loaded.places["stages.pretrain.fit.optimizer.lr"]
    assert file.endswith("digits.yaml")
    assert "lr: 3e-3" in lines[(line or 0) - 1]
    assert loaded.places["stages.pretrain.fit.epochs"] == ("--set stages.pretrain.fit.epochs=2", None)


def test_a_fault_of_another_room_is_given_its_place() -> None:
    loaded = load("digits")
    fault = Fault(path="stages.audit.declare.LAT-1", message="must be declared.")
    (placed,) = loaded.locate([fault])
    assert placed.line == loaded.places["stages.audit.declare"][1]
    assert str(placed).endswith("stages.audit.declare.LAT-1: must be declared.")


def test_load_raises_every_fault_at_once() -> None:
    with pytest.raises(RecipeError) as caught:
        load("digits", ["seed=-1", "nmae=x", "stages.pretrain.fit.epochs=0"])
    assert [fault.path for fault in caught.value.faults] == ["nmae", "seed", "stages.pretrain.fit.epochs"]


def test_a_variable_that_is_not_set_is_a_fault_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BASESTONE_DATA")
    with pytest.raises(RecipeError, match="BASESTONE_DATA must be set"):
        load("cifar10-resnet18")
    with pytest.raises(RecipeError) as caught:
        load("cifar10-resnet18", ["seed=-1"])
    set_, first, second = caught.value.faults
    assert set_.path == "seed"
    assert (first.path, second.path) == ("data.source.files.train", "data.source.files.test")
    assert first.line is not None
    assert first.message == (
        "the environment variable BASESTONE_DATA must be set, and is not; it is part of "
        "'${BASESTONE_DATA}/cifar10/train.parquet'. Set it: export BASESTONE_DATA=/path/to/it"
    )


def test_variables_are_expanded_in_text_wherever_it_stands(tmp_path: Path) -> None:
    path = write(tmp_path, "schema_version: 1\na: ['${X}/${Y}', 3, {b: '$X ${X'}]\nname: ${X}\n")
    root = compose(path)
    expanded, faults = expand(root, {"X": "1", "Y": "two"})
    assert expanded.plain()["a"] == ["1/two", 3, {"b": "$X ${X"}]
    assert expanded.plain()["name"] == "1"  # text stays text
    assert faults == []
    assert placeholders(root) == {"a.0": "${X}/${Y}", "name": "${X}"}
    partly, faults = expand(root, {"X": "1"})
    assert partly.plain()["a"][0] == "1/${Y}"
    assert [fault.path for fault in faults] == ["a.0"]
