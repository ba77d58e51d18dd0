"""WaveNet one sample at a time: every layer remembers its inputs in a ring as long as its dilation.

What a layer needs of the past is in its ring, so that a sample costs one step through the layers instead of the whole
receptive field (Paine et al. 2016, arXiv:1611.09482). Numpy rather than torch, whose calls cost more than these small
products. N recordings, C channels, S skip channels, L layers, O outputs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from basestone.models.own.wavenet import Layer, WaveNet

Array = NDArray[np.float32]


@dataclass(frozen=True)
class _Unit:
    """One layer's weights, inputs × outputs, and the last D of its inputs, each N×C: that of step s at s mod D."""

    past: Array
    now: Array
    bias: Array
    on: Array | None
    ring: list[Array]


class Steps:
    """The state of N recordings that are made in step."""

    def __init__(self, model: WaveNet, rows: int, conditions: torch.Tensor | None) -> None:
        """``conditions``: as ``WaveNet.conditions`` gives them, of ``rows`` recordings or of one for all."""
        layers = [layer for layer in model.layers if isinstance(layer, Layer)]
        self.width, self.rows, self.done = model.width, rows, 0
        self.table = _array(model.embedding.weight)
        self.units = [_unit(layer, rows) for layer in layers]
        skips = [_array(layer.out.weight)[layer.width * layer.goes_on :].T for layer in layers]
        self.skip = np.ascontiguousarray(0.5 * np.concatenate(skips))  # L·C × S
        answers = [layer for layer in model.head if isinstance(layer, nn.Linear)]
        self.head = [(_array(layer.weight).T.copy(), _array(layer.bias)) for layer in answers]
        self.hop = 0 if model.front is None else model.front.hop
        self.conditions = None if conditions is None else self._halved(conditions, len(layers))
        self.gates = np.zeros((len(layers), rows, model.width), np.float32)
        self.both, self.more = np.zeros((2, rows, 2 * model.width), np.float32)

    def advance(self, classes: NDArray[np.int64] | None) -> Array:
        """N×O: what the next sample may be, after ``classes`` (N) came; None before there is any."""
        both, more, width, dot = self.both, self.more, self.width, np.dot
        filtered, gate = both[:, :width], both[:, width:]
        hidden = np.zeros((self.rows, width), np.float32) if classes is None else self.table[classes]
        told = self._told()
        for place, (unit, gated) in enumerate(zip(self.units, self.gates, strict=True)):
            slot = self.done % len(unit.ring)
            dot(hidden, unit.now, out=both)
            both += dot(unit.ring[slot], unit.past, out=more)
            both += unit.bias if told is None else told[place]
            unit.ring[slot] = hidden
            np.tanh(both, out=both)
            np.add(gate, 1, out=gated)
            gated *= filtered
            if unit.on is not None:
                hidden = hidden + dot(gated, unit.on)
        self.done += 1
        made = self.gates.transpose(1, 0, 2).reshape(self.rows, -1) @ self.skip
        for weight, bias in self.head:
            made = np.maximum(made, 0) @ weight + bias
        return made

    def _told(self) -> Array | None:
        """L×N×2C: every layer's bias and condition at this sample."""
        if self.conditions is None:
            return None
        frames = self.conditions
        if not self.hop:
            return frames[0]
        frame, past = divmod(self.done, self.hop)
        if past == 0:
            last = len(frames) - 1
            self.frame = frames[min(frame, last)]
            self.slope = (frames[min(frame + 1, last)] - self.frame) / np.float32(self.hop)
        return self.frame + np.float32(past) * self.slope

    def _halved(self, conditions: torch.Tensor, layers: int) -> Array:
        """N×F×(2C·L) to F×L×N×2C with the layers' biases, the gates' half at half its size (see ``_unit``)."""
        given = _array(conditions)
        frames = given.reshape(*given.shape[:2], layers, 2 * self.width).transpose(1, 2, 0, 3).copy()
        frames[..., self.width :] *= np.float32(0.5)
        return frames + np.stack([unit.bias for unit in self.units])[:, None]


def _unit(layer: Layer, rows: int) -> _Unit:
    """σ(x) = (1 + tanh(x / 2)) / 2: with gates at half their size one tanh serves both, and the half moves onwards."""
    width = layer.width
    scale = np.repeat(np.array([1, 0.5], np.float32), width)
    weight = _array(layer.gated.weight).T * scale
    assert layer.gated.bias is not None
    on = _array(layer.out.weight)[:width].T * np.float32(0.5) if layer.goes_on else None
    return _Unit(
        past=np.ascontiguousarray(weight[:width]),
        now=np.ascontiguousarray(weight[width:]),
        bias=_array(layer.gated.bias) * scale,
        on=None if on is None else np.ascontiguousarray(on),
        ring=[np.zeros((rows, width), np.float32)] * layer.dilation,
    )


def _array(tensor: torch.Tensor) -> Array:
    return tensor.detach().float().cpu().numpy()
