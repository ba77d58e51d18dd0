"""A recipe that can be trusted: read, composed, validated; every fault at once when it cannot be.

The digest is taken over the resolved recipe (every default written out) with its ``${NAME}`` unexpanded: two recipes
that say the same have the same digest, on whatever machine.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from basestone.core.document import Located, as_mapping, dump
from basestone.core.errors import Fault, RecipeError
from basestone.core.evidence import digest_of
from basestone.recipe.compose import compose
from basestone.recipe.explain import explain, locate
from basestone.recipe.schema import Recipe
from basestone.recipe.variables import expand, placeholders

Places = Mapping[str, tuple[str, int | None]]


@dataclass(frozen=True, kw_only=True)
class LoadedRecipe:
    """A validated recipe and where it comes from.

    ``recipe``: variables expanded, defaults filled in. ``raw``: what the files and overrides said, merged, variables
    unexpanded. ``resolved``: ``raw`` with every default written out. ``digest``: SHA-256 (hex) of ``resolved``.
    ``places``: dotted path → (file, line); an override's file is ``--set …`` and it has no line.
    """

    recipe: Recipe
    raw: dict[str, Any]
    resolved: dict[str, Any]
    digest: str
    places: Places

    def locate(self, faults: Sequence[Fault]) -> list[Fault]:
        """The faults with file and line filled in from their paths, in the order of the file."""
        return locate(faults, self.places)


def load(recipe: str | Path, overrides: Sequence[str] = ()) -> LoadedRecipe:
    """Loads the recipe at a path, or the shipped example of that name, with ``a.b=value`` overrides applied.

    Raises:
        RecipeError: everything that is wrong with the recipe by itself; ``check`` adds what depends on the rest.
        UsageError: there is no such recipe.
    """
    loaded, faults = attempt(compose(recipe, overrides))
    if loaded is None or faults:
        raise RecipeError(faults)
    return loaded


def attempt(root: Located) -> tuple[LoadedRecipe | None, list[Fault]]:
    """The recipe, or None, with every fault of the schema and every variable that is not set."""
    expanded, faults = expand(root, os.environ)
    places = places_of(root)
    try:
        recipe = Recipe.model_validate_json(json.dumps(expanded.plain()))
    except ValidationError as error:
        return None, locate([*faults, *explain(error, Recipe)], places)
    resolved = _put_back(recipe.model_dump(mode="json"), placeholders(root))
    digest = digest_of(resolved)
    return LoadedRecipe(recipe=recipe, raw=root.plain(), resolved=resolved, digest=digest, places=places), faults


def places_of(root: Located) -> Places:
    """Dotted path → (file, line) of everything that is written."""
    return {path: (item.file, item.line) for path, item in root.walk()}


def resolved_yaml(loaded: LoadedRecipe) -> str:
    """The recipe with every default written out, in the schema's order; loads back to an equal recipe and digest."""
    header = (
        f"# Resolved by basestone {version('basestone')}: every default is written out.\n# sha256 {loaded.digest}\n"
    )
    return header + dump(loaded.resolved)


def _put_back(value: Any, texts: Mapping[str, str], path: str = "") -> Any:
    """``value`` with the texts at the given paths as they were written."""
    if path in texts:
        return texts[path]
    if isinstance(value, dict):
        return {
            key: _put_back(item, texts, f"{path}.{key}" if path else key) for key, item in as_mapping(value).items()
        }
    if isinstance(value, list):
        return [_put_back(item, texts, f"{path}.{index}") for index, item in enumerate(cast("list[Any]", value))]
    return value
