"""A WaveNet as the vocoder of a model that speaks: the sound of its mel frames, learnt from recordings.

Shen et al. 2018 (arXiv:1712.05884, section 2.3). Differs: the WaveNet is of the frames of real recordings, not of those
that the model would have said of their texts. N utterances, M mel bands, F frames, T = (F − 1) · hop samples.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from basestone.core.errors import UsageError
from basestone.models.own.log_mel import LogMel
from basestone.models.own.tacotron import Tacotron
from basestone.models.own.wavenet import WaveNet
from basestone.models.synthesise import Speaker

SEED = 0  # of the draws, as of Griffin–Lim's phases
HEARD = ("width", "hop", "size")  # what must be alike in two front ends, besides their filters


class NeuralVocoder(nn.Module):
    """N×M×F log-mel frames of speech at a mean power of 1 to N×T waveforms, drawn sample after sample.

    All utterances have the same luck, so that none depends on its neighbours' number or order, but for the rounding of
    matrix products of other sizes, which a draw can turn into another sample.
    """

    def __init__(self, net: WaveNet, level: float, temperature: float) -> None:
        """``level``: root mean square of the recordings that ``net`` was trained on."""
        super().__init__()
        self.net, self.level, self.temperature = net, level, temperature

    @torch.no_grad()
    def forward(self, log_mel: Tensor) -> Tensor:
        """See the class. On shapes without numbers: the same operations, all samples at once."""
        assert self.net.front is not None
        samples = (log_mel.shape[2] - 1) * self.net.front.hop
        frames = (log_mel + 2 * math.log(self.level)).clamp(min=math.log(self.net.front.floor))
        if log_mel.is_meta:
            before = log_mel.new_zeros(len(log_mel), samples, self.net.width)
            return self.net.following(before, self.net.conditions(None, frames))[:, :, 0]
        speaker = Speaker(
            self.net, rows=len(frames), frames=frames, seed=SEED, temperature=self.temperature, alike=True
        )
        return torch.from_numpy(speaker.say(samples)).to(log_mel) / self.level


def give_voice(model: nn.Module, net: nn.Module, level: float, temperature: float) -> None:
    """Puts ``net`` in the place of the vocoder of ``model``; UsageError where the two do not fit."""
    if not isinstance(model, Tacotron):
        raise UsageError(f"Only a model that speaks takes a vocoder, and {type(model).__name__} does not speak.")
    if not isinstance(net, WaveNet) or net.front is None or net.told:
        raise UsageError(
            "A vocoder must be a WaveNet that is told mel frames and nothing else. Set model.frames: true and "
            "objective.condition_on: []."
        )
    if not level:
        raise UsageError(
            "A vocoder must have learnt recordings of one level, as mel frames of speech tell no other. Set "
            "objective.level: 0.1."
        )
    if different := _apart(model.front, net.front):
        raise UsageError(
            f"A vocoder must be told the frames that the model says, and they differ: {different}. Give both models "
            "the same mels, window_s and hop_s, and the same data.sample_rate."
        )
    model.vocoder = NeuralVocoder(net, level, temperature)


def _apart(said: LogMel, heard: LogMel) -> str:
    """In what two front ends differ, in words; empty where they are alike."""
    found = [(name, getattr(said, name), getattr(heard, name)) for name in HEARD]
    found.append(("mels", len(said.filters), len(heard.filters)))
    if all(one == other for _, one, other in found) and not torch.equal(said.filters, heard.filters):
        return "the filters of their sample rates"
    return ", ".join(f"{name} {one} and {other}" for name, one, other in found if one != other)
