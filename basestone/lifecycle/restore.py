"""Restore: a finished stage's model, exactly as it was saved."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basestone.core.artifact import Manifest, read_json
from basestone.core.contracts import Objective, View, view_of
from basestone.core.errors import UsageError
from basestone.core.run import RunFolder
from basestone.core.spec import DataSpec, ImageSpec, SpeechSpec, read_spec
from basestone.recipe.schema import Audit

if TYPE_CHECKING:
    from torch import nn

    from basestone.compression.runtime import Predictor
    from basestone.measures.corrupted import Corruptions
    from basestone.measures.subject import Subject


def restore(run: RunFolder, stage: str) -> tuple[nn.Module, DataSpec]:
    """Builds the model that ``stages/<stage>/model.json`` describes and loads its weights, strictly."""
    from basestone.models.model import load_weights

    folder = run.stage(stage)
    description = read_json(folder / "model.json")
    model = built(description)
    load_weights(model, folder / "model.safetensors")
    return model.eval(), read_spec(description["spec"])


def restore_over(base: nn.Module, run: RunFolder, stage: str) -> nn.Module:
    """The model that an ``adapt`` stage left, on the tensors of ``base``: only what was trained is of its own.

    ``base`` is the restored parent; any number of adaptations of it may share its memory. UsageError when the stage's
    method trained every weight, so that nothing could be shared.
    """
    from basestone.adaptation.methods import METHODS
    from basestone.models.head import head_of, share_body
    from basestone.models.model import load_trained

    folder = run.stage(stage)
    facts = Manifest.read(folder).facts
    trials = read_json(folder / "comparison.json")["trials"]
    method = next(trial["method_section"] for trial in trials if trial["method"] == facts["method"])
    if facts["trainable"] == facts["parameters"]:
        raise UsageError(
            f"An adaptation over a base must leave the base alone, and '{method['kind']}' trained all of it."
        )
    described = read_json(folder / "model.json")
    model = built({name: value for name, value in described.items() if name != "adaptation"})
    share_body(model, base)
    METHODS.build(METHODS.options(method["kind"]).model_validate(method), model, head_of(model), 1)
    load_trained(model, folder / "adapter.safetensors")
    return model.eval()


def prepared_spec(prepared: Path, objective: Objective) -> DataSpec:
    """What a model must know of the data in a prepared folder; of text with the head that the objective needs."""
    spec = read_spec(read_json(prepared / "card.json")["spec"])
    if isinstance(spec, ImageSpec):
        return spec
    if isinstance(spec, SpeechSpec):
        return _heard(spec, prepared, view_of(objective))
    return spec if view_of(objective).kind == "labels" else replace(spec, head="tokens")


def _heard(spec: SpeechSpec, prepared: Path, view: View) -> SpeechSpec:
    """What a model knows of recordings that it reads as ``view`` says: the columns it is told of, and no others."""
    from basestone.data.speech.sounds import conditions_of

    if view.kind == "samples":
        conditions = conditions_of(read_json(prepared / "card.json"), view.condition_on)
        return replace(spec, head="samples", conditions=conditions, groups=(), level=view.level)
    if view.kind == "spoken":
        return replace(spec, head="waveform")
    return replace(spec, head="classes" if view.kind == "labels" else "characters", groups=())


def read_as(description: dict[str, Any]) -> View:
    """How the model of a ``model.json`` reads its data."""
    spec: Any = description["spec"]
    told = tuple(name for name, _ in spec.get("conditions", ()))
    return View(kind=description.get("reads", "labels"), condition_on=told, level=spec.get("level", 0.0))


def built(description: dict[str, Any]) -> nn.Module:
    """The network that a ``model.json`` describes, without its weights: the recipe's, less what was taken out."""
    from basestone.compression.structure import Structure, apply_structure
    from basestone.models.catalogue import MODELS, rebuild
    from basestone.models.vocoder import give_voice

    options = MODELS.options(description["model"]["kind"]).model_validate(description["model"])
    model = rebuild(options, read_spec(description["spec"]))
    if "adaptation" in description:
        put_in(model, description["adaptation"])
    if "structure" in description:
        apply_structure(model, Structure.from_json(description["structure"]))
    if (own := description.get("vocoder")) is not None:
        give_voice(model, built(own), own["spec"]["level"], own["temperature"])
    return model


def put_in(model: nn.Module, method: dict[str, Any]) -> None:
    """What an adaptation left in its model, where it could not be folded in."""
    from basestone.adaptation.methods import METHODS
    from basestone.models.head import head_of

    METHODS.build(METHODS.options(method["kind"]).model_validate(method), model, head_of(model), 1)
    model.requires_grad_(True)


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


def corruptions(split: Any, seed: int) -> Corruptions:
    """What corrupts the samples of a split: fifteen of images, fourteen of boxes, eleven of text, twelve of speech."""
    from basestone.measures.corrupted import ImageCorruptions, SpeechCorruptions, TextCorruptions
    from basestone.measures.robustness import BOX_FAMILIES

    if hasattr(split, "boxes"):
        return ImageCorruptions(split.raw, seed, BOX_FAMILIES)
    if hasattr(split, "waves"):
        return SpeechCorruptions(split.samples, split.waves, split.spec.sample_rate, seed)
    if hasattr(split, "tokens"):
        return TextCorruptions(split.texts, split.tokens, seed)
    return ImageCorruptions(split.raw, seed)


def as_subject(model: nn.Module, spec: DataSpec, section: Audit) -> Subject:
    """A model with its normalisation, in the audit's precision and memory format."""
    import torch

    from basestone.measures.subject import Subject

    if section.channels_last:
        model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    scale = {"mean": spec.mean, "std": spec.std} if isinstance(spec, ImageSpec) else {}
    return Subject(model=model, precision=section.precision, channels_last=section.channels_last, **scale)
