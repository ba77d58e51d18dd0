"""Ask: one input from a person, and what the audited model answers. A try, not a proof.

The model is the one that the last audit judged (without an audit the last that was made), restored as the audit
restores it and kept in memory until another is asked for. Everything handed out is JSON, but for ``picture``, a PNG.
"""

from __future__ import annotations

import time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from basestone.core.artifact import read_json
from basestone.core.contracts import View
from basestone.core.errors import ArtifactError, UsageError
from basestone.core.run import RunFolder
from basestone.core.spec import DataSpec, ImageSpec, SpeechSpec, TextSpec, read_spec
from basestone.lifecycle.environment import cache_folder
from basestone.lifecycle.origins import is_sensitive, prepared_for
from basestone.recipe.load import load
from basestone.recipe.schema import LEAVES_MODEL, Audit, Recipe

if TYPE_CHECKING:
    from torch import Tensor

    from basestone.measures.subject import Subject

LIKELIEST = 10  # classes or tokens that an answer names
WRITTEN = 120  # tokens with which a language model goes on


def askable(path: Path) -> dict[str, Any]:
    """What can be asked of a run's model. Torch-free.

    ``reads`` images, boxes, text or speech; ``answers`` classes, boxes, characters, tokens or (a masked model) words;
    ``samples``: test samples there are; ``shape`` C, H, W of an image; ``sensitive``: inputs must not be shown.

    Raises:
        ArtifactError: no stage of the run has left a model.
    """
    run = RunFolder(path)
    recipe, stage, _ = subject_of(run)
    told = read_json(run.stage(stage) / "model.json")
    spec, prepared = read_spec(told["spec"]), prepared_for(recipe, stage)
    card = read_json(run.stage(prepared) / "card.json")
    words = "words" if told.get("reads") == "masked" else spec.head
    return {
        "stage": stage,
        "reads": "boxes" if spec.head == "boxes" else _reads(spec),
        "answers": words,
        "samples": int(card["splits"].get("test", {}).get("count", 0)),
        "shape": list(spec.input_shape) if isinstance(spec, ImageSpec) else None,
        "sensitive": is_sensitive(recipe, prepared),
    }


def ask(path: Path, question: dict[str, Any]) -> dict[str, Any]:
    """The answer to ``{"sample": position}``, ``{"file": bytes}`` or ``{"text": str}``.

    ``probabilities``: the likeliest classes, ``[[name, p], …]``; ``boxes``: ``[{label, score, corners}, …]`` in pixels
    of the picture; ``text``: what was written; ``value``: a number; ``label``: a sample's own; ``picture``: what the
    model was shown, with its ``size``; ``shown``: a sample's text; ``seconds``: of the answer alone.

    Raises:
        DataError: what was handed over cannot be read.
        UsageError: there is no such sample, or the model cannot be asked this way.
        ArtifactError: the model's files are not what training left.
    """
    from basestone.lifecycle.threads import pin_threads

    pin_threads()
    run = RunFolder(path)
    recipe, stage, section = subject_of(run)
    subject, spec = restored(run, stage, section)
    source = prepared_for(recipe, stage)
    prepared, sensitive = run.stage(source), is_sensitive(recipe, source)
    inputs, told = read_question(question, prepared, run.stage(stage), spec)
    started = time.perf_counter()
    answer = _answer(subject, spec, inputs, prepared, run.stage(stage), question)
    answer["seconds"] = time.perf_counter() - started
    return answer | ({"label": told.get("label")} if sensitive else {**told, **_picture(spec, inputs)})


def subject_of(run: RunFolder) -> tuple[Recipe, str, Audit]:
    """The recipe, the stage whose model is asked, and the audit that says in which arithmetic."""
    recipe, manifests = load(run.recipe).recipe, run.manifests()
    audits = [stage for stage in recipe.stages if stage in manifests and manifests[stage].kind == "audit"]
    if audits:
        section = recipe.stages[audits[-1]]
        assert isinstance(section, Audit)
        return recipe, str(run.verdicts(audits[-1])["subject"]["stage"]), section
    made = [stage for stage in recipe.stages if stage in manifests and manifests[stage].kind in LEAVES_MODEL]
    if not made:
        raise ArtifactError(f"{run.path} must hold a finished model and has none; run it first.")
    return recipe, made[-1], Audit()


def restored(run: RunFolder, stage: str, section: Audit) -> tuple[Subject, DataSpec]:
    """The audited model and its data, kept until another is asked for. ArtifactError when its files have changed."""
    manifest = run.manifest(stage)
    assert manifest is not None
    if changed := manifest.changed_files(run.stage(stage)):
        raise ArtifactError(f"The model's files must be what training left, and {', '.join(changed)} are not.")
    return _restored(run, stage, section.model_dump_json(), manifest.digest)


@lru_cache(maxsize=1)
def _restored(run: RunFolder, stage: str, section: str, _digest: str) -> tuple[Subject, DataSpec]:
    from basestone.lifecycle.restore import restore_subject

    audit = Audit.model_validate_json(section)
    return restore_subject(run, stage, audit), read_spec(read_json(run.stage(stage) / "model.json")["spec"])


def _reads(spec: DataSpec) -> str:
    return "images" if isinstance(spec, ImageSpec) else "text" if isinstance(spec, TextSpec) else "speech"


def read_question(
    question: dict[str, Any], prepared: Path, folder: Path, spec: DataSpec
) -> tuple[Tensor | list[int], dict[str, Any]]:
    """The input as the model reads it, and what is known of it."""
    from basestone.data import single

    if "sample" in question:
        return _sample(question["sample"], prepared, folder)
    if "text" in question and isinstance(spec, TextSpec):
        tokenizer = single.read_tokenizer(prepared)
        if spec.head == "tokens" and not _masked(folder):
            return single.one_prompt(question["text"], tokenizer), {}
        return single.one_document(question["text"], tokenizer, spec), {}
    if "file" in question and isinstance(spec, ImageSpec):
        return single.one_image(question["file"], spec), {}
    if "file" in question and isinstance(spec, SpeechSpec):
        return single.one_recording(question["file"], spec), {}
    raise UsageError(f"A model of {_reads(spec)} cannot be asked by {', '.join(question)}.")


def _sample(position: int, prepared: Path, folder: Path) -> tuple[Any, dict[str, Any]]:
    from basestone.data.dataset import open_split

    reads = read_json(folder / "model.json").get("reads", "labels")
    split: Any = open_split(prepared, cache_folder(), "test", view=View(kind=reads))
    if not 0 <= position < len(split):
        raise UsageError(f"A test sample has a number from 0 to {len(split) - 1}; got {position}.")
    names = split.spec.class_names
    told: dict[str, Any] = {}
    if reads == "labels" and split.spec.head == "number":
        told["label"] = float(split.targets[position].item())
    elif reads == "labels" and names:
        told["label"] = names[int(split.targets[position])]
    elif reads == "characters":
        told["label"] = split.texts[position]
    if reads == "labels" and isinstance(split.spec, TextSpec):
        told["shown"] = split.texts([position])[0]
    return split.raw([position]), told


def _answer(
    subject: Subject, spec: DataSpec, inputs: Any, prepared: Path, folder: Path, question: dict[str, Any]
) -> dict[str, Any]:
    from basestone.measures.subject import to_unit

    if isinstance(inputs, list):
        return {"text": _written(subject, inputs, spec, prepared)}
    logits = subject.logits(to_unit(inputs)).numpy()
    if isinstance(spec, SpeechSpec) and spec.head == "characters":
        from basestone.models.transcribe import transcribe

        return {"text": transcribe(logits, spec.characters)[0]}
    if isinstance(spec, ImageSpec) and spec.head == "boxes":
        return {"boxes": _boxes(logits[0], spec)}
    if spec.head == "number":
        return {"value": float(logits[0, 0])}
    if spec.head == "classes":
        return {"probabilities": _likeliest(logits[0], spec.class_names)}
    raise UsageError("A model that fills in hidden words is read by the stages after it; it cannot be asked itself.")


def _written(subject: Subject, prompt: list[int], spec: DataSpec, prepared: Path) -> str:
    """How a language model goes on, drawn from the likeliest 95 %, the same each time."""
    from basestone.data.single import read_tokenizer
    from basestone.models.generate import generate, sampler

    assert isinstance(spec, TextSpec)
    model = cast("Any", subject.model)
    found = generate(model, prompt, WRITTEN, sampler(top_p=0.95), window=spec.max_length)
    return read_tokenizer(prepared).decode(found, skip_special_tokens=True)


def _likeliest(logits: Any, names: tuple[str, ...]) -> list[list[Any]]:
    import numpy as np

    from basestone.measures.subject import log_softmax

    probs = np.exp(log_softmax(logits[None]))[0]
    return [[names[place], float(probs[place])] for place in np.argsort(-probs, kind="stable")[:LIKELIEST].tolist()]


def _boxes(found: Any, spec: ImageSpec) -> list[dict[str, Any]]:
    """What a detector is surer of than not."""
    kept = [row for row in found.tolist() if row[5] >= 0 and row[4] >= 0.5]
    return [{"label": spec.class_names[int(row[5])], "score": row[4], "corners": row[:4]} for row in kept]


def _picture(spec: DataSpec, inputs: Any) -> dict[str, Any]:
    """What the model was shown, as a picture; of speech its waveform and spectrogram."""
    from basestone.data.export import png_bytes

    if isinstance(spec, ImageSpec):
        return {"picture": png_bytes(inputs[0]), "size": list(inputs.shape[:1:-1])}
    if isinstance(spec, SpeechSpec):
        from basestone.data.speech.picture import SHAPE, picture

        return {"picture": png_bytes(picture(inputs[0].numpy(), spec.sample_rate)), "size": list(SHAPE)}
    return {}


def _masked(folder: Path) -> bool:
    return read_json(folder / "model.json").get("reads") == "masked"
