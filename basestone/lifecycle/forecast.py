"""Forecast: time the model on a handful of images, and let the standard say what that means for the whole audit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from basestone.lifecycle.restore import corruptions
from basestone.recipe.schema import Audit
from basestone.training.options import FitOptions

if TYPE_CHECKING:
    from basestone.measures.subject import Subject
    from basestone.standard.plan import CostModel
    from basestone.standard.profile import StandardInForce

REHEARSED = 8  # images whose 75 corruptions are timed


def forecast_audit(
    section: Audit, standard: StandardInForce, subject: Subject, test: Any, counts: dict[str, int]
) -> dict[str, Any]:
    """The plan of one audit: what each clause can decide with ``counts`` samples, seconds and bytes."""
    from basestone.standard.plan import plan

    available = sample_sizes(section, counts)
    shown = {"corrupted", "detected_corrupted"} & {*standard.records}
    wanted = available if shown else available | {"corrupted": 0}
    return plan(standard, available, rehearse(subject, test, section.batch_size, wanted))


def forecast_training(fit: FitOptions, subject: Subject, test: Any, num_train: int) -> dict[str, Any]:
    """Seconds of one training run, from a timed forward pass: a backward pass takes about twice as long."""
    per_image = rehearse_batch(subject, test, fit.batch_size) / min(fit.batch_size, len(test))
    samples = num_train * fit.epochs if fit.epochs else (fit.max_steps or 0) * fit.batch_size
    assumption = "a step is taken as three forward passes; validation and checkpoints come on top"
    return {"seconds": 3 * per_image * samples, "samples": samples, "assumption": assumption}


def rehearse_batch(subject: Subject, test: Any, batch_size: int) -> float:
    """Seconds of one forward pass over a batch of test images."""
    import numpy as np

    from basestone.measures.machine import median_seconds
    from basestone.measures.subject import to_unit

    images = to_unit(test.raw(np.arange(min(batch_size, len(test)))))
    return median_seconds(lambda: subject.logits(images))


def sample_sizes(section: Audit, counts: dict[str, int]) -> dict[str, int]:
    """How many samples each record will hold."""
    wanted, test = section.samples, counts["test"]
    tested = min(wanted.test or test, test)
    return {
        "clean_test": tested,
        "clean_train": min(wanted.train or counts["train"], counts["train"]),
        "corrupted": min(wanted.corruptions or tested, tested),
        "detected_test": tested,
        "detected_train": min(wanted.train or counts["train"], counts["train"]),
        "detected_corrupted": min(wanted.corruptions or tested, tested),
        "duplicates": test,
        "language_test": test,
        "language_train": test,
        "seeds": test,
        "transcripts_test": tested,
        "parent_test": tested,
        "quantities_test": tested,
        "quantities_train": min(wanted.train or counts["train"], counts["train"]),
        "latency": wanted.latency_runs,
        "replay": min(wanted.replay, tested),
        **explained_sizes(section, counts),
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
