"""What fits which data: every kind has its own tasks, models, objectives and random changes. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile

from basestone.core.errors import Fault, did_you_mean
from basestone.data.detection.transforms import MOVES_BOXES
from basestone.data.speech.options import SpeechData
from basestone.data.speech.transforms import SPEECH_TRANSFORMS
from basestone.models.detection_catalogue import DETECTORS
from basestone.recipe.schema import LEAVES_MODEL, Adapt, Audit, Compress, Data, Pretrain, Recipe, data_kind

WORDS = {
    "images": "images",
    "boxes": "photographs with boxes",
    "text": "text (it has a tokenizer)",
    "speech": "speech (it has a sample_rate)",
}
TASKS = {
    "images": ("image_classification",),
    "boxes": ("detection",),
    "text": ("text_classification", "text_regression", "language_modelling"),
    "speech": ("speech_classification", "speech_recognition", "audio_modelling", "speech_synthesis"),
}
MODELS_OF = {
    "text": ("bert", "gpt", "recurrent", "transformers"),
    "speech": ("speech_net", "speech_transformers", "wavenet", "tacotron2"),
    "boxes": tuple(DETECTORS),
}  # those of images are all others
MOST_SAMPLES = 1_000_000  # of sound in a batch of an audit: a gigabyte of answers
SPEAKERS = ("tacotron2",)
RECORDED = ("index", "label", "prediction", "confidence", "loss")
BY_GROUP = ("group_dro", "group_penalty")  # objectives that treat groups apart
OBJECTIVES_OF = {
    "images": ("cross_entropy", "mse", *BY_GROUP, "adversarial"),
    "text": ("cross_entropy", "mse", *BY_GROUP, "masked_lm", "causal_lm"),
    "speech": ("cross_entropy", "mse", *BY_GROUP, "adversarial", "ctc", "audio_lm", "synthesis"),
    "boxes": ("detection",),
}


def fitting(recipe: Recipe, stage: Pretrain, data: Data, path: str) -> Iterator[Fault]:
    """Every kind of data has its own tasks, models, objectives and random changes."""
    kind, task = data_kind(data), getattr(recipe, "task", None)
    if task is not None and task not in TASKS[kind]:
        yield Fault(
            path="task", message=f"must fit the data, which are {WORDS[kind]}; got '{task}'. Change one of them."
        )
    if _owner(stage.model.kind) != kind:
        fitting = ", ".join(MODELS_OF.get(kind, ("small_cnn", "timm", "…")))
        yield Fault(
            path=f"{path}.model.kind", message=f"must fit the data ({fitting}); got '{stage.model.kind}'. Change it."
        )
    if stage.objective.kind not in OBJECTIVES_OF[kind]:
        message = f"must fit {kind}; got '{stage.objective.kind}'. Change it."
        yield Fault(path=f"{path}.objective.kind", message=message)
    if (task == "speech_recognition") != (stage.objective.kind == "ctc"):
        message = f"must be ctc for speech_recognition and for it alone; got '{stage.objective.kind}' for '{task}'."
        yield Fault(path=f"{path}.objective.kind", message=message)
    if kind == "speech":
        yield from sound_fits(task, stage, data, path)
    yield from _speaking(stage, task, path)
    yield from _changes(stage, kind, path)
    if kind == "text" and stage.objective.kind == "causal_lm" and stage.model.kind == "bert":
        yield Fault(
            path=f"{path}.objective.kind",
            message="cannot be causal_lm for 'bert', which sees the token it is to guess. Choose gpt or recurrent.",
        )


def adapting(recipe: Recipe, stage: Adapt, data: Data, path: str) -> Iterator[Fault]:
    """A model that goes on to other data reads the same kind of them, by an objective and changes that fit."""
    kind, first = data_kind(data), data_kind(getattr(recipe, "data", data))
    if kind != first:
        yield Fault(path=f"{path}.data", message=f"must be {WORDS[first]} as the recipe's; got {WORDS[kind]}.")
    if stage.objective.kind not in OBJECTIVES_OF[kind]:
        fitting = ", ".join(OBJECTIVES_OF[kind])
        message = f"must fit {kind} ({fitting}); got '{stage.objective.kind}'. Change it."
        yield Fault(path=f"{path}.objective.kind", message=message)
    yield from _changes(stage, kind, path)


def compressing(recipe: Recipe, name: str, stage: Compress, data: Data) -> Iterator[Fault]:
    """Classifiers of images and of text can be compressed; of a text's Transformer no channels, only whole layers."""
    kind, task, path = data_kind(data), getattr(recipe, "task", None), f"stages.{name}"
    if kind not in ("images", "text") or task not in (None, "image_classification", "text_classification"):
        yield Fault(path=path, message=f"is for classifiers of images or text so far; got '{task}'. Drop the stage.")
        return
    if stage.model is not None and _owner(stage.model.kind) != kind:
        message = f"must fit the data, which are {WORDS[kind]}; got '{stage.model.kind}'. Change it."
        yield Fault(path=f"{path}.model.kind", message=message)
    if kind == "text" and stage.prune is not None and stage.prune.kind == "channels":
        yield Fault(path=f"{path}.prune.kind", message="takes channels out of networks for images alone. Write layers.")
    if (stage.deploy or stage.export) and architecture(recipe, name) == "recurrent":
        message = "needs a graph of any length, and a recurrent network has none. Compress a Transformer, or drop it."
        yield Fault(path=f"{path}.{'deploy' if stage.deploy else 'export'}", message=message)
    if kind == "text" and "litert" in stage.export:
        yield Fault(path=f"{path}.export", message="cannot hold litert for text: its shapes are fixed. Drop it.")
    yield from _changes(stage, kind, path)


def architecture(recipe: Recipe, name: str) -> str | None:
    """The kind of network that a stage leaves, or works on; None where a fault hides it."""
    stage = recipe.stages.get(name)
    if (model := getattr(stage, "model", None)) is not None:
        return model.kind
    earlier = list(takewhile(lambda key: key != name, recipe.stages))
    left = [key for key in earlier if recipe.stages[key].kind in LEAVES_MODEL]
    parent = getattr(stage, "parent", None) or (left[-1] if left else None)
    return architecture(recipe, parent) if parent in earlier else None


def _owner(model: str) -> str:
    """The kind of data that a model is for."""
    return next((kind for kind, models in MODELS_OF.items() if model in models), "images")


def _changes(stage: Pretrain | Adapt | Compress, kind: str, path: str) -> Iterator[Fault]:
    """Random changes are of images, of photographs with their boxes, or of recordings."""
    if kind == "text" and stage.augment:
        yield Fault(path=f"{path}.augment", message="must be empty for text, which has no such changes. Drop it.")
    for index, transform in enumerate(stage.augment if kind != "text" else ()):
        if (transform.kind in SPEECH_TRANSFORMS) != (kind == "speech"):
            message = f"must fit {kind}; got '{transform.kind}'. Drop it."
            yield Fault(path=f"{path}.augment.{index}.kind", message=message)
        elif kind == "boxes" and transform.kind not in MOVES_BOXES:
            message = f"must move boxes along ({', '.join(MOVES_BOXES)}); got '{transform.kind}'. Change it."
            yield Fault(path=f"{path}.augment.{index}.kind", message=message)
        elif kind == "images" and transform.kind == "mosaic":
            message = "joins several images, which have one label each. Drop it."
            yield Fault(path=f"{path}.augment.{index}.kind", message=message)


def quantities(stage: Pretrain | Adapt, data: Data, path: str) -> Iterator[Fault]:
    """Numbers are not told apart as classes are."""
    if getattr(data, "labels", "classes") == "numbers" and stage.objective.kind in ("cross_entropy", *BY_GROUP):
        yield Fault(path=f"{path}.objective.kind", message="tells classes apart, and labels are numbers. Choose mse.")


def labels_of_task(data: Data, task: str | None) -> Iterator[Fault]:
    """A regression needs numbers, and nothing else can use them."""
    labels = getattr(data, "labels", "classes")
    wanted = "numbers" if task == "text_regression" else "classes"
    if task is not None and labels != wanted:
        yield Fault(path="data.labels", message=f"must be {wanted} for the task '{task}'. Change one of them.")
    if labels == "numbers" and getattr(data, "classes", None) is not None:
        yield Fault(path="data.classes", message="regroups classes, and labels are numbers. Drop it.")
    if task not in (None, "language_modelling") and getattr(data, "canaries", None) is not None:
        yield Fault(path="data.canaries", message=f"are for the task language_modelling; got '{task}'. Drop them.")


def grouped_training(stage: Pretrain | Adapt | Compress, data: Data | None, path: str) -> Iterator[Fault]:
    """What treats groups apart needs data that name them."""
    grouped = bool(getattr(stage.data if not isinstance(stage, Compress) and stage.data else data, "groups", ()))
    kind = stage.objective.kind
    if kind in BY_GROUP and not isinstance(stage, Pretrain):
        yield Fault(path=f"{path}.objective.kind", message=f"can be {kind} in pretrain only. Choose cross_entropy.")
    elif kind in BY_GROUP and not grouped:
        yield Fault(path=f"{path}.objective.kind", message="needs groups, and the data name none. Add data.groups.")
    if stage.fit is not None and stage.fit.balance not in (None, "classes") and not grouped:
        yield Fault(path=f"{path}.fit.balance", message="needs groups, and the data name none. Add data.groups.")


def sound_fits(task: str | None, stage: Pretrain, data: Data, path: str) -> Iterator[Fault]:
    """A model of sound has its own task, objective and network, and learns recordings as they are."""
    learns, speaks = stage.objective.kind == "audio_lm", stage.model.kind == "wavenet"
    vocodes = learns and task == "speech_synthesis"
    if (task == "audio_modelling") != learns and not vocodes:
        message = (
            f"must be audio_lm for audio_modelling, and elsewhere only for the vocoder of speech_synthesis; got "
            f"'{stage.objective.kind}' for '{task}'."
        )
        yield Fault(path=f"{path}.objective.kind", message=message)
    elif learns != speaks:
        wanted = "wavenet" if learns else "speech_net"
        yield Fault(path=f"{path}.model.kind", message=f"must be {wanted} for '{task}'; got '{stage.model.kind}'.")
    if learns and stage.augment:
        yield Fault(path=f"{path}.augment", message="must be empty for audio_lm, which learns sound as it is. Drop it.")
    known = ["label", *getattr(data, "groups", ())]
    for index, column in enumerate(getattr(stage.objective, "condition_on", ())):
        if column not in known:
            message = f"must be label or in data.groups; got '{column}'.{did_you_mean(column, known)}"
            yield Fault(path=f"{path}.objective.condition_on.{index}", message=message)


def sound_at_once(stage: Audit, data: Data, path: str) -> Iterator[Fault]:
    """A model of sound has 256 answers for every sample of every recording in a batch."""
    if isinstance(data, SpeechData):
        longest = round(data.max_seconds * data.sample_rate)
        most = max(1, MOST_SAMPLES // longest)
        if stage.batch_size > most:
            message = f"must be at most {most} for recordings of {longest:,} samples; got {stage.batch_size}. Lower it."
            yield Fault(path=f"{path}.batch_size", message=message)


def _speaking(stage: Pretrain, task: str | None, path: str) -> Iterator[Fault]:
    """A model that speaks has an objective of its own, and both a task."""
    speaks, said = stage.model.kind in SPEAKERS, stage.objective.kind == "synthesis"
    if speaks != said:
        fitting = "synthesis" if speaks else "another one, as synthesis is for " + " and ".join(SPEAKERS)
        message = f"must be {fitting} for the model '{stage.model.kind}'; got '{stage.objective.kind}'. Change one."
        yield Fault(path=f"{path}.objective.kind", message=message)
    elif said and task not in (None, "speech_synthesis"):
        yield Fault(path="task", message=f"must be speech_synthesis for the objective synthesis; got '{task}'.")
    if said and stage.augment:
        message = "must be empty for a model that speaks, which would learn what was changed. Drop it."
        yield Fault(path=f"{path}.augment", message=message)


def group_names(data: Data, path: str) -> Iterator[Fault]:
    """A group's column stands in the records beside those of the audit, and may not replace one."""
    for index, group in enumerate(getattr(data, "groups", ())):
        if group in RECORDED:
            message = (
                f"must be none of {', '.join(RECORDED)}, which the audit's records have; got '{group}'. Rename it."
            )
            yield Fault(path=f"{path}.groups.{index}", message=message)
