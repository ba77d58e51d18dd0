"""A network's head, and how another task starts from all the rest of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from basestone.core.errors import UsageError
from basestone.models.model import load_weights, within


def head_of(module: nn.Module) -> str:
    """The name of the part that answers: the one that the model names (``head_name``), else the last linear layer."""
    if isinstance(named := getattr(module, "head_name", None), str):
        return named
    linear = [name for name, layer in module.named_modules() if isinstance(layer, nn.Linear)]
    if not linear:
        raise UsageError(
            f"{type(module).__name__} has no linear layer to answer with, so that it cannot be adapted. Choose another."
        )
    return linear[-1]


def class_layers(module: nn.Module) -> tuple[str, ...]:
    """The parts that another set of classes makes anew: those that the model names, else its whole head.

    A detector's head also says where something is, and that does not depend on what the classes are.
    """
    return getattr(module, "class_layers", None) or (head_of(module),)


def start_from(module: nn.Module, path: Path, *, keep_head: bool) -> None:
    """Fills ``module`` with the weights in ``path``; without ``keep_head`` its class layers stay as initialised.

    Raises:
        ArtifactError: the file does not hold exactly the rest of the model.
    """
    load_weights(module, path, leave=() if keep_head else class_layers(module))


def share_body(module: nn.Module, base: nn.Module) -> None:
    """Lets all but the head of ``module`` be the tensors of ``base``, a network of the same architecture."""
    head = head_of(module)
    for name, tensor in (*base.named_parameters(), *base.named_buffers()):
        owner, _, own = name.rpartition(".")
        if not within(name, (head,)):
            layer: Any = module.get_submodule(owner)
            (layer._parameters if own in layer._parameters else layer._buffers)[own] = tensor
