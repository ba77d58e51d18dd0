"""Candidates: every way of running a model, each in its own process, on the same samples and in turn on the clock."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import nn

    from basestone.compression.pick import Probe
    from basestone.compression.prober import Prober
    from basestone.compression.runtime import Variant
    from basestone.lifecycle.compress import Bench

BATCH = 64  # of passes that are not timed
TIMED_RUNS = 20  # single predictions of one timing round
SHOWN_IN = ("validation", "train")  # splits that may show that quality is kept; the test split is the audit's

Positions = Mapping[str, NDArray[np.int64]]


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What candidates are held against, on ``positions`` of each split, one after another.

    ``parent`` and ``own``: N×K float32 logits of the parent and of this model in PyTorch; ``targets``: N classes.
    """

    positions: Positions
    parent: NDArray[np.float32]
    own: NDArray[np.float32]
    targets: NDArray[np.int64]


def shown_in(bench: Bench, wanted: int) -> dict[str, NDArray[np.int64]]:
    """Split → positions: validation samples first, then training samples, ``wanted`` in all as far as there are."""
    found: dict[str, NDArray[np.int64]] = {}
    for split in SHOWN_IN:
        if split in bench.prepared.facts["counts"] and wanted > 0:
            found[split] = bench.draw(split, wanted, "shown")
            wanted -= len(found[split])
    return found


def expect(bench: Bench, model: nn.Module, positions: Positions) -> Expected:
    """Runs the parent and ``model`` over ``positions``."""
    from basestone.training.predict import predict

    def over(candidate: nn.Module) -> list[Any]:
        return [
            predict(candidate, bench.split(split), batch_size=BATCH, positions=at) for split, at in positions.items()
        ]

    parent, own = over(bench.original()), over(model)
    return Expected(
        positions=positions,
        parent=np.concatenate([part.logits for part in parent]),
        own=np.concatenate([part.logits for part in own]),
        targets=np.concatenate([part.targets for part in own]),
    )


def probe_all(
    bench: Bench, variants: Sequence[Variant], expected: Expected, unavailable: Callable[[Variant], str | None]
) -> list[Probe]:
    """What becomes of every variant, in order; those that ``unavailable`` gives a reason for are not tried."""
    from basestone.compression.pick import Probe

    probes: list[Probe] = []
    progress = bench.corridor.progress(bench.stage, "candidates")
    with contextlib.ExitStack() as stack:
        children: dict[int, Prober] = {}
        for place, variant in enumerate(variants):
            reason = unavailable(variant)
            if reason:
                probes.append(Probe(variant=variant, outcome="unavailable", reason=reason))
            else:
                probe, child = _tried(bench, variant, expected, stack)
                probes.append(probe)
                children |= {} if child is None else {place: child}
            progress(place + 1, len(variants))
        return _timed(bench, probes, children)


def _tried(
    bench: Bench, variant: Variant, expected: Expected, stack: contextlib.ExitStack
) -> tuple[Probe, Prober | None]:
    """One candidate's answers, judged; its process lives on, to be timed."""
    from basestone.compression.pick import Probe
    from basestone.compression.prober import ProbeFailed, Prober

    bench.unfinished.mkdir(exist_ok=True)
    request = {
        "do": "load",
        "variant": variant.to_json(),
        "folder": str(bench.folder),
        "data": str(bench.corridor.folder.stage(bench.prepared.stage)),
        "cache": str(bench.corridor.cache),
    }
    try:
        child = stack.enter_context(Prober(request, bench.unfinished / f"{variant.name}.log"))
        answers = np.concatenate(
            [_answers(child, split, at, bench.unfinished / "answers.npy") for split, at in expected.positions.items()]
        )
    except ProbeFailed as error:
        return Probe(variant=variant, outcome="failed", reason=str(error)), None
    return _judged(variant, answers, expected, _size(bench.folder, variant)), child


def _answers(child: Prober, split: str, positions: NDArray[np.int64], path: Path) -> NDArray[np.float32]:
    told = {"split": split, "positions": positions.tolist(), "batch_size": BATCH, "outputs": str(path)}
    child.ask({"do": "predict", **told})
    return np.load(path)


def _judged(variant: Variant, answers: NDArray[np.float32], expected: Expected, size: int) -> Probe:
    from basestone.compression.pick import Probe
    from basestone.measures.non_inferiority import paired_counts, retention_interval

    child, parent = (logits.argmax(1) == expected.targets for logits in (answers, expected.parent))
    value, interval = retention_interval(*paired_counts(child, parent), len(child))
    return Probe(
        variant=variant,
        outcome="measured",
        retention=value,
        retention_lower=interval.lower,
        accuracy=float(child.mean()),
        max_abs_diff=float(np.abs(answers - expected.own).max()),
        size_bytes=size,
    )


def _size(folder: Path, variant: Variant) -> int:
    """Bytes of all that the variant is loaded from."""
    path = folder / (variant.file or "model.safetensors")
    return sum(file.stat().st_size for file in {path, path.with_suffix(".bin")} if file.exists())


def _timed(bench: Bench, probes: list[Probe], children: dict[int, Prober]) -> list[Probe]:
    """Medians over rounds; in each round all candidates take their turn, so that a busy moment hits them all."""
    from basestone.compression.prober import ProbeFailed

    assert bench.section.deploy is not None
    sizes, rounds = bench.section.deploy.batch_sizes, bench.section.deploy.rounds
    progress = bench.corridor.progress(bench.stage, "timing rounds")
    found, seconds = list(probes), dict[tuple[int, int], list[float]]()
    for turn in range(rounds):
        for place, size in [(place, size) for size in sizes for place in children]:
            if place in children:
                question = {"do": "time", "split": "train", "batch_size": size, "runs": max(3, TIMED_RUNS // size)}
                try:
                    seconds.setdefault((place, size), []).append(children[place].ask(question)["seconds"])
                except ProbeFailed as error:
                    found[place] = replace(found[place], outcome="failed", reason=str(error))
                    children.pop(place)
        progress(turn + 1, rounds)
    for place in children:
        found[place] = replace(
            found[place], latency_s={size: statistics.median(seconds[place, size]) for size in sizes}
        )
    return found
