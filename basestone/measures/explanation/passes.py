"""The passes of an explained audit: what the model says as players come and go, one row a sample and coalition.

Every pass explains the class that the audited model answers to the whole sample, and watches that class's probability.
The explanations come from the model's differentiable *twin*: the same weights in PyTorch, where what is audited may be
a compiled runtime.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from basestone.core.seed import derive, numpy_generator
from basestone.measures.explanation.attribution import Explainer
from basestone.measures.explanation.faithfulness import STEPS
from basestone.measures.explanation.game import shapley_values
from basestone.measures.explanation.players import Players, everyone, stacked
from basestone.measures.subject import Columns, Progress, Subject

RANDOM_ORDERS = 4  # of each sample, beside the one by relevance
RANDOM_ABLATIONS = 39  # of each sample: the smallest p-value is 1/40


@dataclass(frozen=True, kw_only=True)
class Explained:
    """The samples of an audit that are explained: N positions, their players and the classes that are explained."""

    index: NDArray[np.int64]
    players: Sequence[Players]
    targets: NDArray[np.int64]


def explained(
    subject: Subject, players_of: Callable[[int], Players], index: NDArray[np.int64], *, fewest: int, batch_size: int
) -> Explained:
    """The samples at ``index`` that have ``fewest`` players or more, with the class that ``subject`` answers."""
    taken = [(place, players_of(place)) for place in index.tolist()]
    kept = [(place, players) for place, players in taken if len(players) >= fewest]
    if not kept:
        raise ValueError(f"an explanation needs samples of {fewest} players or more; there are none.")
    inputs = [players for _, players in kept]
    targets = [subject.logits(stacked(part, everyone)).argmax(1).numpy() for part in _parts(inputs, batch_size)]
    return Explained(
        index=np.array([place for place, _ in kept], np.int64), players=inputs, targets=np.concatenate(targets)
    )


def attributed(explainer: Explainer, twin: Subject, samples: Explained, batch_size: int) -> list[NDArray[np.float64]]:
    """One number a player of each sample."""
    found: list[NDArray[np.float64]] = []
    for part, targets in zip(
        _parts(samples.players, batch_size), _parts(torch.from_numpy(samples.targets), batch_size), strict=True
    ):
        maps = explainer(twin, stacked(part, everyone), targets, stacked(part, lambda one: one.baseline))
        found += [players.pooled(one).double().numpy() for players, one in zip(part, maps, strict=True)]
    return found


def collect_attributions(samples: Explained, values: Sequence[NDArray[np.float64]]) -> Columns:
    """The columns of ``attributions``: one row a player."""
    sizes = [len(one) for one in values]
    return {
        "index": np.repeat(samples.index, sizes),
        "target": np.repeat(samples.targets, sizes),
        "player": np.concatenate([np.arange(size) for size in sizes]),
        "value": np.concatenate(values),
    }


def collect_occlusion(
    subject: Subject,
    samples: Explained,
    values: Sequence[NDArray[np.float64]],
    *,
    seed: int,
    batch_size: int,
    progress: Progress | None = None,
) -> Columns:
    """The columns of ``occlusion``: the probability as players are covered one after another.

    In the order of their attributions and in random ones (``draw`` −1 and 0, 1, …), each the one way and the other
    (``first``: least, most), after every ``step`` of ``STEPS``.
    """
    tables: list[dict[str, Any]] = []
    for place, (index, players, target) in enumerate(_each(samples)):
        draws = numpy_generator(seed, "occlusion", index)
        orders = [np.argsort(values[place], kind="stable")]
        orders += [draws.permutation(len(players)) for _ in range(RANDOM_ORDERS)]
        keep = torch.from_numpy(np.concatenate([_covered(way) for order in orders for way in (order, order[::-1])]))
        tables.append(
            {"index": np.full(len(keep), index), "probability": probability(subject, players, keep, target, batch_size)}
        )
        if progress:
            progress(place + 1, len(samples.index))
    draw, first, step = (
        part.ravel()
        for part in np.meshgrid(np.arange(-1, RANDOM_ORDERS), np.arange(2), np.arange(STEPS + 1), indexing="ij")
    )
    count = len(samples.index)
    return {
        "index": np.concatenate([table["index"] for table in tables]),
        "draw": np.tile(draw, count),
        "first": np.tile(np.array(["least", "most"], dtype=object)[first], count),
        "step": np.tile(step, count),
        "probability": np.concatenate([table["probability"] for table in tables]),
    }


def collect_randomised(
    explainer: Explainer,
    twin: Subject,
    samples: Explained,
    values: Sequence[NDArray[np.float64]],
    *,
    randomisations: int,
    seed: int,
    batch_size: int,
    progress: Progress | None = None,
) -> Columns:
    """The columns of ``randomised``: how alike an explanation is to that of a model with random weights.

    The rank correlation over players (Spearman), for each sample and each of several random models.
    """
    from scipy.stats import rankdata

    rows: list[NDArray[np.float64]] = []
    for draw in range(randomisations):
        other = replace(twin, model=randomised(twin.model, derive(seed, "randomised", draw)))
        found = attributed(explainer, other, samples, batch_size)
        rows.append(np.array([correlation(rankdata(a), rankdata(b)) for a, b in zip(values, found, strict=True)]))
        if progress:
            progress(draw + 1, randomisations)
    return {
        "index": np.tile(samples.index, randomisations),
        "draw": np.repeat(np.arange(randomisations), len(samples.index)),
        "similarity": np.concatenate(rows),
    }


def collect_ablated(
    subject: Subject,
    samples: Explained,
    values: Sequence[NDArray[np.float64]],
    *,
    top: float,
    seed: int,
    batch_size: int,
    progress: Progress | None = None,
) -> Columns:
    """The columns of ``ablated``: the probability without the most relevant players, and without as many random ones.

    ``draw`` −1: those that the explanation names; 0, 1, …: drawn at random. ``before``: nobody is missing.
    """
    columns: dict[str, list[Any]] = {name: [] for name in ("index", "draw", "players", "before", "after")}
    for place, (index, players, target) in enumerate(_each(samples)):
        draws = numpy_generator(seed, "ablated", index)
        size = max(1, round(top * len(players)))
        out = [np.argsort(-values[place], kind="stable")[:size]]
        out += [draws.choice(len(players), size, replace=False) for _ in range(RANDOM_ABLATIONS)]
        keep = np.ones((2 + RANDOM_ABLATIONS, len(players)), bool)
        for row, gone in enumerate(out):
            keep[row + 1, gone] = False
        found = probability(subject, players, torch.from_numpy(keep), target, batch_size)
        columns["index"] += [index] * len(out)
        columns["draw"] += range(-1, RANDOM_ABLATIONS)
        columns["players"] += [size] * len(out)
        columns["before"] += [found[0]] * len(out)
        columns["after"] += found[1:].tolist()
        if progress:
            progress(place + 1, len(samples.index))
    return {name: np.asarray(values) for name, values in columns.items()}


def collect_shapley(
    subject: Subject,
    samples: Explained,
    *,
    evaluations: int,
    seed: int,
    batch_size: int,
    progress: Progress | None = None,
) -> Columns:
    """The columns of ``shapley``: one row a player, with its sample's probability of everyone and of nobody."""
    columns: dict[str, list[Any]] = {
        name: [] for name in ("index", "target", "player", "value", "error", "everyone", "nobody", "evaluations")
    }
    for place, (index, players, target) in enumerate(_each(samples)):

        def worth(keep: NDArray[np.bool_], players: Players = players, target: int = target) -> NDArray[np.float64]:
            return probability(subject, players, torch.from_numpy(keep), target, batch_size)

        found = shapley_values(worth, len(players), evaluations, numpy_generator(seed, "shapley", index))
        count = len(players)
        columns["index"] += [index] * count
        columns["target"] += [target] * count
        columns["player"] += range(count)
        columns["value"] += found.values.tolist()
        columns["error"] += found.errors.tolist()
        columns["everyone"] += [found.everyone] * count
        columns["nobody"] += [found.nobody] * count
        columns["evaluations"] += [found.evaluations] * count
        if progress:
            progress(place + 1, len(samples.index))
    return {name: np.asarray(values) for name, values in columns.items()}


def probability(subject: Subject, players: Players, keep: Tensor, target: int, batch_size: int) -> NDArray[np.float64]:
    """S probabilities of ``target``, one for each coalition of ``keep`` (S×P)."""
    found = [
        torch.softmax(subject.logits(players.shown(part)).double(), 1)[:, target] for part in keep.split(batch_size)
    ]
    return torch.cat(found).numpy()


def randomised(model: nn.Module, seed: int) -> nn.Module:
    """A copy with every weight drawn anew: as its layer is initialised, else normal with the tensor's own deviation."""
    other = deepcopy(model)
    drawn: set[int] = set()
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for layer in other.modules():
            reset: Any = getattr(layer, "reset_parameters", None)
            if callable(reset):
                reset()
                drawn |= {id(weight) for weight in layer.parameters(recurse=False)}
        for weight in other.parameters():
            if id(weight) not in drawn:
                deviation = float(weight.std()) if weight.numel() > 1 else float(weight.abs().mean())
                weight.normal_(0.0, deviation or 0.02)
    return other.eval()


def correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Pearson's; 0 where one of them is constant and so tells nothing of the other."""
    a, b = first - first.mean(), second - second.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 0 else 0.0


def _covered(order: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(STEPS + 1)×P: who is left when the first of ``order`` are covered, step by step."""
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    gone = np.round(np.arange(STEPS + 1) / STEPS * len(order)).astype(np.int64)
    return rank[None, :] >= gone[:, None]


def _each(samples: Explained) -> Iterator[tuple[int, Players, int]]:
    return zip(samples.index.tolist(), samples.players, samples.targets.tolist(), strict=True)


def _parts(whole: Any, size: int) -> Iterator[Any]:
    for start in range(0, len(whole), size):
        yield whole[start : start + size]
