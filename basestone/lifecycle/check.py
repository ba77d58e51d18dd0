"""Check: every fault of a recipe at once, before anything runs. Never imports torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from basestone.core.errors import Fault, RecipeError
from basestone.lifecycle.origins import data_of, model_of, prepared_for, trainings
from basestone.recipe.load import LoadedRecipe
from basestone.recipe.schema import Adapt, Audit, Compress, Pretrain, Recipe, Voice

if TYPE_CHECKING:
    from basestone.standard.profile import StandardInForce

SEVERAL = 3  # seeds, of which results can be called stable


def load_checked(recipe: str | Path, overrides: Sequence[str] = ()) -> LoadedRecipe:
    """The recipe, or RecipeError with every fault of the file and of the standard that it asks for."""
    from basestone.recipe.check import load_and_check

    loaded, faults = load_and_check(recipe, overrides, extra=chain_faults)
    if faults or loaded is None:
        raise RecipeError(faults)
    return loaded


def chain_faults(recipe: Recipe) -> Iterator[Fault]:
    """What only the whole chain of stages tells: faults of each audit's standard, and of each private adaptation."""
    yield from standard_faults(recipe)
    for stage, section in recipe.stages.items():
        if isinstance(section, Adapt) and section.fit.private is not None:
            yield from _private_adaptation(recipe, stage, section)


def _private_adaptation(recipe: Recipe, stage: str, section: Adapt) -> Iterator[Fault]:
    """One training alone may spend the budget: no other method, seed, rate or earlier stage may see its samples."""
    for name, values in (("methods", section.methods), ("seeds", section.seeds), ("rates", section.rates)):
        if len(values) > 1:
            message = f"must name one: each private training spends a budget of its own; got {len(values)}. Keep one."
            yield Fault(path=f"stages.{stage}.{name}", message=message)
    for number, method in enumerate(section.methods):
        if method.kind == "adalora":
            message = "cannot be adalora in private: its penalty and its ranks are no sample's own. Choose lora."
            yield Fault(path=f"stages.{stage}.methods.{number}.kind", message=message)
    if section.learns_from != "train":
        message = "must be 'train' where the training is private. Change one of them."
        yield Fault(path=f"stages.{stage}.learns_from", message=message)
    if earlier := [name for name in trainings(recipe, stage, prepared_for(recipe, stage)) if name != stage]:
        yield Fault(
            path=f"stages.{stage}.fit.private",
            message=f"hides nothing that '{earlier[0]}' learned from the same samples before. Give one of the stages "
            f"data of its own (stages.{earlier[0]}.data), or train '{earlier[0]}' privately and drop this stage.",
        )


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
        referenced=section.safety is not None and section.safety.reference is not None,
        known_measures=MEASURES,
    )


def _private(recipe: Recipe, stage: str) -> bool:
    """Whether the audited model, or the one that it was made from, was trained privately."""
    section = recipe.stages[stage]
    assert isinstance(section, Audit)
    name = model_of(recipe, stage, section.subject)
    while isinstance(subject := recipe.stages.get(name), Compress | Voice):
        name = model_of(recipe, name, subject.parent)
    return isinstance(subject, Pretrain | Adapt) and subject.fit is not None and subject.fit.private is not None


def _grouped(recipe: Recipe, stage: str) -> bool:
    """Whether the data of the audited model name groups; False where a fault of the recipe hides them."""
    section = recipe.stages[stage]
    assert isinstance(section, Audit)
    if not hasattr(recipe, "data") or model_of(recipe, stage, section.subject) not in recipe.stages:
        return False
    return bool(getattr(data_of(recipe, prepared_for(recipe, stage)), "groups", ()))
