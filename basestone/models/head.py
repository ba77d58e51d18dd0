"""A network's head, and how another task starts from all the rest of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from basestone.core.errors import UsageError
from basestone.models.model import load_weights
from basestone.models.own.text_model import TextModel


def head_of(module: nn.Module) -> str:
    """The name of the part that answers: a language model's ``head``, else the last linear layer."""
    if isinstance(module, TextModel):
        return "head"
    linear = [name for name, layer in module.named_modules() if isinstance(layer, nn.Linear)]
    if not linear:
        raise UsageError(
            f"{type(module).__name__} has no linear layer to answer with, so that it cannot be adapted. Choose another."
        )
    return linear[-1]


def start_from(module: nn.Module, path: Path, *, keep_head: bool) -> None:
    """Fills ``module`` with the weights in ``path``; without ``keep_head`` its head stays as it was initialised.

    Raises:
        ArtifactError: the file does not hold exactly the rest of the model.
    """
    load_weights(module, path, leave=None if keep_head else head_of(module))


def share_body(module: nn.Module, base: nn.Module) -> None:
    """Lets all but the head of ``module`` be the tensors of ``base``, a network of the same architecture."""
    head = head_of(module)
    for name, tensor in (*base.named_parameters(), *base.named_buffers()):
        owner, _, own = name.rpartition(".")
        if name != head and not name.startswith(f"{head}."):
            layer: Any = module.get_submodule(owner)
            (layer._parameters if own in layer._parameters else layer._buffers)[own] = tensor
