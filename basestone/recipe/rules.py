"""What must hold between the sections of a recipe, as far as it can be known without torch and without opening data.

Each rule yields faults with the path of what has to change; the place is filled in later.
"""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from basestone.core.contracts import STAND_INS
from basestone.core.document import as_mapping
from basestone.core.errors import Fault, did_you_mean
from basestone.core.registry import Section
from basestone.data.detection.options import BoxData
from basestone.data.options import DataOptions
from basestone.data.text.options import TextData
from basestone.recipe.fitting import (
    adapting,
    compressing,
    fitting,
    group_names,
    grouped_training,
    labels_of_task,
    quantities,
    sound_at_once,
)
from basestone.recipe.robustness import robustness
from basestone.recipe.safety import judging_stage, reference_stage, safety_asked
from basestone.recipe.schema import (
    LEAVES_MODEL,
    Adapt,
    Audit,
    Compress,
    Data,
    Extract,
    Pretrain,
    Recipe,
    Report,
    Voice,
    data_kind,
)
from basestone.recipe.speaking import trained_by, voices

NEEDS = {
    "adapt": "pretrain",
    "compress": "pretrain",
    "voice": "pretrain",
    "extract": "pretrain",
    "audit": "pretrain",
    "report": "audit",
}  # stage kind → the kind that must come before it
WITHOUT_VALIDATION = ("sklearn_digits", "cifar_binary", "cifar_python", "scenes", "spoken_digits", "tones")
OWN_SIDE = {
    "sklearn_digits": 8,
    "shortcut_digits": 8,
    "cifar_binary": 32,
    "cifar_python": 32,
}  # pixels, before data.image_size


def broken_rules(recipe: Recipe, raw: dict[str, Any]) -> Iterator[Fault]:
    """Every rule that ``recipe`` breaks. Its sections may be incomplete; ``raw`` is what was written."""
    yield from _order(raw)
    data: Data | None = getattr(recipe, "data", None)
    if data is not None:
        yield from _files(data, raw, "data")
        yield from group_names(data, "data")
        yield from labels_of_task(data, getattr(recipe, "task", None))
        if _option(getattr(data, "tokenizer", None), "kind") == "shared":
            yield Fault(path="data.tokenizer.kind", message="'shared' is for data of a stage's own. Choose another.")
    for name, stage in recipe.stages.items():
        path = f"stages.{name}"
        if name == "prepare" or name.endswith(".data"):
            yield Fault(path=path, message=f"'{name}' is the name of a folder of prepared data. Choose another name.")
        if isinstance(stage, Pretrain | Adapt):
            yield from _warmup(stage, path)
            if stage.data is not None:
                yield from _files(stage.data, raw, f"{path}.data")
                yield from group_names(stage.data, f"{path}.data")
        if isinstance(stage, Pretrain | Adapt) and (own := stage.data or data) is not None:
            yield from quantities(stage, own, path)
        if isinstance(stage, Pretrain | Adapt | Compress):
            yield from grouped_training(stage, data, path)
        if isinstance(stage, Adapt) and (own := stage.data or data) is not None:
            yield from adapting(recipe, stage, own, path)
        if isinstance(stage, Pretrain) and (own := stage.data or data) is not None:
            yield from fitting(recipe, stage, own, path)
            yield from _sides(stage, own, path)
            yield from _early_stop(stage, own, path)
            if stage.fit is None and not _option(stage.model, "pretrained"):
                yield Fault(
                    path=f"{path}.fit", message="may be null only for a model that brings its weights. Train it."
                )
        if isinstance(stage, Compress) and stage.fit is not None and stage.fit.private is not None:
            yield Fault(
                path=f"{path}.fit.private",
                message="is for pretrain and adapt stages: a second training spends a second budget. Drop it.",
            )
        if isinstance(stage, Adapt):
            yield from _reference(raw, name, "parent", stage.parent, *LEAVES_MODEL)
        if isinstance(stage, Audit):
            yield from _answers(recipe, name, stage)
            if data is not None and getattr(recipe, "task", None) == "audio_modelling":
                yield from sound_at_once(stage, data, path)
            yield from _images_only(stage, data, path)
            yield from robustness(recipe, stage, path)
            yield from safety_asked(stage, getattr(recipe, "task", None), path)
            yield from _reference(raw, name, "safety.judge.stage", judging_stage(stage), *LEAVES_MODEL)
            yield from _reference(raw, name, "safety.reference", reference_stage(stage), *LEAVES_MODEL)
            yield from _beside(raw, name, stage, getattr(recipe, "task", None), bool(getattr(data, "groups", ())))
            yield from _reference(raw, name, "subject", stage.subject, *LEAVES_MODEL)
            yield from _reference(raw, name, "spoken.recogniser", stage.spoken.recogniser, *LEAVES_MODEL)
        if isinstance(stage, Compress):
            yield from _reference(raw, name, "parent", stage.parent, *LEAVES_MODEL)
            yield from _reference(raw, name, "teacher", stage.teacher, *LEAVES_MODEL)
            yield from _compression(stage, path)
            if data is not None:
                yield from compressing(recipe, name, stage, data)
        if isinstance(stage, Voice):
            yield from _reference(raw, name, "parent", stage.parent, *LEAVES_MODEL)
            yield from _reference(raw, name, "vocoder", stage.vocoder, "pretrain")
            yield from voices(recipe, name, stage)
        if isinstance(stage, Extract):
            yield from _reference(raw, name, "parent", stage.parent, *LEAVES_MODEL)
            yield from _extraction(stage, data, path)
        if isinstance(stage, Extract) and isinstance(data, BoxData):
            yield Fault(path=path, message="is not for detectors so far, and these data have boxes. Drop the stage.")
        if isinstance(stage, Report):
            yield from _reference(raw, name, "audit", stage.audit, "audit")


def _kinds(raw: dict[str, Any]) -> dict[str, Any]:
    """Stage id → kind, in order, for all that was written."""
    return {name: as_mapping(stage).get("kind") for name, stage in as_mapping(raw.get("stages")).items()}


def _order(raw: dict[str, Any]) -> Iterator[Fault]:
    """A stage works on what an earlier one made."""
    if raw.get("stages") == {}:
        yield Fault(path="stages", message="must hold at least one stage, e.g. pretrain, audit, report.")
    seen: set[Any] = set()
    for name, kind in _kinds(raw).items():
        needed = NEEDS.get(kind)
        if needed and needed not in seen:
            article = "an" if kind[0] in "ae" else "a"
            yield Fault(
                path=f"stages.{name}", message=f"{article} {kind} needs a stage of kind {needed} before it. Add one."
            )
        seen.add(kind)


def _reference(raw: dict[str, Any], name: str, key: str, named: str | None, *wanted: str) -> Iterator[Fault]:
    """A stage that is named must stand earlier and make what is wanted."""
    if named is None:
        return
    kinds = _kinds(raw)
    earlier = list(kinds)[: list(kinds).index(name)]
    fitting = [stage for stage in earlier if kinds[stage] in wanted]
    if named not in fitting:
        hint = did_you_mean(named, fitting)
        yield Fault(
            path=f"stages.{name}.{key}",
            message=f"must name an earlier stage of kind {_either(wanted)}; got '{named}'.{hint}",
        )


def _either(kinds: Sequence[str]) -> str:
    """``a``, ``a or b``, ``a, b or c``."""
    return " or ".join(filter(None, [", ".join(kinds[:-1]), kinds[-1]]))


def _answers(recipe: Recipe, name: str, stage: Audit) -> Iterator[Fault]:
    """An audited model must answer something that can be judged: hidden words are an exercise."""
    subject = trained_by(recipe, name, stage.subject)
    if subject is not None and subject.objective.kind == "masked_lm":
        yield Fault(
            path=f"stages.{name}",
            message="needs a model that answers, and 'masked_lm' trains one that fills gaps. Add an adapt stage.",
        )
    if subject is not None and (getattr(recipe, "task", None) == "speech_synthesis") != (
        subject.objective.kind == "synthesis"
    ):
        yield Fault(
            path=f"stages.{name}.subject",
            message=f"must be a model that was trained for the task; this one's objective is "
            f"'{subject.objective.kind}'. Name another stage.",
        )


def _beside(raw: dict[str, Any], name: str, stage: Audit, task: str | None, grouped: bool) -> Iterator[Fault]:
    for place, other in enumerate(stage.beside):
        if other not in STAND_INS:
            yield from _reference(raw, name, f"beside.{place}", other, *LEAVES_MODEL)
        elif other == "tfidf" and task != "text_classification":
            yield Fault(path=f"stages.{name}.beside.{place}", message="'tfidf' tells classes of text apart. Drop it.")
        elif other == "group_thresholds" and (stage.fairness.positive is None or not grouped):
            message = "'group_thresholds' needs data.groups and audit.fairness.positive. Add them, or drop it."
            yield Fault(path=f"stages.{name}.beside.{place}", message=message)


def _images_only(stage: Audit, data: Data | None, path: str) -> Iterator[Fault]:
    """What an audit does to images alone so far."""
    kind = "images" if data is None else data_kind(data)
    if kind == "speech" and stage.attack is not None and stage.attack.norm != "linf":
        yield Fault(path=f"{path}.attack.norm", message="must be linf for recordings so far. Change it.")
    for name, kinds in (("attack", ("images", "speech")), ("ood", ("images",))):
        if getattr(stage, name) is not None and kind not in kinds:
            hint = "Write reword instead." if (name, kind) == ("attack", "text") else "Drop it."
            yield Fault(path=f"{path}.{name}", message=f"is for images so far, and these data are {kind}. {hint}")
    if stage.ood is not None and not stage.ood.generated and stage.ood.source is None:
        yield Fault(path=f"{path}.ood", message="must name foreign images: generated, source or both.")


def _compression(stage: Compress, path: str) -> Iterator[Fault]:
    """Parts of a compression that need one another."""
    if stage.model is not None and stage.prune is not None:
        yield Fault(path=f"{path}.prune", message="cannot be together with 'model', a student of its own. Drop one.")
    aware = stage.quantize is not None and stage.quantize.kind == "aware"
    for name in ("distil", "model", "teacher", *(["quantize"] if aware else [])):
        if getattr(stage, name) is not None and stage.fit is None:
            yield Fault(path=f"{path}.{name}", message="needs training, and there is none. Add 'fit'.")
    if not (stage.prune or stage.fit or stage.quantize or stage.deploy or stage.export):
        yield Fault(path=path, message="must ask for something: prune, fit, quantize, deploy or export.")
    if stage.quantize is not None and stage.deploy is None:
        yield Fault(path=f"{path}.quantize", message="needs 'deploy', which tries what was quantized. Add: deploy: {}")


def _extraction(stage: Extract, data: Data | None, path: str) -> Iterator[Fault]:
    """What estimators need of the data, and which ways of pooling text has."""
    missing = [split for split in ("train", "test") if stage.splits is not None and split not in stage.splits]
    if stage.downstream and missing:
        yield Fault(
            path=f"{path}.splits",
            message=f"must hold '{missing[0]}' for the estimators of 'downstream'. Add it, or set downstream: [].",
        )
    if data is not None and data_kind(data) == "speech":
        if stage.pool not in (None, "mean"):
            yield Fault(path=f"{path}.pool", message="must be mean for speech, whose recordings differ in length.")
        if stage.runtime != "eager":
            yield Fault(path=f"{path}.runtime", message="must be eager for speech. Drop it.")
    if isinstance(data, TextData) and stage.pool == "flat":
        yield Fault(
            path=f"{path}.pool",
            message="cannot be flat for text, whose documents differ in length. Choose first, last or mean.",
        )


def _warmup(stage: Pretrain | Adapt, path: str) -> Iterator[Fault]:
    if stage.fit is None:
        return
    warmup, steps = _option(stage.fit.schedule, "warmup_steps"), stage.fit.max_steps
    if warmup is not None and steps is not None and warmup >= steps:
        yield Fault(
            path=f"{path}.fit.schedule.warmup_steps",
            message=f"must be below fit.max_steps ({steps}); got {warmup}. Lower it, or train longer.",
        )


def _sides(stage: Pretrain, data: Data, path: str) -> Iterator[Fault]:
    """Transforms that reach further than the image."""
    side = data.image_size or OWN_SIDE.get(data.source.kind) if isinstance(data, DataOptions) else None
    for index, transform in enumerate(stage.augment if side else ()):
        here = f"{path}.augment.{index}"
        padding, size = _option(transform, "padding"), _option(transform, "size")
        if padding is not None and side is not None and padding >= side and _option(transform, "mode") == "reflect":
            hint = "Lower it, or set mode: zero."
            yield Fault(
                path=f"{here}.padding",
                message=f"must be below the image's side of {side} pixels; got {padding}. {hint}",
            )
        if transform.kind == "cutout" and size is not None and side is not None and size > side:
            yield Fault(
                path=f"{here}.size", message=f"must be at most the image's side of {side} pixels; got {size}. Lower it."
            )


def _early_stop(stage: Pretrain, data: Data, path: str) -> Iterator[Fault]:
    """Convergence is judged on a validation split, which only some sources bring."""
    own = "validation" in (_option(data.source, "files") or {}) or data.source.kind not in (
        *WITHOUT_VALIDATION,
        "parquet",
    )
    if stage.fit is not None and stage.fit.early_stop is not None and data.split.validation is None and not own:
        yield Fault(
            path=f"{path}.fit.early_stop",
            message="needs a validation split, and there is none. Set data.split.validation, e.g. to 0.1.",
        )


def _files(data: Data, raw: dict[str, Any], path: str) -> Iterator[Fault]:
    """Data that are named must be there. A path with a variable that is not set has its own fault already."""
    files: dict[str, str] = _option(data.source, "files") or {}
    if hasattr(data.source, "files") and "train" not in files:
        yield Fault(path=f"{path}.source.files", message="must name the files of the split 'train'. Add: train: PATH")
    for split, pattern in files.items():
        if "${" not in pattern and not glob.glob(pattern):  # noqa: PTH207 (Path.glob takes no absolute pattern)
            yield _absent(f"{path}.source.files.{split}", "a file, or a pattern that finds one", pattern, raw)
    root = _option(data.source, "root")
    if root is not None and "${" not in root and not Path(root).is_dir():
        yield _absent(f"{path}.source.root", "a folder", root, raw)


def _absent(path: str, what: str, found: str, raw: dict[str, Any]) -> Fault:
    written: Any = raw
    for key in path.split("."):
        written = written[key]
    start = str(written).partition("}")[0].removeprefix("${")
    cause = f" The recipe says '{written}': is {start} the right folder?" if str(written).startswith("${") else ""
    return Fault(path=path, message=f"must be {what}, and '{found}' is not there.{cause}")


def _option(section: Section | None, name: str) -> Any:
    """An option that only some kinds have."""
    return getattr(section, name, None)
