"""Restore: a finished stage's model, exactly as it was saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from basestone.core.artifact import read_json
from basestone.core.run import RunFolder
from basestone.core.spec import ImageSpec
from basestone.recipe.schema import Audit

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


def restore_subject(run: RunFolder, stage: str, section: Audit) -> Subject:
    """The restored model as an audit sees it: images in, logits out, in the arithmetic that the audit names."""
    return as_subject(*restore(run, stage), section)


def as_subject(model: nn.Module, spec: ImageSpec, section: Audit) -> Subject:
    """A model with its normalisation, in the audit's precision and memory format."""
    import torch

    from basestone.measures.subject import Subject

    if section.channels_last:
        model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return Subject(
        model=model, mean=spec.mean, std=spec.std, precision=section.precision, channels_last=section.channels_last
    )
