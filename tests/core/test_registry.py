from __future__ import annotations

from typing import Annotated

import pytest
from annotated_types import Gt
from pydantic import TypeAdapter, ValidationError

from basestone.core.errors import UsageError
from basestone.core.registry import Fraction, Registry


def cosine(total: int, *, warmup_steps: int = 0, floor: Fraction = 0.0) -> str:
    """Half a cosine."""
    return f"cosine {total} {warmup_steps} {floor}"


def step(total: int, *, every: Annotated[int, Gt(0)]) -> str:
    """Stairs."""
    return f"step {total} {every}"


SCHEDULES = Registry("schedule", {"cosine": cosine, "step": step})


def test_keyword_only_parameters_become_a_strict_model():
    options = SCHEDULES.options("cosine")
    assert set(options.model_fields) == {"kind", "warmup_steps", "floor"}  # 'total' is the run's, not the recipe's
    assert SCHEDULES.build(options(kind="cosine", warmup_steps=3), 10) == "cosine 10 3 0.0"


def test_the_union_picks_the_model_by_kind():
    section = TypeAdapter(SCHEDULES.union()).validate_python({"kind": "step", "every": 4})
    assert SCHEDULES.build(section, 7) == "step 7 4"


@pytest.mark.parametrize(
    ("section", "type_"),
    [
        ({"kind": "step"}, "missing"),
        ({"kind": "step", "every": 0}, "greater_than"),
        ({"kind": "step", "every": 2, "evry": 2}, "extra_forbidden"),
        ({"kind": "step", "every": "2"}, "int_type"),
        ({"kind": "stairs", "every": 2}, "union_tag_invalid"),
    ],
)
def test_what_a_signature_forbids_is_a_fault(section, type_):
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(SCHEDULES.union()).validate_python(section)
    assert caught.value.errors()[0]["type"] == type_


def test_an_unknown_kind_names_the_nearest():
    with pytest.raises(UsageError, match=r"There is no schedule 'cosin'\. Did you mean 'cosine'\?"):
        SCHEDULES["cosin"]


class _Point:
    def __init__(self, name):
        self.name = name

    def load(self):
        return step


def test_plugins_join_the_table_but_never_replace_ours(monkeypatch):
    monkeypatch.setattr("basestone.core.registry.entry_points", lambda group: [_Point("stairs")])
    assert list(Registry("schedule", {"cosine": cosine})) == ["cosine", "stairs"]
    monkeypatch.setattr("basestone.core.registry.entry_points", lambda group: [_Point("cosine")])
    with pytest.raises(UsageError, match="may not replace the built-in schedule"):
        list(Registry("schedule", {"cosine": cosine}))
