"""Restore: a finished stage's model, exactly as it was saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from basestone.core.artifact import read_json
from basestone.core.run import RunFolder
from basestone.core.spec import ImageSpec
from basestone.recipe.schema import Audit

if TYPE_CHECKING:
    from torch import nn

    from basestone.compression.runtime import Predictor
    from basestone.measures.subject import Subject


def restore(run: RunFolder, stage: str) -> tuple[nn.Module, ImageSpec]:
    """Builds the model that ``stages/<stage>/model.json`` describes and loads its weights, strictly."""
    from basestone.models.model import load_weights

    folder = run.stage(stage)
    description = read_json(folder / "model.json")
    model = built(description)
    load_weights(model, folder / "model.safetensors")
    return model.eval(), ImageSpec.from_json(description["spec"])


def built(description: dict[str, Any]) -> nn.Module:
    """The network that a ``model.json`` describes, without its weights: the recipe's, less what was taken out."""
    from basestone.compression.structure import Structure, apply_structure
    from basestone.models.catalogue import MODELS, rebuild

    options = MODELS.options(description["model"]["kind"]).model_validate(description["model"])
    model = rebuild(options, ImageSpec.from_json(description["spec"]))
    if "structure" in description:
        apply_structure(model, Structure.from_json(description["structure"]))
    return model


def shipped_runtime(folder: Path) -> Predictor | None:
    """What runs a stage's model where a compression chose a runtime other than PyTorch's own, read from its files."""
    from basestone.compression.runtime import Variant, load, usable_threads

    if not (folder / "runtime.json").exists():
        return None
    variant = Variant(**read_json(folder / "runtime.json"))
    return None if variant.file is None else load(variant, folder, usable_threads())


def restore_subject(run: RunFolder, stage: str, section: Audit) -> Subject:
    """What is audited, images in and logits out: the shipped runtime where there is one, else the restored model.

    The model runs in the arithmetic that the audit names, a runtime in its own.
    """
    from basestone.compression.runtime import RuntimeModule

    model, spec = restore(run, stage)
    predictor = shipped_runtime(run.stage(stage))
    if predictor is None:
        return as_subject(model, spec, section)
    exact = section.model_copy(update={"precision": "fp32", "channels_last": False})
    return as_subject(RuntimeModule(predictor), spec, exact)


def as_subject(model: nn.Module, spec: ImageSpec, section: Audit) -> Subject:
    """A model with its normalisation, in the audit's precision and memory format."""
    import torch

    from basestone.measures.subject import Subject

    if section.channels_last:
        model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return Subject(
        model=model, mean=spec.mean, std=spec.std, precision=section.precision, channels_last=section.channels_last
    )
