"""A model cut off at one of its layers: samples in, one vector of features a sample out.

N samples, T tokens (or patches, or samples of sound), D wide, C×H×W a feature map, C×F or C×M×F one of sound over F
frames.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, Literal, NoReturn

import torch
from torch import Tensor, nn

from basestone.core.errors import UsageError

Pool = Literal["first", "last", "mean", "flat"]
PoolTokens = Callable[[Tensor, Tensor, Any], Tensor]  # N×T×D states, N×T, which of them count, and how, to N×D
Inside = Callable[[Tensor, int], Tensor]  # N×T recordings and a number of places, to N×places: which are no padding
NAMED = 8  # layers that an error lists


class Reader(nn.Module):
    """Runs ``model`` until a layer has been reached and pools what is found there; what comes after never runs.

    A layer that runs more than once is read the first time.
    """

    def __init__(
        self,
        model: nn.Module,
        layer: str,
        *,
        side: Literal["input", "output"],
        pool: Pool,
        pool_tokens: PoolTokens,
        pad: int | None = None,
        inside: Inside | None = None,
    ) -> None:
        """``side``: what the layer is given, or what it gives.

        ``pool``: how one vector is made of a sample's tokens, by ``pool_tokens``, or of a map; ``flat``: all numbers in
        a row, for inputs of one shape. ``pad``: the token that is no part of a document, None for images and sound.
        ``inside``: of sound, which places of a recording are no padding.

        Raises:
            UsageError: there is no such layer; near and other names are given.
        """
        super().__init__()
        layers = dict(model.named_modules())
        if layer not in layers or not layer:
            raise UsageError(_unknown(layer, list(layers)))
        self.model, self.layer, self.side = model, layer, side
        self.pool: Pool = pool
        self.pool_tokens, self.pad, self.inside = pool_tokens, pad, inside

    def forward(self, inputs: Tensor) -> Tensor:
        """N×… inputs to N×D."""
        return self._pooled(self._reached(inputs), inputs)

    def _reached(self, inputs: Tensor) -> Tensor:
        target = self.model.get_submodule(self.layer)
        if self.side == "input":
            handle = target.register_forward_pre_hook(lambda _module, given: _stop(given))
        else:
            handle = target.register_forward_hook(lambda _module, _given, made: _stop(made))
        try:
            self.model(inputs)
        except _Reached as reached:
            return reached.value
        finally:
            handle.remove()
        raise UsageError(
            f"The layer '{self.layer}' must run when the model does, and it did not: this model computes it in another "
            "way. Choose the layer around it."
        )

    def _pooled(self, found: Tensor, inputs: Tensor) -> Tensor:
        """Vectors stay, tokens are pooled where they are no padding, maps are averaged over their places."""
        if self.inside is not None and found.ndim in (3, 4):
            return self._heard(found, inputs, self.inside)
        images = self.pad is None
        if found.ndim == 2 or (self.pool == "flat" and images):
            return found.flatten(1)
        if found.ndim == 3 and images:
            every = torch.ones(found.shape[:2], dtype=torch.bool, device=found.device)
            return self.pool_tokens(found, every, self.pool)
        if found.ndim == 3 and found.shape[1] == inputs.shape[1]:
            return self.pool_tokens(found, inputs != self.pad, self.pool)
        if found.ndim == 4 and images and self.pool == "mean":
            return found.mean((2, 3))
        raise UsageError(
            f"What is read at '{self.layer}' must be N×D, N×T×D of tokens, or N×C×H×W of images; it is "
            f"{'×'.join(['N', *map(str, found.shape[1:])])}. Choose another layer, or for images pool: mean or flat."
        )

    def _heard(self, found: Tensor, inputs: Tensor, inside: Inside) -> Tensor:
        """The mean over what a recording lasts: of N×T×D at every sample, else of frames, which stand last."""
        places = (
            found if found.ndim == 3 and found.shape[1] == inputs.shape[1] else found.flatten(1, -2).transpose(1, 2)
        )
        return self.pool_tokens(places, inside(inputs, places.shape[1]), self.pool)


class _Reached(Exception):
    """Not an error: it carries the value out of the model."""

    def __init__(self, value: Tensor) -> None:
        super().__init__("the layer has been reached")
        self.value = value


def _stop(found: Any) -> NoReturn:
    """Ends the pass with the first tensor of what a layer takes or gives."""
    while not isinstance(found, Tensor):
        found = found[0]
    raise _Reached(found)


def _unknown(name: str, layers: list[str]) -> str:
    """Near names and some of the others, evenly over the model's depth, as a large one has thousands."""
    named = [layer for layer in layers if layer]
    ends = [layer for layer in named if name and layer.endswith(f".{name}")]
    near = ends[:1] or get_close_matches(name, named, n=1, cutoff=0.6)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    blocks = [layer for layer in named if layer.count(".") <= min(one.count(".") for one in named) + 1] or named
    some = blocks[:: max(1, -(-len(blocks) // NAMED))]
    return f"There is no layer '{name}' in this model.{hint} Among its layers: {', '.join(some)}."
