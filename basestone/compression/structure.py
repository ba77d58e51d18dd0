"""What compression took out of a network, as plain data: the way back from a recipe's model to a pruned one.

A pruned network is the recipe's network with some blocks skipped and some sizes smaller. Both are read off by
comparing it with the network it came from, written as JSON, and applied again when the model is restored; the weights
come from safetensors. Nothing is pickled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from basestone.core.errors import ArtifactError


class Skipped(nn.Module):
    """In place of a block that was taken out: hands its first argument on. N×… to N×…."""

    def forward(self, x: Tensor, *_: Any, **__: Any) -> Tensor:
        """The same tensor."""
        return x


@dataclass(frozen=True, kw_only=True)
class Structure:
    """What differs from the recipe's network, and nothing else.

    ``skipped``: names of blocks taken out; ``sizes``: module → attribute → whole number or numbers; ``shapes``:
    parameter or buffer → its shape.
    """

    skipped: list[str] = field(default_factory=list[str])
    sizes: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    shapes: dict[str, list[int]] = field(default_factory=dict[str, list[int]])

    def to_json(self) -> dict[str, Any]:
        """The structure as ``model.json`` holds it."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Structure:
        """What ``to_json`` wrote; ArtifactError when it is something else."""
        try:
            return cls(**value)
        except TypeError as error:
            raise ArtifactError(f"'structure' must hold skipped, sizes and shapes; got {sorted(value)}.") from error


def read_structure(pruned: nn.Module, original: nn.Module) -> Structure:
    """How ``pruned`` differs from ``original``, a network with the same names for the same modules."""
    skipped = [name for name, module in pruned.named_modules() if isinstance(module, Skipped)]
    modules, now = dict(original.named_modules()), dict(pruned.named_modules())
    sizes = {
        name: changed
        for name, module in modules.items()
        if name in now and not isinstance(now[name], Skipped) and (changed := _changed(module, now[name]))
    }
    before = dict(_tensors(original))
    shapes = {name: list(tensor.shape) for name, tensor in _tensors(pruned) if tensor.shape != before[name].shape}
    return Structure(skipped=skipped, sizes=sizes, shapes=shapes)


def apply_structure(model: nn.Module, structure: Structure) -> None:
    """Makes the recipe's network the pruned one, in place; its weights are to be loaded afterwards.

    Raises:
        ArtifactError: the structure names a module, attribute or tensor that this network lacks.
    """
    for name in structure.skipped:
        replace_module(model, name, Skipped())
    modules = dict(model.named_modules())
    for name, sizes in structure.sizes.items():
        module = _known(modules, name, "module")
        for attribute, value in sizes.items():
            if _size(vars(module).get(attribute)) is None:
                raise ArtifactError(f"'{name}' must have a size '{attribute}' and has none. {_REMEDY}")
            setattr(module, attribute, tuple(value) if isinstance(value, list) else value)
    for name, shape in structure.shapes.items():
        owner, _, leaf = name.rpartition(".")
        module = _known(modules, owner, "module")
        tensor = _known({**module._parameters, **module._buffers}, leaf, f"tensor of '{owner}'")
        resized = torch.zeros(shape, dtype=tensor.dtype)
        if isinstance(tensor, nn.Parameter):
            module._parameters[leaf] = nn.Parameter(resized, requires_grad=tensor.requires_grad)
        else:
            module._buffers[leaf] = resized


def replace_module(model: nn.Module, name: str, module: nn.Module) -> None:
    """Puts ``module`` at the dotted ``name``."""
    owner, _, leaf = name.rpartition(".")
    modules = dict(model.named_modules())
    _known(modules, name, "module")
    setattr(modules[owner], leaf, module)


_REMEDY = "Restore with the model section that the weights were trained with."


def _known(table: Mapping[str, Any], name: str, what: str) -> Any:
    if name not in table:
        raise ArtifactError(f"The network must have the {what} '{name}' and has none. {_REMEDY}")
    return table[name]


def _changed(before: nn.Module, after: nn.Module) -> dict[str, Any]:
    """Public attributes that are sizes (whole numbers, or several) and have another value now."""
    pairs = {
        name: (_size(value), _size(vars(after).get(name)))
        for name, value in vars(before).items()
        if not name.startswith("_")
    }
    return {name: new for name, (old, new) in pairs.items() if new is not None and old is not None and new != old}


def _size(value: object) -> int | list[int] | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, (tuple, torch.Size)) and value and all(isinstance(item, int) for item in value):
        return list(value)
    return None


def _tensors(model: nn.Module) -> list[tuple[str, Tensor]]:
    return [*model.named_parameters(remove_duplicate=False), *model.named_buffers(remove_duplicate=False)]
