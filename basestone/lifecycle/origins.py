"""Origins: which stage's model a stage works on, and which data. Torch-free: ``check`` asks too."""

from __future__ import annotations

from basestone.adaptation.methods import FRESH
from basestone.recipe.schema import LEAVES_MODEL, Adapt, Data, Pretrain, Recipe

PREPARE = "prepare"


def model_of(recipe: Recipe, stage: str, named: str | None) -> str:
    """The stage whose model ``stage`` works on: the one that is named, else the last one before it that leaves one.

    Empty when there is none, which is a fault of its own.
    """
    earlier = list(recipe.stages)[: list(recipe.stages).index(stage)]
    models = [name for name in earlier if recipe.stages[name].kind in LEAVES_MODEL]
    return named or (models[-1] if models else "")


def prepared_for(recipe: Recipe, stage: str) -> str:
    """The stage that prepares the data of ``stage``: its own or the recipe's; what trains nothing: its model's."""
    section = recipe.stages[stage]
    if isinstance(section, Pretrain | Adapt):
        return PREPARE if section.data in (None, recipe.data) else f"{stage}.data"
    named = getattr(section, "parent", None) or getattr(section, "subject", None)
    return prepared_for(recipe, model_of(recipe, stage, named))


def trainings(recipe: Recipe, stage: str, prepared: str) -> list[str]:
    """The stages in which the model of ``stage`` learned from what ``prepared`` prepares, the earliest first.

    A network that is trained from scratch takes nothing from its parent, and one that brings its weights was trained
    by others.
    """
    section = recipe.stages[stage]
    learns = getattr(section, "fit", None) is not None and prepared_for(recipe, stage) == prepared
    mine = [stage] if learns else []
    if isinstance(section, Pretrain) or from_scratch(section):
        return mine
    parent = model_of(recipe, stage, getattr(section, "parent", None))
    return (trainings(recipe, parent, prepared) if parent in recipe.stages else []) + mine


def from_scratch(section: object) -> bool:
    """Whether an adaptation leaves a model that was trained from its initialisation."""
    return isinstance(section, Adapt) and all(method.kind in FRESH for method in section.methods)


def data_of(recipe: Recipe, prepared: str) -> Data:
    """The options of what the stage ``prepared`` prepares."""
    if prepared == PREPARE:
        return recipe.data
    section = recipe.stages[prepared.removesuffix(".data")]
    assert isinstance(section, Pretrain | Adapt) and section.data is not None
    return section.data


def is_sensitive(recipe: Recipe, prepared: str) -> bool:
    """Whether nobody may be shown samples of what ``prepared`` prepares."""
    return bool(getattr(data_of(recipe, prepared), "sensitive", False))


def canaries_in(recipe: Recipe, prepared: str) -> int:
    """How many made-up secrets stand in the training text of ``prepared``."""
    planted = getattr(data_of(recipe, prepared), "canaries", None)
    return 0 if planted is None else planted.count
