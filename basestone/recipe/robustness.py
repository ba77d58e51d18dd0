"""What an audit of robustness needs of a recipe's task and data. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator

from basestone.core.errors import Fault, did_you_mean
from basestone.recipe.schema import Adapt, Audit, Pretrain, Recipe

CLASSIFIERS = ("image_classification", "text_classification", "speech_classification")


def robustness(recipe: Recipe, stage: Audit, path: str) -> Iterator[Fault]:
    """Words are those of texts that are told apart; groups that are left out are those that the data name."""
    task = getattr(recipe, "task", None)
    if stage.reword is not None and task not in (None, "text_classification"):
        message = f"is for classifiers of text, and this recipe's task is '{task}'. Drop it."
        yield Fault(path=f"{path}.reword", message=message)
    if stage.attack is not None and task in ("speech_recognition", "audio_modelling", "speech_synthesis"):
        message = f"is for classifiers, and this recipe's task is '{task}'. Drop it."
        yield Fault(path=f"{path}.attack", message=message)
    if stage.shift is None:
        return
    if task not in (None, *CLASSIFIERS):
        message = f"is for classifiers so far, and this recipe's task is '{task}'. Drop it."
        yield Fault(path=f"{path}.shift", message=message)
    column, known = stage.shift.column, _groups(recipe)
    if column not in known:
        message = f"must be a column of data.groups; got '{column}'.{did_you_mean(column, known)} Add it there."
        yield Fault(path=f"{path}.shift.column", message=message)


def _groups(recipe: Recipe) -> list[str]:
    """The columns that any data of the recipe name."""
    own = [stage.data for stage in recipe.stages.values() if isinstance(stage, Pretrain | Adapt)]
    named = [getattr(data, "groups", ()) for data in (getattr(recipe, "data", None), *own)]
    return [column for columns in named for column in columns]
