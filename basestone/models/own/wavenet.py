"""WaveNet (van den Oord et al. 2016, arXiv:1609.03499): each sample of sound from those before it.

Dilated causal convolutions in blocks whose dilation doubles from layer to layer, gated units, residual and skip
connections. N recordings, T samples, C channels, S skip channels, L layers, F frames, M mel bands, G numbers.

Differs: the first causal convolution of the paper, over one-hot classes, is an embedding (a sample alone); residual and
skip convolutions have no bias; conditions are projected at the rate of frames and then drawn out to samples in straight
lines between the frames' centres, where the paper learns a transposed convolution. Channels stand last, so that a
convolution over two samples is one matrix product.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from basestone.core.mu_law import CLASSES, classes_of
from basestone.models.own.log_mel import LogMel
from basestone.models.own.sample_odds import Logistics, Softmax

LOUD = 4.0  # log-mel power of loud speech, near the top of the scale that conditions are put on


class WaveNet(nn.Module):
    """N×T float32 waveforms, or N×(1+G)×T with G numbers beside each sample, to N×T×O: what each sample may be.

    Outputs at t depend on samples before t alone. With classes as well (N×T, below 0 where there is none) to N×T nats
    that the samples cost, 0 where there is none. A number 0 says nothing; i is the i-th value of its column.
    """

    def __init__(
        self,
        odds: Softmax | Logistics,
        dilations: Sequence[int],
        width: int,
        skip_width: int,
        *,
        values: Sequence[int] = (),
        embedded: int = 16,
        front: LogMel | None = None,
        mels: int = 0,
    ) -> None:
        """``values``: how many each number can take; ``front``: what makes frames of a waveform to condition on."""
        super().__init__()
        self.odds, self.dilations, self.width, self.front = odds, tuple(dilations), width, front
        self.embedding = nn.Embedding(CLASSES, width)
        self.told = nn.ModuleList([nn.Embedding(1 + count, embedded, padding_idx=0) for count in values])
        projected = 2 * width * len(self.dilations)
        self.tell = nn.Linear(embedded, projected, bias=False) if values else None
        self.hear = None if front is None else nn.Conv1d(mels, projected, 3, padding=1, bias=False)
        last = len(self.dilations) - 1
        self.layers = nn.ModuleList(
            [Layer(width, skip_width, dilation, place < last) for place, dilation in enumerate(self.dilations)]
        )
        self.head = nn.Sequential(
            nn.ReLU(), nn.Linear(skip_width, skip_width), nn.ReLU(), nn.Linear(skip_width, odds.outputs)
        )

    @property
    def reach(self) -> int:
        """How many samples before it a sample depends on."""
        return 1 + sum(self.dilations)

    def forward(self, inputs: Tensor, classes: Tensor | None = None) -> Tensor:
        """See the class."""
        waves, numbers = (inputs, None) if inputs.ndim == 2 else (inputs[:, 0], inputs[:, 1:, 0].long())
        frames = None if self.front is None else self.frames(waves)
        before = F.pad(self.embedding(classes_of(waves[:, :-1])), (0, 0, 1, 0))
        outputs = self.following(before, self.conditions(numbers, frames))
        if classes is None:
            return outputs
        missing = classes.long() < 0
        return self.odds.nats(outputs, classes.long().clamp(min=0)).masked_fill(missing, 0.0)

    def frames(self, waves: Tensor) -> Tensor:
        """N×T to N×M×F: the log-mel frames that this model is conditioned on."""
        assert self.front is not None
        return self.front(waves)

    def conditions(self, numbers: Tensor | None, frames: Tensor | None) -> Tensor | None:
        """N×G numbers and N×M×F frames to N×F×(2C·L) of all layers (F is 1 without frames), None without either."""
        found: list[Tensor] = []
        if self.tell is not None and numbers is not None:
            embedded = [embedding(numbers[:, place]) for place, embedding in enumerate(self.told)]
            found.append(self.tell(torch.stack(embedded).sum(0)[:, None]))
        if self.hear is not None and self.front is not None and frames is not None:
            lowest = math.log(self.front.floor)
            found.append(self.hear(2 * (frames - lowest) / (LOUD - lowest) - 1).transpose(1, 2))
        return sum(found[1:], found[0]) if found else None

    def following(self, before: Tensor, conditions: Tensor | None, first: int = 0) -> Tensor:
        """N×T×C embedded samples, of which the oldest is before sample ``first``, to N×T×O: what may follow each."""
        skips: Tensor | None = None
        hidden = before
        for place, layer in enumerate(self.layers):
            hidden, skip = layer(hidden, self._drawn_out(conditions, place, first, before.shape[1]))
            skips = skip if skips is None else skips + skip
        assert skips is not None
        return self.head(skips)

    def _drawn_out(self, conditions: Tensor | None, place: int, first: int, samples: int) -> Tensor | None:
        """One layer's part, N×T×2C or N×1×2C: frame f is centred on sample f · hop; the last one lasts a hop."""
        if conditions is None:
            return None
        own = conditions[:, :, 2 * self.width * place : 2 * self.width * (place + 1)]
        if self.front is None:
            return own
        at = torch.arange(first, first + samples, device=own.device)
        frame, past = at // self.front.hop, (at % self.front.hop / self.front.hop)[:, None]
        return torch.lerp(own[:, frame], own[:, (frame + 1).clamp(max=own.shape[1] - 1)], past.to(own.dtype))


class Layer(nn.Module):
    """tanh(filter) · σ(gate) of a sample and the one ``dilation`` before it; to the next layer and to the output."""

    def __init__(self, width: int, skip_width: int, dilation: int, goes_on: bool) -> None:
        """``goes_on``: whether a layer follows."""
        super().__init__()
        self.dilation, self.width, self.goes_on = dilation, width, goes_on
        self.gated = nn.Linear(2 * width, 2 * width)  # both samples side by side: a convolution of two, as one product
        self.out = nn.Linear(width, skip_width + (width if goes_on else 0), bias=False)

    def forward(self, hidden: Tensor, condition: Tensor | None) -> tuple[Tensor, Tensor]:
        """N×T×C to N×T×C and N×T×S."""
        past = F.pad(hidden, (0, 0, self.dilation, 0))[:, : hidden.shape[1]]
        both = self.gated(torch.cat([past, hidden], 2))
        if condition is not None:
            both = both + condition
        filtered, gate = both.chunk(2, 2)
        made = self.out(torch.tanh(filtered) * torch.sigmoid(gate))
        return (hidden + made[..., : self.width], made[..., self.width :]) if self.goes_on else (hidden, made)
