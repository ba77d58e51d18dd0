"""The decoder of Tacotron 2: frame after frame from what it last said and from where it looks in the text.

N utterances, S characters, D memory width, G groups of ``reduction`` frames each, M mel bands, P prenet width, H state
width. A group is said in one step (Wang et al. 2017, arXiv:1703.10135, section 3.3); reduction 1 is the paper's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from basestone.models.own.attention import LocationSensitive

STOPS = 0.5  # the probability above which a group is the last


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a decoder is: both LSTMs' states, what it sees (N×D), where it looked (N×2×S), and what it reads."""

    first: tuple[Tensor, Tensor]
    second: tuple[Tensor, Tensor]
    context: Tensor
    looked: Tensor
    memory: Tensor
    keys: Tensor
    mask: Tensor


@dataclass(frozen=True, kw_only=True)
class Said:
    """``frames`` N×G·reduction×M, ``stops`` N×G logits, ``attention`` N×G×S, ``groups`` N: up to the one that stops."""

    frames: Tensor
    stops: Tensor
    attention: Tensor
    groups: Tensor


class Decoder(nn.Module):
    """Prenet, an LSTM that asks, attention, an LSTM that answers, and the projections to frames and to the stop.

    The query is the first LSTM's output, and the second one sees what was found for it. Differs: the paper (section
    2.2) does not say whose state is the query.
    """

    def __init__(
        self,
        attention: LocationSensitive,
        memory: int,
        mels: int,
        *,
        width: int,
        prenet: int,
        reduction: int,
        zoneout: float,
    ) -> None:
        """``zoneout``: how often a state is kept instead of moved in training (Krueger et al. 2017)."""
        super().__init__()
        self.mels, self.reduction, self.zoneout, self.width = mels, reduction, zoneout, width
        self.prenet = Prenet(mels, prenet)
        self.first = nn.LSTMCell(prenet + memory, width)
        self.attention = attention
        self.second = nn.LSTMCell(width + memory, width)
        self.frames = nn.Linear(width + memory, mels * reduction)
        self.stop = nn.Linear(width + memory, 1)

    def taught(self, memory: Tensor, mask: Tensor, mel: Tensor) -> Said:
        """What it says when each step is given the last frame that really came; ``mel`` N×G·reduction×M."""
        spoken = mel[:, self.reduction - 1 :: self.reduction]
        heard = torch.cat([torch.zeros_like(spoken[:, :1]), spoken[:, :-1]], 1)
        place, found = self._start(memory, mask), list[Tensor]()
        weights = list[Tensor]()
        for read in self.prenet(heard, 0, draw=0).unbind(1):
            out, place = self._step(read, place)
            found.append(out)
            weights.append(place.looked[:, 0])
        groups = torch.full((len(mel),), len(found), device=mel.device)
        return self._said(torch.stack(found, 1), torch.stack(weights, 1), groups)

    def spoken(self, memory: Tensor, mask: Tensor, *, limit: int, draw: int) -> Said:
        """What it says by itself until each utterance stops, at most ``limit`` groups; ``draw`` chooses the take."""
        n, last = len(memory), memory.new_zeros(len(memory), self.mels)
        place, found = self._start(memory, mask), list[Tensor]()
        weights, groups = list[Tensor](), torch.full((n,), limit, device=memory.device)
        for step in range(limit):
            out, place = self._step(self.prenet(last[:, None], step, draw=draw)[:, 0], place)
            found.append(out)
            weights.append(place.looked[:, 0])
            last = self.frames(out)[:, -self.mels :]
            if memory.is_meta:
                continue
            ends = (self.stop(out).squeeze(1).sigmoid() > STOPS) & (groups == limit)
            groups = torch.where(ends, torch.full_like(groups, step + 1), groups)
            if bool((groups <= step + 1).all()):
                break
        return self._said(torch.stack(found, 1), torch.stack(weights, 1), groups)

    def _start(self, memory: Tensor, mask: Tensor) -> Place:
        still = memory.new_zeros(len(memory), self.width)
        return Place(
            first=(still, still),
            second=(still, still),
            context=memory.new_zeros(len(memory), memory.shape[2]),
            looked=memory.new_zeros(len(memory), 2, memory.shape[1]),
            memory=memory,
            keys=self.attention.keys(memory),
            mask=mask,
        )

    def _step(self, read: Tensor, at: Place) -> tuple[Tensor, Place]:
        """One group: what both projections read, N×(H+D), and the place after it. ``read``: N×P."""
        first = self._moved(self.first(torch.cat([read, at.context], 1), at.first), at.first)
        weights = self.attention(first[0], at.keys, at.mask, at.looked)
        context = torch.bmm(weights[:, None], at.memory).squeeze(1)
        second = self._moved(self.second(torch.cat([first[0], context], 1), at.second), at.second)
        looked = torch.stack([weights, at.looked[:, 1] + weights], 1)
        after = replace(at, first=first, second=second, context=context, looked=looked)
        return torch.cat([second[0], context], 1), after

    def _moved(self, new: tuple[Tensor, Tensor], old: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Zoneout: a share of the units keeps its old value; without training all move by their expectation."""
        if not self.zoneout:
            return new
        pairs = zip(new, old, strict=True)
        if not self.training:
            hidden, cell = (self.zoneout * before + (1 - self.zoneout) * after for after, before in pairs)
        else:
            hidden, cell = (
                torch.where(torch.rand_like(after) < self.zoneout, before, after) for after, before in pairs
            )
        return hidden, cell

    def _said(self, out: Tensor, weights: Tensor, groups: Tensor) -> Said:
        n, steps, _ = out.shape
        frames = self.frames(out).reshape(n, steps * self.reduction, self.mels)
        return Said(frames=frames, stops=self.stop(out).squeeze(2), attention=weights, groups=groups)


class Prenet(nn.Module):
    """Two layers with dropout of one half, which stays on when it speaks (Shen et al. 2018, section 2.2).

    In training by the loop's own randomness. Otherwise by a stream that the take's number and the step name, the same
    for every utterance of a batch, so that an answer is a function of the model, the text and the take.
    """

    def __init__(self, inputs: int, width: int) -> None:
        """``width``: of both layers."""
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(inputs, width), nn.Linear(width, width)])
        self.width = width

    def forward(self, x: Tensor, step: int, *, draw: int) -> Tensor:
        """N×G×M to N×G×P, of the steps from ``step`` on."""
        for number, layer in enumerate(self.layers):
            x = functional.relu(layer(x))
            if self.training or x.is_meta:
                x = functional.dropout(x, 0.5, self.training)
            else:
                x = 2 * x * torch.stack([self._kept(draw, number, step + after) for after in range(x.shape[1])]).to(x)
        return x

    def _kept(self, draw: int, layer: int, step: int) -> Tensor:
        stream = torch.Generator().manual_seed((draw * 2 + layer) * 100_003 + step)
        return torch.rand(self.width, generator=stream) < 0.5
