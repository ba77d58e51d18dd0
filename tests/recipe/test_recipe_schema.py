"""The JSON Schema for editors says what the loader says."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from basestone.core.document import read
from basestone.recipe.compose import examples
from basestone.recipe.json_schema import json_schema


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    return Draft202012Validator(json_schema())


def as_written(name: str) -> Any:
    return read(examples()[name]).plain()


def test_it_is_a_json_schema() -> None:
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == Draft202012Validator.META_SCHEMA["$id"]


@pytest.mark.parametrize("name", sorted(examples()))
def test_the_examples_are_valid_as_they_are_written(name: str, validator: Draft202012Validator) -> None:
    assert [error.message for error in validator.iter_errors(as_written(name))] == []


def test_a_recipe_that_extends_another_may_leave_out_anything_and_still_not_misspell_it(
    validator: Draft202012Validator,
) -> None:
    fits = {"extends": "digits", "stages": {"pretrain": {"fit": {"optimizer": {"lr": 0.1}}}}}
    assert list(validator.iter_errors(fits)) == []
    for fault in (
        {"extends": "digits", "stages": {"pretrain": {"fit": {"epoch": 3}}}},
        {"extends": "digits", "stages": {"pretrain": {"fit": {"epochs": 0}}}},
        {"extends": "digits", "stages": {"pretrain": {"fit": {"optimizer": {"rate": 0.1}}}}},
        {"extends": "digits", "sede": 1},
    ):
        assert list(validator.iter_errors(fault)), fault
    assert list(validator.iter_errors({"stages": fits["stages"]}))  # without a base it is no recipe


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["seed"], -1),
        (["schema_version"], 2),
        (["nmae"], "x"),
        (["data", "source"], {"kind": "none"}),
        (["stages", "audit", "profil"], "demo"),
        (["stages", "pretrain", "fit", "epochs"], "3"),
        (["stages", "second"], {}),  # neither a kind nor an id that is one
        (["stages", "second"], {"profile": "demo"}),
        (["stages", "second"], {"kind": "none"}),
        (["stages", "Upper"], {"kind": "report"}),
        (["extends"], 3),
    ],
)
def test_it_finds_what_the_loader_refuses(path: list[str], value: object, validator: Draft202012Validator) -> None:
    recipe = as_written("digits")
    section = recipe
    for key in path[:-1]:
        section = section[key]
    section[path[-1]] = value
    assert not validator.is_valid(recipe)


def test_it_lets_pass_what_the_loader_takes(validator: Draft202012Validator) -> None:
    recipe = as_written("digits")
    recipe["stages"] |= {"second": {"kind": "report"}, "audit": {"kind": "audit"}}
    assert validator.is_valid(recipe)
    assert validator.is_valid({"extends": "digits", "seed": 3})
    assert not validator.is_valid({"seed": 3})
