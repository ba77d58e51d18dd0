"""LoRA and AdaLoRA, by the peft library: where they go, what each step needs, folding in, and whether it really ran.

peft's AdaLoRA is a LoRA of unchanging rank unless ``update_and_allocate`` is called in each step, after the optimizer
has moved and before the gradients are dropped.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor, nn

from basestone.adaptation.adapted import Adapted, Proof, freeze, keep_evaluating, targeted

NAME = "default"
ESTIMATES = ("ipt", "exp_avg_ipt", "exp_avg_unc")  # AdaLoRA's running estimates of how much each number matters


def lora(
    model: nn.Module, head: str, *, rank: int, alpha: float, drop_rate: float, targets: list[str] | None
) -> Adapted:
    """Freezes all but the head and puts two low-rank factors beside each target."""
    from peft import LoraConfig
    from peft.tuners.lora import LoraModel

    names = targeted(model, head, targets, _fits)
    config = LoraConfig(
        r=rank,
        lora_alpha=alpha,  # pyright: ignore[reportArgumentType]
        lora_dropout=drop_rate,
        target_modules=names,
    )
    _put_in(model, head, lambda: LoraModel(model, {NAME: config}, NAME))
    return Adapted(model, merge=lambda: fold_in(model))


def adalora(
    model: nn.Module,
    head: str,
    max_steps: int,
    *,
    rank: int,
    initial_rank: int,
    alpha: float,
    drop_rate: float,
    warmup: float,
    settle: float,
    every: int,
    orthogonality: float,
    targets: list[str] | None,
) -> Adapted:
    """As ``lora``, with singular values between the factors that the hook gives up one by one."""
    from peft import AdaLoraConfig
    from peft.tuners.adalora import AdaLoraModel

    names = targeted(model, head, targets, _fits)
    config = AdaLoraConfig(
        init_r=initial_rank,
        target_r=rank,
        lora_alpha=alpha,  # pyright: ignore[reportArgumentType]
        lora_dropout=drop_rate,
        tinit=round(warmup * max_steps),
        tfinal=round(settle * max_steps),
        deltaT=every,
        total_step=max_steps,
        orth_reg_weight=orthogonality,
        target_modules=names,
    )
    tuner: Any = _put_in(model, head, lambda: AdaLoraModel(model, {NAME: config}, NAME))
    hook = Allocation(tuner)
    return Adapted(
        model,
        hook=hook,
        penalty=lambda: orthogonality * not_orthogonal(model),
        merge=lambda: fold_in(model),
        proof=hook.proof,
    )


class Allocation:
    """AdaLoRA's part of every step, and its state: a ``core.contracts.StepHook``."""

    def __init__(self, tuner: Any) -> None:
        """``tuner`` is peft's ``AdaLoraModel``."""
        self._tuner, self._allocator = tuner, tuner.rankallocator
        self.budget = int(self._allocator.target_bgt)

    def __call__(self, step: int) -> None:
        """``step`` counts the finished ones, from 1."""
        self._tuner.update_and_allocate(step)

    def tensors(self) -> dict[str, Tensor]:
        """The running estimates, ``<estimate>/<parameter>``."""
        return {
            f"{estimate}/{name}": tensor
            for estimate in ESTIMATES
            for name, tensor in getattr(self._allocator, estimate).items()
        }

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Takes up what ``tensors`` gave."""
        self._allocator.reset_ipt()
        for key, tensor in tensors.items():
            estimate, _, name = key.partition("/")
            getattr(self._allocator, estimate)[name] = tensor.clone()

    def ranks(self) -> dict[str, int]:
        """Layer → the singular values that it kept."""
        return {
            name.partition(".lora_E")[0]: int((tensor != 0).sum())
            for name, tensor in self._tuner.model.named_parameters()
            if f"lora_E.{NAME}" in name
        }

    def proof(self) -> Proof:
        """The ranks must have been given out anew: together the budget, and not all alike."""
        ranks = self.ranks()
        total, faults = sum(ranks.values()), list[str]()
        if total != self.budget:
            faults.append(f"AdaLoRA's ranks must add up to its budget of {self.budget}; they add up to {total}")
        return Proof(facts={"ranks": ranks, "rank_budget": self.budget, "rank_total": total}, faults=tuple(faults))


def not_orthogonal(model: nn.Module) -> Tensor:
    """The mean over all factors of ‖PᵀP − I‖ (Zhang et al. 2023, equation 4; peft's norm, not its square)."""
    found: list[Tensor] = []
    for name, factor in model.named_parameters():
        if f"lora_A.{NAME}" in name or f"lora_B.{NAME}" in name:
            product = factor @ factor.T if "lora_A" in name else factor.T @ factor
            found.append(torch.linalg.matrix_norm(product - torch.eye(len(product), device=product.device)))
    return torch.stack(found).mean()


def fold_in(model: nn.Module) -> None:
    """Adds each low-rank update to its weight, and leaves the layers as they were before there was one."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    for name, layer in list(model.named_modules()):
        if isinstance(layer, BaseTunerLayer):
            layer.merge()
            model.set_submodule(name, layer.get_base_layer())


def _put_in(model: nn.Module, head: str, build: Any) -> Any:
    """Peft freezes whatever is not its own, the head too, and warns of what was meant."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tuner = build()
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    freeze(model, head)
    for name, parameter in model.named_parameters():
        if name in trained:
            parameter.requires_grad_(True)
    for layer in model.modules():
        if isinstance(layer, nn.modules.batchnorm._NormBase):
            keep_evaluating(layer)
    return tuner


def _fits(name: str, layer: nn.Module) -> bool:
    plain = isinstance(layer, nn.Linear) or (isinstance(layer, nn.Conv2d) and layer.groups == 1)
    return plain or type(layer).__name__ == "Conv1D"
