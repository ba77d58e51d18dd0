"""Did the adaptation really run? What was frozen is bit for bit what it was, and everything that trains has moved."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from basestone.adaptation.adapted import Adapted, Proof


class Watch:
    """Remembers a model's tensors before training, to say afterwards what became of them."""

    def __init__(self, adapted: Adapted) -> None:
        """Copies what trains, and keeps a checksum's worth of the rest: a copy too, as buffers change silently."""
        self._adapted = adapted
        self._before = {name: tensor.detach().clone() for name, tensor in _state(adapted.model).items()}
        self._trained = {name for name, weight in adapted.model.named_parameters() if weight.requires_grad}

    def proof(self) -> Proof:
        """Facts for the manifest; faults where something moved that must not, or stayed that must move."""
        after = _state(self._adapted.model)
        changed = {name for name, tensor in after.items() if not torch.equal(tensor, self._before[name])}
        counted = {name for name in changed if "ranknum" not in name}  # AdaLoRA counts its ranks in a parameter
        frozen_moved = sorted(counted - self._trained - _buffers_of_trained(self._adapted.model, self._trained))
        rests = tuple(f"{part}." for part in getattr(self._adapted.model, "may_rest", ()))
        still = sorted(
            name
            for name in self._trained - changed
            if "lora_E" not in name and not name.startswith(rests)  # a rank may be given up, a level may see no object
        )
        own = self._adapted.proof()
        faults = list(own.faults)
        if frozen_moved:
            faults.append(f"frozen tensors must not change in training, and {_some(frozen_moved)} did")
        if still:
            faults.append(f"every tensor that trains must have moved, and {_some(still)} did not")
        weights = dict(self._adapted.model.named_parameters())
        facts: dict[str, Any] = {
            "trainable": sum(weights[name].numel() for name in self._trained),
            "parameters": sum(weight.numel() for weight in weights.values()),
            "frozen_unchanged": not frozen_moved,
            "trained_moved": not still,
        }
        return Proof(facts=facts | own.facts, faults=tuple(faults))


def _state(model: nn.Module) -> dict[str, Tensor]:
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def _buffers_of_trained(model: nn.Module, trained: set[str]) -> set[str]:
    """Running statistics of layers that train."""
    return {
        f"{name}.{buffer}" if name else buffer
        for name, layer in model.named_modules()
        for buffer, _ in layer.named_buffers(recurse=False)
        if any(f"{name}.{weight}" in trained for weight, _ in layer.named_parameters(recurse=False))
    }


def _some(names: list[str]) -> str:
    return f"{', '.join(repr(name) for name in names[:3])}{f' and {len(names) - 3} more' if len(names) > 3 else ''}"
