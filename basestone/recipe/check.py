"""Every fault of a recipe at once, before anything runs: the schema's, the rules', and those of whoever else asks.

The rules (``recipe.rules``) see every section that is valid by itself, so that one typo does not hide what else is
wrong.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from basestone.core.document import as_mapping
from basestone.core.errors import Fault, RecipeError
from basestone.recipe.compose import compose
from basestone.recipe.explain import locate
from basestone.recipe.load import LoadedRecipe, attempt, places_of
from basestone.recipe.rules import broken_rules
from basestone.recipe.schema import Recipe
from basestone.recipe.variables import expand

Extra = Callable[[Recipe], Iterable[Fault]]


def check(recipe: str | Path | LoadedRecipe, overrides: Sequence[str] = (), extra: Extra | None = None) -> list[Fault]:
    """Every fault, in the order of the file; an empty list when the recipe can be run. UsageError: no such recipe."""
    if isinstance(recipe, LoadedRecipe):
        return recipe.locate(_rules(recipe.recipe, recipe.raw, extra))
    return load_and_check(recipe, overrides, extra)[1]


def load_and_check(
    recipe: str | Path, overrides: Sequence[str] = (), extra: Extra | None = None
) -> tuple[LoadedRecipe | None, list[Fault]]:
    """The recipe (None when the schema refuses it) and every fault.

    ``extra`` adds the faults that another room finds (the standard's), given the recipe; of a recipe that is not valid
    it sees the valid stages only. Its faults need a path and no place.
    """
    try:
        root = compose(recipe, overrides)
    except RecipeError as error:
        return None, list(error.faults)
    loaded, faults = attempt(root)
    judged = _salvage(expand(root, os.environ)[0].plain()) if loaded is None else loaded.recipe
    return loaded, locate([*faults, *_rules(judged, root.plain(), extra)], places_of(root))


def _rules(recipe: Recipe, raw: dict[str, Any], extra: Extra | None) -> list[Fault]:
    return [*broken_rules(recipe, raw), *(extra(recipe) if extra else ())]


def _salvage(plain: dict[str, Any]) -> Recipe:
    """A recipe of what is valid by itself; the parts that are not are absent."""
    parts = {name: _valid(name, plain[name]) for name in Recipe.model_fields if name in plain and name != "stages"}
    valid = {name: _valid("stages", {name: stage}) for name, stage in as_mapping(plain.get("stages")).items()}
    return Recipe.model_construct(
        **{name: part for name, part in parts.items() if part is not None},
        stages={name: stage[name] for name, stage in valid.items() if stage is not None},
    )


def _valid(name: str, value: Any) -> Any:
    try:
        return _adapter(name).validate_python(value)
    except ValidationError:
        return None


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    return TypeAdapter(Recipe.model_fields[name].rebuild_annotation())
