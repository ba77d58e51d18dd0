"""A model that is ready to be adapted: what trains in it, what each step needs, and what it becomes in the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from basestone.core.batch import Batch
from basestone.core.contracts import Loss, Objective, StepHook
from basestone.core.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What a method says of itself after training: facts for the manifest, and faults that make the stage fail."""

    facts: dict[str, Any]
    faults: tuple[str, ...] = ()


def _nothing() -> Proof:
    return Proof(facts={})


@dataclass(frozen=True)
class Adapted:
    """``model`` trains those of its parameters that need gradients.

    ``hook``: called after each step. ``penalty``: added to the mean loss. ``merge``: folds what was added into the
    model, in place, so that its layers and their names are those of before; None where nothing was added or it stays.
    ``proof``: what must be true of this method when it has really run.
    """

    model: nn.Module
    hook: StepHook | None = None
    penalty: Callable[[], Tensor] | None = None
    merge: Callable[[], None] | None = None
    proof: Callable[[], Proof] = _nothing


def penalised(objective: Objective, penalty: Callable[[], Tensor] | None) -> Objective:
    """The objective with ``penalty`` added to its mean, in training alone."""
    if penalty is None:
        return objective

    def loss(model: nn.Module, batch: Batch) -> Loss:
        found = objective(model, batch)
        extra = penalty() * found.count if torch.is_grad_enabled() else 0.0
        return Loss(total=found.total + extra, count=found.count)

    return loss


def freeze(model: nn.Module, head: str) -> None:
    """Only the head trains; frozen layers keep their running statistics, whatever mode the model is in."""
    for name, layer in model.named_modules():
        inside = _within(name, head)
        for parameter in layer.parameters(recurse=False):
            parameter.requires_grad_(inside)
        if not inside and isinstance(layer, nn.modules.batchnorm._NormBase):
            keep_evaluating(layer)
    for parameter in model.get_submodule(head).parameters():  # tied ones too
        parameter.requires_grad_(True)


def hold_still(model: nn.Module, head: str) -> None:
    """All that is not around or inside the head stays in evaluation mode: frozen features are the same in every step.

    So nothing is dropped at random before the head, and batch norm goes by its running statistics. A model that makes
    its own loss in training mode (a detector, which can be asked ``undecided``) needs that mode and keeps it.
    """
    if hasattr(model, "undecided"):
        return
    for name, layer in model.named_modules():
        if name and not _within(name, head) and not _within(head, name):
            keep_evaluating(layer)


def _within(name: str, part: str) -> bool:
    """Whether the layer ``name`` is ``part`` or inside it."""
    return name == part or name.startswith(f"{part}.")


def keep_evaluating(layer: nn.Module) -> None:
    """``train()`` no longer changes the layer's mode."""
    layer.eval()
    object.__setattr__(layer, "train", lambda mode=True: layer)


def targeted(
    model: nn.Module, head: str, targets: list[str] | None, fits: Callable[[str, nn.Module], bool]
) -> list[str]:
    """Names of the layers outside the head that end with one of ``targets``, or that fit where none are named.

    UsageError, with layers that there are, when nothing is found.
    """
    outside = {name: layer for name, layer in model.named_modules() if not _within(name, head)}
    if targets is None:
        found = [name for name, layer in outside.items() if fits(name, layer)]
    else:
        found = [name for name in outside if any(name == end or name.endswith(f".{end}") for end in targets)]
        missing = [end for end in targets if not any(name == end or name.endswith(f".{end}") for name in outside)]
        if missing:
            leaves = [name for name, layer in outside.items() if not any(layer.children())]
            raise UsageError(
                f"methods.targets must name layers of the model; '{missing[0]}' ends none of them. There are "
                f"{', '.join(leaves[:8])}{' …' if len(leaves) > 8 else ''}."
            )
    if not found:
        raise UsageError(
            f"{type(model).__name__} has no layer that this method works on. Name them in methods.targets, or choose "
            "another method (full, probe)."
        )
    return found
