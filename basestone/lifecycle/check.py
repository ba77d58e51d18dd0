"""Check: every fault of a recipe at once, before anything runs. Never imports torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from basestone.core.errors import Fault, RecipeError
from basestone.recipe.load import LoadedRecipe
from basestone.recipe.schema import Audit, Recipe


def load_checked(recipe: str | Path, overrides: Sequence[str] = ()) -> LoadedRecipe:
    """The recipe, or RecipeError with every fault of the file and of the standard that it asks for."""
    from basestone.recipe.check import load_and_check

    loaded, faults = load_and_check(recipe, overrides, extra=standard_faults)
    if faults or loaded is None:
        raise RecipeError(faults)
    return loaded


def standard_faults(recipe: Recipe) -> Iterator[Fault]:
    """What each audit's profile, declared thresholds and waivers get wrong."""
    from basestone.standard.tailoring import find_faults

    for stage, section in recipe.stages.items():
        if isinstance(section, Audit):
            yield from find_faults(
                section.profile, section.declare, section.waive, recipe.task, date.today(), stage=stage
            )
