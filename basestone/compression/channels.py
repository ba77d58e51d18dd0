"""Structured pruning: channels that cost much time and matter little go, with all that depends on them.

Which layers must shrink together is torch-pruning's dependency graph (Fang et al. 2023, arXiv:2301.12900). What a
channel is worth is estimated from weights and gradients; what it costs is *measured*: the network's latency with that
group narrowed. Chunks of channels go in the order of worth per second (as a knapsack: Shen et al. 2022, HALP,
arXiv:2110.10811) until the measured latency meets the target.
"""

from __future__ import annotations

import copy
import heapq
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from basestone.compression.runtime import Example
from basestone.core.errors import MissingExtra, UsageError

Importance = Literal["magnitude", "taylor", "obd"]
Latency = Callable[[nn.Module], float]
Losses = Callable[[nn.Module], Iterable[Tensor]]

_LAYERS = (nn.modules.conv._ConvNd, nn.Linear)
PROBED = 0.5  # share of a group's channels that are taken out to measure what one costs


@dataclass(frozen=True, kw_only=True)
class Group:
    """Channels that live and die together: ``layer`` is the module that makes them, ``worth`` one number a channel."""

    layer: str
    worth: NDArray[np.float64]


def groups_of(model: nn.Module, example: Example, importance: Importance, losses: Losses) -> list[Group]:
    """The groups that can be narrowed, each channel with its worth; sums of ``taylor`` and ``obd`` are losses in nats.

    ``losses`` yields the loss of one sample at a time, in evaluation mode. ``magnitude``: the squared L2 norm, divided
    by the group's mean as norms of different layers cannot be compared; ``taylor`` |Σ w·∂L/∂w| over a channel
    (Molchanov et al. 2019, arXiv:1906.10771); ``obd`` ½ Σ w²·E[(∂L/∂w)²], the diagonal of the empirical Fisher matrix
    in the place of the Hessian's (LeCun et al. 1989).

    Left out: the classifier, and groups that run through a LayerNorm or a reshape (the width of a Transformer and its
    heads), which cannot be narrowed without changing what the rest of it computes.
    """
    pruning = _library()
    if importance != "magnitude":
        _gradients(model, losses, squared=importance == "obd")
    scorer = {
        "magnitude": lambda: pruning.importance.GroupMagnitudeImportance(p=2, normalizer="mean"),
        "taylor": lambda: pruning.importance.GroupTaylorImportance(group_reduction="sum", normalizer=None),
        "obd": lambda: pruning.importance.GroupHessianImportance(group_reduction="sum", normalizer=None),
    }[importance]()
    names = {module: name for name, module in model.named_modules()}
    found: list[Group] = []
    graph = _graph(model, example)
    for group in graph.get_all_groups(root_module_types=list(_LAYERS)):
        root = group[0].dep.target.module
        if _may_shrink(graph, group) and (worth := scorer(group)) is not None:
            scale = 0.5 if importance == "obd" else 1.0
            found.append(Group(layer=names[root], worth=scale * worth.detach().double().abs().numpy()))
    model.zero_grad(set_to_none=True)
    return found


def remove_channels(model: nn.Module, example: Example, chosen: Mapping[str, Sequence[int]]) -> None:
    """Takes output channels (layer → numbers) out of ``model``, in place, and all that depends on them."""
    graph, modules = _graph(model, example), dict(model.named_modules())
    for layer, channels in chosen.items():
        root = modules[layer]
        group = graph.get_pruning_group(root, graph.get_pruner_of_module(root).prune_out_channels, list(channels))
        if not graph.check_pruning_group(group):
            raise UsageError(f"'{layer}' must keep at least one channel; all of its {len(channels)} were to go.")
        group.prune()


def seconds_per_channel(
    model: nn.Module, example: Example, groups: Sequence[Group], latency: Latency, whole_s: float
) -> dict[str, float]:
    """What one channel of each group costs: measured on a copy without half of them, by ``model``'s. Never below 0."""
    costs: dict[str, float] = {}
    for group in groups:
        fewer = copy.deepcopy(model)
        gone = np.argsort(group.worth)[: int(len(group.worth) * PROBED)].tolist()
        if gone:
            remove_channels(fewer, example, {group.layer: gone})
            costs[group.layer] = max(0.0, (whole_s - latency(fewer)) / len(gone))
    return costs


def choose(
    groups: Sequence[Group], costs: Mapping[str, float], saving_s: float, *, round_to: int, keep: float
) -> dict[str, list[int]]:
    """The least worthy channels for the time they take, until together they are expected to save ``saving_s``.

    They go in chunks that leave a multiple of ``round_to``; at least the share ``keep``, and ``round_to``, stay.
    Groups whose channels cost no measurable time stay whole.
    """
    queue: list[tuple[float, int, int]] = []
    chunks = {place: _chunks(group.worth, round_to, keep) for place, group in enumerate(groups)}

    def offer(place: int, turn: int) -> None:
        cost = costs.get(groups[place].layer, 0.0)
        if cost > 0 and turn < len(chunks[place]):
            chunk = chunks[place][turn]
            heapq.heappush(queue, (float(groups[place].worth[chunk].sum()) / (cost * len(chunk)), place, turn))

    for place in chunks:
        offer(place, 0)
    chosen: dict[str, list[int]] = {}
    while queue and saving_s > 0:
        _, place, turn = heapq.heappop(queue)
        chunk, layer = chunks[place][turn], groups[place].layer
        chosen.setdefault(layer, []).extend(int(channel) for channel in chunk)
        saving_s -= costs[layer] * len(chunk)
        offer(place, turn + 1)
    return chosen


def prune_channels(
    model: nn.Module,
    example: Example,
    latency: Latency,
    losses: Losses,
    *,
    target_s: float,
    importance: Importance,
    round_to: int,
    keep: float,
    rounds: int = 6,
) -> list[dict[str, Any]]:
    """Narrows ``model`` in place until its measured latency is at most ``target_s``; says what went in each round.

    Raises:
        UsageError: nothing is left that may go, or that would save time, and the target is not met.
    """
    told: list[dict[str, Any]] = []
    first = latency(model)
    for _ in range(rounds):
        now = latency(model) if told else first
        if now <= target_s:
            return told
        groups = groups_of(model, example, importance, losses)
        costs = seconds_per_channel(model, example, groups, latency, now)
        chosen = choose(groups, costs, now - target_s, round_to=round_to, keep=keep)
        if not chosen:
            break
        remove_channels(model, example, chosen)
        told.append({"latency_s": now, "removed": {layer: len(channels) for layer, channels in chosen.items()}})
    reached = latency(model)
    if reached > target_s * 1.05:
        raise UsageError(
            f"Pruning must bring the latency to {target_s / first:.0%} of what it was; with {keep:.0%} of each layer "
            f"kept it stays at {reached / first:.0%}. Ask for less, or lower 'keep' or 'round_to'."
        )
    return told


def _chunks(worth: NDArray[np.float64], round_to: int, keep: float) -> list[NDArray[np.int64]]:
    """Channels in ascending order of worth, cut so that after each chunk a multiple of ``round_to`` is left."""
    order, count = np.argsort(worth, kind="stable"), len(worth)
    floor = max(round_to, int(np.ceil(keep * count)))
    left = [kept for kept in range(count - 1, floor - 1, -1) if kept % round_to == 0]
    ends = [count - kept for kept in left]
    return [order[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def _gradients(model: nn.Module, losses: Losses, *, squared: bool) -> None:
    """Leaves in ``.grad`` the mean of the samples' gradients, or of their squares."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    sums = [torch.zeros_like(parameter) for parameter in parameters]
    count = 0
    model.eval()
    for loss in losses(model):
        for total, grad in zip(sums, torch.autograd.grad(loss, parameters, allow_unused=True), strict=True):
            if grad is not None:
                total.add_(grad.square() if squared else grad)
        count += 1
    if not count:
        raise ValueError("an importance that needs gradients needs at least one sample; got none.")
    for parameter, total in zip(parameters, sums, strict=True):
        parameter.grad = total / count


def _may_shrink(graph: Any, group: Any) -> bool:
    from torch_pruning import ops

    read = any(
        isinstance(dep.target.module, _LAYERS) and graph.is_in_channel_pruning_fn(dep.handler) for dep, _ in group
    )
    rearranging = {ops.OPTYPE.SPLIT, ops.OPTYPE.UNBIND, ops.OPTYPE.RESHAPE, ops.OPTYPE.EXPAND}
    return read and not any(  # what no layer reads is the network's output
        dep.target.type in rearranging or isinstance(dep.target.module, nn.LayerNorm) for dep, _ in group
    )


def _graph(model: nn.Module, example: Example) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it tells of parameters without a layer, such as position embeddings
        inputs: Any = example[0] if len(example) == 1 else list(example)
        return _library().DependencyGraph().build_dependency(model.eval(), example_inputs=inputs)


def _library() -> Any:
    try:
        import torch_pruning
    except ImportError as error:
        raise MissingExtra("torch-pruning", "compress") from error
    return torch_pruning
