"""Forecast: time the model on a handful of images, and let the standard say what that means for the whole audit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from basestone.lifecycle.restore import corruptions
from basestone.lifecycle.safety import safety_sizes
from basestone.lifecycle.stopping import expected_sizes
from basestone.recipe.schema import Audit
from basestone.training.options import FitOptions

if TYPE_CHECKING:
    from basestone.core.contracts import Objective
    from basestone.measures.subject import Subject
    from basestone.standard.plan import CostModel
    from basestone.standard.profile import StandardInForce

WORDS_ASKED = 500  # texts that are asked of a document of some twenty words
REHEARSED = 8  # images whose 75 corruptions are timed


def forecast_audit(
    section: Audit,
    standard: StandardInForce,
    subject: Subject,
    test: Any,
    counts: dict[str, int],
    training_s: float | None = None,
    canaries: int = 0,
) -> dict[str, Any]:
    """The plan of one audit: what each clause can decide with ``counts`` samples, seconds and bytes.

    ``training_s``: seconds that training the audited model takes or took, for audits that train it again; ``canaries``:
    made-up secrets in its training text.
    """
    from basestone.standard.plan import plan

    available = sample_sizes(section, counts) | {"exposure": canaries}
    available |= expected_sizes(section, standard, available)
    shown = {"corrupted", "detected_corrupted"} & {*standard.records}
    wanted = available if shown else available | {"corrupted": 0}
    costs = rehearse(subject, test, section.batch_size, wanted)
    half_of_pool = sum(counts.values()) / 2 / counts["train"]
    shadows = (section.privacy.shadows or 0) * (training_s or 0.0) * half_of_pool
    again = {"membership": shadows, "unseen": left_out(section, test) * (training_s or 0.0)}
    passes = {"attacked": WORDS_ASKED} if section.reword else {}
    return plan(standard, available, replace(costs, fixed_seconds={**costs.fixed_seconds, **again}, passes=passes))


def left_out(section: Audit, test: Any) -> float:
    """How many whole trainings all those come to that leave a group out: each is shorter by its group's share."""
    values = getattr(test, "groups", {}).get(section.shift.column) if section.shift else None
    if section.shift is None or values is None:
        return 0.0
    count = len(set(values.tolist()))
    return min(count, section.shift.groups) * (1 - 1 / count)


def forecast_training(
    fit: FitOptions, subject: Subject, test: Any, num_train: int, objective: Objective
) -> dict[str, Any]:
    """Seconds of one training run, from a timed forward pass: a backward pass takes about twice as long."""
    passes = getattr(objective, "passes", 3)
    per_image = rehearse_batch(subject, test, fit.batch_size) / min(fit.batch_size, len(test))
    samples = num_train * fit.epochs if fit.epochs else (fit.max_steps or 0) * fit.batch_size
    assumption = f"a step is taken as {passes} forward passes; validation and checkpoints come on top"
    return {"seconds": passes * per_image * samples, "samples": samples, "assumption": assumption}


def rehearse_batch(subject: Subject, test: Any, batch_size: int) -> float:
    """Seconds of one forward pass over a batch of test images."""
    import numpy as np

    from basestone.measures.machine import median_seconds
    from basestone.measures.subject import to_unit

    images = to_unit(test.raw(np.arange(min(batch_size, len(test)))))
    return median_seconds(lambda: subject.logits(images))


def sample_sizes(section: Audit, counts: dict[str, int]) -> dict[str, int]:
    """How many samples each record will hold."""
    from basestone.measures.privacy.personal.corpus import passages_needed

    wanted, test = section.samples, counts["test"]
    tested = min(wanted.test or test, test)
    return {
        "verbatim": section.privacy.extraction or 0,
        "outputs": section.privacy.outputs or 0,
        "corpus": passages_needed(section.privacy.corpus.margin) if section.privacy.corpus else 0,
        "clean_test": tested,
        "clean_train": min(wanted.train or counts["train"], counts["train"]),
        "corrupted": min(wanted.corruptions or tested, tested),
        "unseen": tested if section.shift else 0,
        "attacked": min(attack.samples or tested, tested) if (attack := section.attack or section.reword) else 0,
        "outliers": min(section.ood.samples, tested) if section.ood else 0,
        "detected_test": tested,
        "detected_train": min(wanted.train or counts["train"], counts["train"]),
        "detected_corrupted": min(wanted.corruptions or tested, tested),
        "duplicates": test,
        "language_test": test,
        "language_train": test,
        "seeds": test,
        "transcripts_test": tested,
        "sound_test": tested,
        "sound_train": min(wanted.train or tested, tested),
        "synthesis_time": wanted.latency_runs,
        "synthesised": min(section.spoken.utterances, test),
        "parent_test": tested,
        "quantities_test": tested,
        "quantities_train": min(wanted.train or counts["train"], counts["train"]),
        "latency": wanted.latency_runs,
        "membership": min(section.privacy.samples or test, test) if section.privacy.shadows else 0,
        "replay": min(wanted.replay, tested),
        **explained_sizes(section, counts),
        **safety_sizes(section),
    }


def explained_sizes(section: Audit, counts: dict[str, int]) -> dict[str, int]:
    """How many samples are explained: none where the recipe does not ask for it."""
    asked, test, tables = section.explain, counts["test"], ("attributions", "occlusion", "randomised", "ablated")
    if asked is None:
        return dict.fromkeys((*tables, "shapley", "rules"), 0)
    sizes = dict.fromkeys(tables, min(asked.samples, test))
    return sizes | {"shapley": min(asked.shapley.samples, test), "rules": test}


def rehearse(subject: Subject, test: Any, batch_size: int, available: dict[str, int]) -> CostModel:
    """Times a full batch, a single image and a few corrupted images on this machine, now."""
    import numpy as np

    from basestone.measures.corrupted import collect_corrupted
    from basestone.measures.detected import collect_detected_corrupted
    from basestone.measures.energy import EnergyMeter
    from basestone.measures.machine import median_seconds
    from basestone.standard.plan import CostModel

    size = min(batch_size, len(test))
    with EnergyMeter() as meter:
        batch, single = (rehearse_batch(subject, test, count) for count in (size, 1))
    per_image, extra = batch / size, 0.0
    if available["corrupted"]:
        few, under = np.arange(min(REHEARSED, len(test))), corruptions(test, 0)
        collect: Any = collect_detected_corrupted if hasattr(test, "boxes") else collect_corrupted
        truth = test.boxes if hasattr(test, "boxes") else test.targets
        corrupted = median_seconds(lambda: collect(subject, under, truth, few, batch_size=size), rounds=1)
        extra = max(0.0, corrupted / len(few) - 75 * per_image)
    return CostModel(
        seconds_per_image=per_image,
        seconds_single=single,
        bytes_model=meter.peak_memory_bytes,
        batch_size=size,
        fixed_seconds=dict.fromkeys(("corrupted", "detected_corrupted"), extra * available["corrupted"]),
    )
