"""What value does each parameter start from? Explicit, in place, and a pure function of the seed.

Every layer draws from a stream of its own, named by the seed and the layer's name: another head, or one layer more,
changes no other layer's values, and the global random state is neither read nor moved. Convolutions and linear layers
get the scheme's rule and zero biases, every other layer its own ``reset_parameters`` (norms: weight 1, bias 0, running
statistics cleared). A parameter that belongs to no such layer (a transformer's position embedding) keeps the value
that its architecture gave it. Layers filled with pretrained weights are passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd  # pyright: ignore[reportPrivateUsage]

from basestone.core.contracts import BatchSource
from basestone.core.errors import UsageError
from basestone.core.seed import derive, numpy_generator
from basestone.models.own.whitened_cnn import PatchWhitening

WeightRule = Callable[[Tensor], object]
SCALED_SAMPLES = 500  # recordings: some 20,000 frames for a mean and a deviation a band
WHITENED_SAMPLES = 5_000  # as airbench; 24 numbers are estimated from some 5 million patches
_LAST_NORM = {"BasicBlock": "bn2", "Bottleneck": "bn3"}  # torchvision's residual blocks


def default(module: nn.Module, seed: int) -> None:
    """Each layer's own ``reset_parameters``; in a Transformer of language what its paper starts from."""
    _initialise(module, seed, None)


def kaiming(module: nn.Module, seed: int, *, zero_init_residual: bool) -> None:
    """Normal with std √(2 / fan_out); UsageError when ``zero_init_residual`` finds no residual block."""
    _initialise(module, seed, lambda w: nn.init.kaiming_normal_(w, mode="fan_out", nonlinearity="relu"))
    if zero_init_residual and not _zero_residuals(module):
        raise UsageError(
            f"init.zero_init_residual needs residual blocks whose last norm is known; {type(module).__name__} has "
            "none. Set it to false."
        )


def xavier(module: nn.Module, seed: int, *, gain: float) -> None:
    """Uniform with variance gain² · 2 / (fan_in + fan_out)."""
    _initialise(module, seed, lambda w: nn.init.xavier_uniform_(w, gain=gain))


def orthogonal(module: nn.Module, seed: int, *, gain: float) -> None:
    """The weight as a matrix, outputs × inputs, has orthogonal rows or columns of length ``gain``."""
    _initialise(module, seed, lambda w: nn.init.orthogonal_(w, gain=gain))


def truncated_normal(module: nn.Module, seed: int, *, std: float) -> None:
    """Normal of deviation ``std`` cut off at ±2 std."""
    _initialise(module, seed, lambda w: nn.init.trunc_normal_(w, std=std, a=-2 * std, b=2 * std))


def dirac(module: nn.Module, seed: int) -> None:
    """Each layer's own rule, then the identity in the first filters of convolutions that keep the resolution."""
    default(module, seed)
    kept = pretrained_layers(module)
    with torch.no_grad():
        for name, layer in module.named_modules():
            if isinstance(layer, (nn.Conv1d, nn.Conv2d, nn.Conv3d)) and layer.groups == 1 and name not in kept:
                nn.init.dirac_(layer.weight[: layer.in_channels])


def from_data(module: nn.Module, train: BatchSource, seed: int) -> None:
    """Lets the layers that start from statistics of their input read some training images, without augmentation.

    Only a model that has such a layer reads any, and it may only be the first one: the images are the network's input.
    """
    layers = [layer for layer in module.modules() if isinstance(layer, PatchWhitening)]
    learns = getattr(module, "learn_scale", None)  # a model that speaks: of what it is to say
    if callable(learns):
        chosen = numpy_generator(seed, "scale").permutation(len(train))[:SCALED_SAMPLES]
        learns(train.batch(chosen).targets)
    if layers:
        chosen = numpy_generator(seed, "whiten").permutation(len(train))[:WHITENED_SAMPLES]
        layers[0].whiten(train.batch(chosen).inputs)


def mark_pretrained(module: nn.Module, fresh: Iterable[str]) -> None:
    """Notes on ``module`` that all of its layers but ``fresh`` hold pretrained weights."""
    names = {name for name, _ in module.named_modules()}
    object.__setattr__(module, "pretrained_layers", frozenset(names - set(fresh)))


def pretrained_layers(module: nn.Module) -> frozenset[str]:
    """The layers that ``mark_pretrained`` noted; empty for a model built without weights."""
    return getattr(module, "pretrained_layers", frozenset())


def _initialise(module: nn.Module, seed: int, rule: WeightRule | None) -> None:
    _check_on_cpu(module)
    kept = pretrained_layers(module)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        for name, layer in module.named_modules():
            if name not in kept:
                torch.default_generator.manual_seed(derive(seed, "init", name))
                _reset(module, name, layer, rule)


def _reset(module: nn.Module, name: str, layer: nn.Module, rule: WeightRule | None) -> None:
    if rule is not None and isinstance(layer, (_ConvNd, nn.Linear)):
        rule(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
        return
    own = getattr(module, "reset_layer", None)  # what a network starts from by its paper
    if rule is None and callable(own) and own(name, layer):
        return
    reset = getattr(layer, "reset_parameters", None) or getattr(layer, "_reset_parameters", None)
    if callable(reset):
        reset()


def _check_on_cpu(module: nn.Module) -> None:
    elsewhere = {str(p.device) for p in module.parameters() if p.device.type != "cpu"}
    if elsewhere:
        raise ValueError(
            f"A model must be initialised on the CPU, so that a seed gives the same values on every machine; found "
            f"parameters on {sorted(elsewhere)}. Initialise first, then move it."
        )


def _zero_residuals(module: nn.Module) -> int:
    """Zeroes the last norm weight of every residual block not pretrained; the number of blocks found."""
    kept = pretrained_layers(module)
    blocks = [(name, layer) for name, layer in module.named_modules() if _is_residual(layer)]
    for name, block in blocks:
        if name not in kept:
            _zero_last_norm(block)
    return len(blocks)


def _is_residual(layer: nn.Module) -> bool:
    return hasattr(layer, "zero_init_last") or type(layer).__name__ in _LAST_NORM


def _zero_last_norm(block: nn.Module) -> None:
    own = getattr(block, "zero_init_last", None)  # timm's name for it, and ours
    if callable(own):
        own()
    else:
        nn.init.zeros_(getattr(block, _LAST_NORM[type(block).__name__]).weight)
