"""Shrink: the part of a compression that changes weights. Prune in steps, train after each, go on where it stopped."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from basestone.core.artifact import read_json, write_json
from basestone.core.contracts import objective_for

if TYPE_CHECKING:
    from torch import Tensor, nn

    from basestone.core.contracts import Objective
    from basestone.lifecycle.compress import Bench


AWARE = 1_000  # the number of the training that follows all steps


@dataclass
class Shrunk:
    """``model`` so far; ``removed``: what each pruning step took out; ``fits``: how each training ran."""

    model: nn.Module
    removed: list[Any] = field(default_factory=list[Any])
    fits: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])


def shrink(bench: Bench) -> Shrunk:
    """Prunes and trains as the recipe says, from the last thing that was finished.

    What goes depends on clocks and could not be computed again, so it is on disk before the training that follows.
    """
    state = _resumed(bench)
    steps = 1 if bench.section.prune is None else bench.section.prune.steps
    pruning = None if bench.section.prune is None else _pruning(bench, state)
    for step in range(len(state.fits), steps):
        if pruning is not None and len(state.removed) == step:
            state.removed.append(next(pruning))
            _remember(bench, state)
        state.fits.append({} if bench.section.fit is None else _fit(bench, state.model, step, last=step + 1 == steps))
        _remember(bench, state)
        shutil.rmtree(bench.unfinished / f"fit-{step}", ignore_errors=True)
    state.fits = [found for found in state.fits if found]
    return state


def train_on(bench: Bench, model: nn.Module) -> None:
    """Trains ``model`` once more, for the share ``recover``: quantization-aware training."""
    _fit(bench, model, AWARE, last=False)


def _pruning(bench: Bench, state: Shrunk) -> Iterator[Any]:
    from basestone.compression.measured import latency_of
    from basestone.compression.options import PRUNERS
    from basestone.objectives.catalogue import OBJECTIVES

    section, measured, train = bench.section.prune, bench.section.measured, bench.split("train")
    objective = objective_for(OBJECTIVES.build(bench.section.objective), bench.spec)
    assert section is not None

    def losses(model: nn.Module) -> Iterator[Tensor]:
        for position in bench.draw("train", section.samples, "importance"):
            yield objective(model, train.batch(position[None])).total

    example = (train.batch(bench.draw("train", max(2, measured.batch_size), "example")).inputs,)
    latency = latency_of(example, measured.backend, measured.precision, measured.batch_size)
    whole_s = latency(bench.original())
    return PRUNERS.build(section, state.model, example, latency, losses, whole_s, len(state.removed))


def _fit(bench: Bench, model: nn.Module, step: int, *, last: bool) -> dict[str, Any]:
    """Trains with the one loop; after every pruning step but the last, for the share ``recover`` of the whole."""
    from basestone.training.loop import fit
    from basestone.training.order import shortened

    section = bench.section
    assert section.fit is not None
    train = bench.split("train", augmented=True)
    result = fit(
        model,
        train,
        bench.split("validation") if "validation" in bench.prepared.facts["counts"] else None,
        _objective(bench),
        section.fit if last else shortened(section.fit, section.recover, len(train)),
        seed=bench.corridor.recipe.seed,
        folder=bench.unfinished / f"fit-{step}",
        tracker=bench.corridor.tracker,
        stage=bench.stage,
        identity=f"{bench.parent.digest}-{step}",
    )
    return asdict(result) | {"shapes": [[list(shape), count] for shape, count in result.shapes.items()]}


def _objective(bench: Bench) -> Objective:
    from basestone.lifecycle.restore import restore
    from basestone.objectives.catalogue import OBJECTIVES
    from basestone.objectives.distillation import DISTILLERS

    objective = objective_for(OBJECTIVES.build(bench.section.objective), bench.spec)
    if bench.section.distil is None:
        return objective
    teacher, _ = restore(bench.corridor.folder, bench.teacher.stage)
    return DISTILLERS.build(bench.section.distil, objective, teacher.requires_grad_(False))


def _resumed(bench: Bench) -> Shrunk:
    from basestone.lifecycle.restore import built
    from basestone.models.model import load_weights

    path = bench.unfinished / "shrunk.json"
    if path.exists():
        told = read_json(path)
        model = built(bench.description | {"structure": told["structure"]})
        load_weights(model, bench.unfinished / told["weights"])
        return Shrunk(model, told["removed"], told["fits"])
    return Shrunk(bench.original() if bench.section.model is None else _student(bench))


def _student(bench: Bench) -> nn.Module:
    from basestone.models.catalogue import INITS, MODELS
    from basestone.models.initialise import from_data

    assert bench.section.model is not None
    model, seed = MODELS.build(bench.section.model, bench.spec), bench.corridor.recipe.seed
    INITS.build(bench.section.init, model, seed)
    from_data(model, bench.split("train"), seed)
    return model


def _remember(bench: Bench, state: Shrunk) -> None:
    from basestone.models.model import save_weights

    weights = f"shrunk-{len(state.removed)}-{len(state.fits)}.safetensors"
    save_weights(state.model, bench.unfinished / weights)
    told = {"removed": state.removed, "fits": state.fits, "structure": bench.structure(state.model)}
    write_json(bench.unfinished / "shrunk.json", told | {"weights": weights})
