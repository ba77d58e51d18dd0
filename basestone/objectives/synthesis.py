"""Learning to speak from texts and recordings of them. Torch-free when imported: ``check`` reads the table.

N utterances, F frames, G groups, M bands, S characters. What lies behind an utterance's end counts in no part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from basestone.core.contracts import Loss, Objective, View
from basestone.core.registry import NonNegativeFloat, PositiveFloat

if TYPE_CHECKING:
    from torch import Tensor, nn

    from basestone.core.batch import Batch
    from basestone.core.utterance import Taught


@dataclass(frozen=True)
class _Synthesis:
    view: View
    stop_weight: float
    guide_weight: float
    guide_width: float

    def __call__(self, model: nn.Module, batch: Batch) -> Loss:
        """The recordings go into the model with the texts."""
        told: Taught = model(batch.inputs, batch.targets)
        each = mel_errors(told.before, told) + mel_errors(told.after, told) + stop_errors(told, self.stop_weight)
        if self.guide_weight:
            each = each + self.guide_weight * strayed(told, self.guide_width)
        return Loss(total=each.sum(), count=len(batch))


def synthesis(
    *, stop_weight: PositiveFloat = 5.0, guide_weight: NonNegativeFloat = 1.0, guide_width: PositiveFloat = 0.2
) -> Objective:
    """Squared error of mel frames before and after the postnet, and cross-entropy of the stop (arXiv:1712.05884).

    Each is a mean over an utterance's own frames, summed over utterances. ``stop_weight``: of the last group, of which
    there is one among many; ``guide_weight``: of guided attention (Tachibana et al. 2018, section 4.1), 0: without;
    ``guide_width``: its g, how far from the diagonal attention may be.
    """
    return _Synthesis(View(kind="spoken"), stop_weight, guide_weight, guide_width)


def mel_errors(said: Tensor, told: Taught) -> Tensor:
    """N: the mean squared error of N×F×M frames over those that each recording has."""
    held = _inside(told.frames, said.shape[1])
    squares = (said.float() - told.mel).square().mean(2)
    return (squares * held).sum(1) / told.frames


def stop_errors(told: Taught, weight: float) -> Tensor:
    """N: the mean binary cross-entropy over an utterance's groups, the last of which is where it stops."""
    import torch
    from torch.nn import functional

    place = torch.arange(told.stops.shape[1], device=told.stops.device)
    last = (place == told.groups[:, None] - 1).float()
    each = functional.binary_cross_entropy_with_logits(
        told.stops.float(), last, reduction="none", pos_weight=last.new_tensor(weight)
    )
    return (each * _inside(told.groups, len(place))).sum(1) / told.groups


def strayed(told: Taught, width: float) -> Tensor:
    """N: the mean over groups and characters of attention times how far from the diagonal it is.

    1 − exp(−(s/S − g/G)² / 2·width²) (Tachibana et al. 2018, arXiv:1710.08969, section 4.1).
    """
    import torch

    steps, places = told.attention.shape[1:]
    said = torch.arange(steps, device=told.attention.device) / told.groups[:, None]
    read = torch.arange(places, device=told.attention.device) / told.characters[:, None]
    penalty = 1 - torch.exp(-((read[:, None] - said[:, :, None]) ** 2) / (2 * width**2))
    held = _inside(told.groups, steps)[:, :, None] * _inside(told.characters, places)[:, None]
    return (told.attention * penalty * held).sum((1, 2)) / (told.groups * told.characters)


def _inside(lengths: Tensor, places: int) -> Tensor:
    import torch

    return (torch.arange(places, device=lengths.device) < lengths[:, None]).float()
