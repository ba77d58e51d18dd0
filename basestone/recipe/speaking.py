"""What makes a voice: a stage that speaks, and one that was trained to sound like its frames. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator

from basestone.core.errors import Fault
from basestone.recipe.schema import Adapt, Pretrain, Recipe, Voice


def trained_by(recipe: Recipe, name: str, named: str | None) -> Pretrain | Adapt | None:
    """The stage that trained the model which ``name`` works on; a voice is its parent's."""
    earlier = list(recipe.stages.items())[: list(recipe.stages).index(name)]
    models = {key: made for key, made in earlier if isinstance(made, Pretrain | Adapt | Voice)}
    key = named or next(reversed(models), "")
    found = models.get(key)
    return trained_by(recipe, key, found.parent) if isinstance(found, Voice) else found


def voices(recipe: Recipe, name: str, stage: Voice) -> Iterator[Fault]:
    """What speaks, and what sounds."""
    speaks, sounds = trained_by(recipe, name, stage.parent), recipe.stages.get(stage.vocoder)
    if speaks is not None and speaks.objective.kind != "synthesis":
        message = f"must be a model that speaks; this one's objective is '{speaks.objective.kind}'. Name another stage."
        yield Fault(path=f"stages.{name}.parent", message=message)
    if isinstance(sounds, Pretrain) and sounds.objective.kind != "audio_lm":
        message = f"must be a model of sound (audio_lm); this one's objective is '{sounds.objective.kind}'."
        yield Fault(path=f"stages.{name}.vocoder", message=message)
    elif isinstance(sounds, Pretrain):
        yield from _vocodes(sounds, f"stages.{stage.vocoder}")


def _vocodes(stage: Pretrain, path: str) -> Iterator[Fault]:
    """A vocoder is told mel frames and nothing else, of recordings of one level."""
    if not getattr(stage.model, "frames", False):
        yield Fault(path=f"{path}.model.frames", message="must be true for a vocoder, which is told mel frames.")
    if not getattr(stage.objective, "level", 0):
        message = "must be above 0 for a vocoder, as mel frames of speech tell no level. Set it to 0.1."
        yield Fault(path=f"{path}.objective.level", message=message)
    if getattr(stage.objective, "condition_on", ()):
        yield Fault(path=f"{path}.objective.condition_on", message="must be empty for a vocoder. Drop it.")
