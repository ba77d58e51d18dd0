"""Check: every fault of a recipe at once, before anything runs. Never imports torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from basestone.core.errors import Fault, RecipeError
from basestone.lifecycle.origins import data_of, model_of, prepared_for
from basestone.recipe.load import LoadedRecipe
from basestone.recipe.schema import Adapt, Audit, Compress, Pretrain, Recipe, Voice

if TYPE_CHECKING:
    from basestone.standard.profile import StandardInForce

SEVERAL = 3  # seeds, of which results can be called stable


def load_checked(recipe: str | Path, overrides: Sequence[str] = ()) -> LoadedRecipe:
    """The recipe, or RecipeError with every fault of the file and of the standard that it asks for."""
    from basestone.recipe.check import load_and_check

    loaded, faults = load_and_check(recipe, overrides, extra=standard_faults)
    if faults or loaded is None:
        raise RecipeError(faults)
    return loaded


def standard_faults(recipe: Recipe) -> Iterator[Fault]:
    """What each audit's profile, declared thresholds and waivers get wrong."""
    for stage, section in recipe.stages.items():
        if isinstance(section, Audit):
            try:
                standard_in_force(recipe, stage)
            except RecipeError as error:
                yield from error.faults


def standard_in_force(recipe: Recipe, stage: str) -> StandardInForce:
    """What the audit ``stage`` is judged by today; RecipeError with every fault of its profile, thresholds and waivers.

    A standard of the user's own may ask only for what can be measured, and is told so before anything is trained.
    """
    from basestone.measures import MEASURES
    from basestone.standard.tailoring import resolve

    section = recipe.stages[stage]
    assert isinstance(section, Audit)
    subject = recipe.stages.get(model_of(recipe, stage, section.subject))
    return resolve(
        section.profile,
        section.declare,
        section.waive,
        recipe.task,
        date.today(),
        stage=stage,
        compressed=isinstance(subject, Compress),
        seeds=isinstance(subject, Adapt) and len(subject.seeds) >= SEVERAL,
        grouped=_grouped(recipe, stage),
        allocative=section.fairness.positive is not None,
        filtering=section.harmful is not None,
        private=_private(recipe, stage),
        known_measures=MEASURES,
    )


def _private(recipe: Recipe, stage: str) -> bool:
    """Whether the audited model, or the one that it was made from, was trained privately."""
    section = recipe.stages[stage]
    assert isinstance(section, Audit)
    name = model_of(recipe, stage, section.subject)
    while isinstance(subject := recipe.stages.get(name), Compress | Voice):
        name = model_of(recipe, name, subject.parent)
    return isinstance(subject, Pretrain) and subject.fit is not None and subject.fit.private is not None


def _grouped(recipe: Recipe, stage: str) -> bool:
    """Whether the data of the audited model name groups; False where a fault of the recipe hides them."""
    section = recipe.stages[stage]
    assert isinstance(section, Audit)
    if not hasattr(recipe, "data") or model_of(recipe, stage, section.subject) not in recipe.stages:
        return False
    return bool(getattr(data_of(recipe, prepared_for(recipe, stage)), "groups", ()))
