"""Restore: a finished stage's model, exactly as it was saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from basestone.core.artifact import read_json
from basestone.core.run import RunFolder
from basestone.core.spec import ImageSpec

if TYPE_CHECKING:
    from torch import nn

    from basestone.measures.subject import Subject


def restore(run: RunFolder, stage: str) -> tuple[nn.Module, ImageSpec]:
    """Builds the model that ``stages/<stage>/model.json`` describes and loads its weights, strictly."""
    from basestone.models.catalogue import MODELS, rebuild
    from basestone.models.model import load_weights

    folder = run.stage(stage)
    description = read_json(folder / "model.json")
    spec = ImageSpec.from_json(description["spec"])
    options = MODELS.options(description["model"]["kind"]).model_validate(description["model"])
    model = rebuild(options, spec)
    load_weights(model, folder / "model.safetensors")
    return model.eval(), spec


def restore_subject(run: RunFolder, stage: str) -> Subject:
    """The restored model as an audit sees it: images in, logits out."""
    from basestone.measures.subject import Subject

    model, spec = restore(run, stage)
    return Subject(model=model, mean=spec.mean, std=spec.std)
