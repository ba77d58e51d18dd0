"""Attribute: what in one input spoke for the model's answer, by a method that the audit may have put to the test.

The methods are those of an explained audit (docs/explanation.md); what is explained is the class that the audited model
answers, by the gradients of the same weights in PyTorch.
"""

from __future__ import annotations

import time
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from basestone.core.errors import UsageError
from basestone.core.run import RunFolder
from basestone.core.spec import DataSpec, SpeechSpec, TextSpec
from basestone.lifecycle.ask import read_question, restored, subject_of
from basestone.lifecycle.origins import is_sensitive, prepared_for
from basestone.measures.explanation.methods import EXPLAINERS
from basestone.recipe.schema import Audit

if TYPE_CHECKING:
    from basestone.measures.explanation.players import Players, Stretches
    from basestone.measures.subject import Subject

METHODS = {
    "images": ("integrated_gradients", "grad_cam", "occlusion"),
    "text": ("integrated_gradients", "occlusion"),
    "speech": ("occlusion",),  # gradients from silence run through the logarithm of nothing
}
GRID = 16  # parts a side of an image
STRETCHES = 32  # parts of a recording
TESTS = ("INT-1", "INT-2", "INT-4")  # of a method on a model


def attribute(path: Path, question: dict[str, Any], method: str) -> dict[str, Any]:
    """What speaks for the answer to a question of ``ask``.

    ``answer``: the class; ``values``: one a part, positive what speaks for it; ``png`` and ``cells`` (x, y, width and
    height of each part as shares of the image; that of a recording is its waveform above its spectrogram), or
    ``words``; ``tested``: clause → verdict on this method, empty where the audit did not explain by it; ``seconds``.

    Raises:
        UsageError: no class to explain, sensitive data, or no such method for such data.
        MissingExtra: Captum is not installed.
    """
    from basestone.lifecycle.threads import pin_threads
    from basestone.measures.explanation.passes import attributed, explained

    pin_threads()
    run = RunFolder(path)
    recipe, stage, section = subject_of(run)
    explainer = EXPLAINERS.build(EXPLAINERS.options(method).model_validate({"kind": method}))
    subject, spec = restored(run, stage, section)
    prepared = prepared_for(recipe, stage)
    _require_explainable(spec, method, is_sensitive(recipe, prepared))
    players, shown = _parts(question, run.stage(prepared), run.stage(stage), spec)
    started = time.perf_counter()
    samples = explained(subject, lambda _: players, np.zeros(1, np.int64), fewest=1, batch_size=1)
    twin = _twin(run, stage, section.model_dump_json(), run.manifests()[stage].digest)
    values = attributed(explainer, twin, samples, 1)[0]
    return {
        "answer": spec.class_names[int(samples.targets[0])],
        "values": values.tolist(),
        "tested": _tested(run, section, method),
        "seconds": time.perf_counter() - started,
    } | shown


def _require_explainable(spec: DataSpec, method: str, sensitive: bool) -> None:
    if sensitive:
        raise UsageError("An explanation shows its input, and these data are declared sensitive.")
    if spec.head != "classes":
        raise UsageError("What is explained is a class, and this model answers none.")
    if isinstance(spec, SpeechSpec) and method not in METHODS["speech"]:
        raise UsageError(f"The method {method} is not for sound. Choose {' or '.join(METHODS['speech'])}.")


def _parts(question: dict[str, Any], prepared: Path, folder: Path, spec: DataSpec) -> tuple[Players, dict[str, Any]]:
    """The input taken apart, and what of it is shown."""
    from basestone.data.export import png_bytes
    from basestone.data.single import framing, read_tokenizer
    from basestone.lifecycle.telling import cells
    from basestone.measures.explanation.players import document, patches, stretches
    from basestone.measures.subject import to_unit

    inputs, told = read_question(question, prepared, folder, spec)
    if isinstance(spec, TextSpec):
        text = str(question.get("text", told.get("shown", "")))
        words, names = document(text, framing(read_tokenizer(prepared), spec), spec)
        if not names:
            raise UsageError("A text must have a word that the model knows, and this has none. Write something else.")
        return words, {"words": names}
    assert not isinstance(inputs, list)
    if isinstance(spec, SpeechSpec):
        return _heard(stretches(inputs[0], STRETCHES), spec.sample_rate)
    image = patches(to_unit(inputs)[0], spec.mean, GRID, GRID)
    return image, {"png": png_bytes(inputs[0]), "cells": cells(image)}


def _heard(sound: Stretches, rate: int) -> tuple[Players, dict[str, Any]]:
    """A recording and its picture, each stretch as wide as it is long."""
    from basestone.data.export import png_bytes
    from basestone.data.speech.picture import picture

    begins = np.searchsorted(sound.cell.numpy(), np.arange(len(sound)))
    edges = np.array([*begins, sound.spoken]) / sound.spoken
    cells = [(float(left), 0.0, float(right - left), 1.0) for left, right in pairwise(edges)]
    return sound, {"png": png_bytes(picture(sound.sound[: sound.spoken].numpy(), rate)), "cells": cells}


@lru_cache(maxsize=1)
def _twin(run: RunFolder, stage: str, section: str, _digest: str) -> Subject:
    """The audited model's weights in PyTorch, differentiable, where what is audited may be a compiled runtime."""
    from basestone.lifecycle.restore import as_subject, restore

    exact = Audit.model_validate_json(section).model_copy(update={"precision": "fp32", "channels_last": False})
    return as_subject(*restore(run, stage), exact)


def _tested(run: RunFolder, section: Audit, method: str) -> dict[str, str]:
    if section.explain is None or section.explain.method.kind != method:
        return {}
    from basestone.reporting.evidence import verdict_words

    words = verdict_words(run.verdicts(run.stage_of_kind("audit")))
    return {clause: word for clause, word in words.items() if clause in TESTS}
