"""FLOPs from the shapes of layers: a count of our own, against which PyTorch's counter is checked (clause CST-1).

One multiply-accumulate (MAC) is two FLOPs. Counted are convolutions, linear layers and the two products of attention;
norms, activations and pooling are not (about 1 % of a convolutional network), as in PyTorch's counter and in published
tables. Backward: a layer's weight gradient costs as much as its forward pass, and so does the gradient for its input;
each counts only where something asks for it, so that frozen layers and the first layer come out right.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd  # pyright: ignore[reportPrivateUsage]

from basestone.models.meta import meta_copy, meta_input

_SAMPLES = 2  # batch norm cannot train on one


def analytic_flops(
    module: nn.Module,
    input_shape: tuple[int, ...],
    *,
    training: bool = False,
    forward: Callable[[nn.Module], object] | None = None,
) -> int:
    """FLOPs (2 × MAC) of one sample: the forward pass, or with ``training`` one forward and backward pass.

    ``forward`` runs a copy without numbers on two samples, where more or less is run than the model by itself.
    """
    counts: list[int] = []

    def count(layer: nn.Module, inputs: tuple[Tensor, ...], output: Any) -> None:
        y = output[0] if isinstance(output, tuple) else output
        there, back = _flops(layer, inputs[0] if inputs else y, y)  # decoders name their only input
        counts.append(there + back if training else there)

    twin = meta_copy(module, training=training)
    for layer in twin.modules():
        known = (_ConvNd, nn.Linear, nn.MultiheadAttention, nn.RNNBase, nn.RNNCellBase)
        if isinstance(layer, known) or _is_other(layer):
            layer.register_forward_hook(count)
    if forward is None:
        twin(meta_input(module, input_shape, _SAMPLES))
    else:
        forward(twin)
    return sum(counts) // _SAMPLES


def _flops(layer: nn.Module, x: Tensor, y: Tensor) -> tuple[int, int]:
    """Forward and backward of one call of a layer with input ``x`` and output ``y``."""
    if isinstance(layer, (_ConvNd, nn.Linear)):
        forward = _convolution(layer, x, y) if isinstance(layer, _ConvNd) else 2 * y.numel() * layer.in_features
        return forward, forward * (layer.weight.requires_grad + x.requires_grad)
    if _is_transposed_linear(layer):
        forward = 2 * y.numel() * x.shape[-1]
        return forward, forward * (next(layer.parameters()).requires_grad + x.requires_grad)
    if isinstance(layer, (nn.RNNBase, nn.RNNCellBase)):  # every weight matrix is used once a token
        weights = [w for name, w in layer.named_parameters() if name.startswith("weight")]
        forward = 2 * x.numel() // x.shape[-1] * sum(w.numel() for w in weights)
        return forward, forward * (weights[0].requires_grad + y.requires_grad)
    forward = _attention(layer, x)
    return forward, 2 * forward * y.requires_grad


def _convolution(layer: _ConvNd, x: Tensor, y: Tensor) -> int:
    """Each output element sums over a kernel of input channels; transposed, each input element spreads over one."""
    kernel = math.prod(layer.kernel_size)
    if isinstance(layer, _ConvTransposeNd):
        return 2 * x.numel() * kernel * layer.out_channels // layer.groups
    return 2 * y.numel() * kernel * layer.in_channels // layer.groups


def _attention(layer: nn.Module, x: Tensor) -> int:
    """Query times key and weights times value: per input element, two MACs for each token."""
    if not isinstance(layer, nn.MultiheadAttention):
        own: Any = layer
        width = own.head_dim * own.config.num_attention_heads if _has_heads(layer) else x.shape[-1]
        return 4 * x.numel() // x.shape[-1] * width * x.shape[-2]
    tokens = x.shape[1] if layer.batch_first else x.shape[0]
    projections = 4 * layer.embed_dim  # query, key, value and output, which it does not call as layers
    return x.numel() * (4 * tokens + 2 * projections)


def _is_other(layer: nn.Module) -> bool:
    """Self-attention as timm and transformers write it, whose linear layers are counted as such; GPT-2's own linear."""
    name = type(layer).__name__
    is_attention = hasattr(layer, "qkv") and hasattr(layer, "num_heads")
    named = name.endswith(("SelfAttention", "GPT2Attention"))
    return is_attention or named or _has_heads(layer) or _is_transposed_linear(layer)


def _has_heads(layer: nn.Module) -> Any:
    """Attention as later models of transformers write it, whose heads together may be wider than the model."""
    config = getattr(layer, "config", None)
    return (
        type(layer).__name__.endswith("Attention")
        and hasattr(layer, "head_dim")
        and hasattr(config, "num_attention_heads")
    )


def _is_transposed_linear(layer: nn.Module) -> bool:
    """``Conv1D`` of transformers: a linear layer whose weight is inputs × outputs."""
    return type(layer).__name__ == "Conv1D" and hasattr(layer, "nf")
