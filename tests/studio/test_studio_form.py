from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from basestone.lifecycle.check import load_checked
from basestone.recipe.compose import EXAMPLES
from basestone.studio.form import answered, command_line, overrides_of, read_form, shipped, shown_command


def fields(base: str, answers: dict[str, str] | None = None) -> dict:
    return {one.path: one for one in read_form(base, answers or {}).fields}


@pytest.mark.parametrize("base", ["digits", "spoken-digits", "scenes-yolo"])
def test_every_value_of_a_recipe_has_a_field_that_says_it(base: str) -> None:
    """The fields' own texts, given back as a visitor's answers, make the same recipe."""
    form = read_form(base, {})
    other = replace(form, fields=tuple(replace(one, text="\0") for one in form.fields))  # so that every answer counts
    answers: dict[str, str] = {}
    for one in form.fields:
        if one.text:
            answers |= answered(form, {}, one.path, one.text, other)
    assert form.faults == () and len(answers) > 50
    assert load_checked(base, overrides_of(answers)).digest == load_checked(base).digest


def test_what_the_recipe_says_comes_before_what_is_merely_a_default() -> None:
    found = fields("digits")
    assert found["stages.pretrain.fit.epochs"].written and found["stages.pretrain.model.widths"].written
    assert not found["stages.pretrain.fit.clip_norm"].written and not found["data.split.test"].written


def test_a_field_knows_its_kind_range_and_choices() -> None:
    found = fields("digits")
    assert found["stages.pretrain.fit.epochs"].kind == "number" and "> 0" in found["stages.pretrain.fit.epochs"].hint
    assert found["stages.pretrain.fit.channels_last"].kind == "boolean"
    assert found["stages.pretrain.fit.schedule.kind"].choices == ("constant", "cosine", "linear", "one_cycle")
    assert found["stages.pretrain.augment"].kind == "yaml"
    assert found["stages.report.language"].choices == ("en", "zh")
    assert "schema_version" not in found and "stages.pretrain.kind" not in found


def test_another_kind_has_other_fields_and_asks_for_what_is_missing() -> None:
    form = read_form("digits", {"stages.pretrain.model.kind": "timm"})
    paths = {one.path for one in form.fields}
    assert "stages.pretrain.model.name" in paths and "stages.pretrain.model.widths" not in paths
    assert form.faults_by_field() == {"stages.pretrain.model.name": ["must be given: text."]}


def test_a_fault_stands_at_its_field_or_at_the_nearest_around_it() -> None:
    form = read_form("digits", {"seed": "x", "stages.audit.declare": "{GEN-9: 1}", "stages.pretrain.fit.epochs": "0"})
    said = form.faults_by_field()
    assert set(said) == {"seed", "stages.audit.declare", "stages.pretrain.fit.epochs"}
    assert "whole number" in said["seed"][0]


def test_an_answer_that_is_no_value_at_all_is_a_fault_and_keeps_the_form() -> None:
    form = read_form("digits", {"stages.pretrain.augment": "[{"})
    found = {one.path: one for one in form.fields}
    assert found["stages.pretrain.augment"].text == "[{" and form.faults


def test_answers_are_what_differs_from_the_recipe() -> None:
    base = read_form("digits", {})
    answers = answered(base, {}, "seed", "7", base)
    assert answers == {"seed": "7"}
    assert answered(base, answers, "seed", "0", base) == {}


def test_another_kind_voids_what_was_said_of_the_old_one() -> None:
    base = read_form("digits", {})
    answers = answered(
        base, {"stages.pretrain.model.blocks": "2", "seed": "1"}, "stages.pretrain.model.kind", "timm", base
    )
    assert answers == {"seed": "1", "stages.pretrain.model.kind": "timm"}
    assert overrides_of(answers)[0] == "stages.pretrain.model.kind=timm"


@pytest.mark.parametrize(
    ("typed", "meant"), [("digits", "digits"), ("007", '"007"'), ("yes: no", '"yes: no"'), ("[", '"["')]
)
def test_a_text_stays_a_text(typed: str, meant: str) -> None:
    base = read_form("digits", {})
    answers = answered(base, {}, "stages.audit.profile", typed, base)
    assert answers["stages.audit.profile"] == meant
    assert not any("must be text" in fault.message for fault in read_form("digits", answers).faults)


def test_an_emptied_field_is_null() -> None:
    base = read_form("digits", {})
    assert answered(base, {}, "stages.pretrain.fit.ema_decay", " ", base) == {"stages.pretrain.fit.ema_decay": "null"}


def test_the_command_that_is_shown_is_the_command_that_is_run() -> None:
    words = command_line("digits", {"data.limit": "{train: 100}", "seed": "3"}, "runs/it's here")
    shown = shown_command(words)
    assert shlex.split(shown.replace("\\\n", "")) == ["basestone", *words]
    assert words == ["run", "digits", "--set", "seed=3", "--set", "data.limit={train: 100}", "--out", "runs/it's here"]


def test_the_shipped_recipes_are_offered() -> None:
    assert set(shipped()) == {path.stem for path in EXAMPLES.glob("*.yaml")}
