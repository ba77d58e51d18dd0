"""Tacotron 2 of our own (Shen et al. 2018, arXiv:1712.05884): from a text, and how it is to be said, to sound.

Differs: of the widths of its options, small by default; groups of frames as in the first Tacotron; Griffin–Lim until a
WaveNet is put in its place (``models.vocoder``); speaker, accent and rate as embeddings beside every character (Jia et
al. 2018, arXiv:1806.04558, section 2.2, has the speaker's there). N utterances, C columns of how they are said, S
characters, F frames, M bands, T samples.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from basestone.core.utterance import Taught
from basestone.core.waves import held_samples
from basestone.models.own.log_mel import LogMel, levelled
from basestone.models.own.masked import BothWays, MaskedConv, inside
from basestone.models.own.tacotron_decoder import Decoder, Said

LEVEL = 0.1  # root mean square of what is said, where full scale is 1


class Tacotron(nn.Module):
    """N×(C+S) int64 to N×T waveforms, zeros behind each; with N×T recordings to what it says of them, ``Taught``."""

    input_dtype = torch.int64

    def __init__(
        self,
        encoder: Encoder,
        manner: Manner,
        decoder: Decoder,
        postnet: Postnet,
        front: LogMel,
        vocoder: nn.Module,
        limit: int,
    ) -> None:
        """``vocoder``: N×M×F log-mel of ``front`` to N×T; ``limit``: the most groups that it says of one text."""
        super().__init__()
        self.front, self.scale = front, MelScale(decoder.mels)
        self.encoder, self.manner, self.decoder, self.postnet = encoder, manner, decoder, postnet
        self.vocoder, self.limit = vocoder, limit

    def forward(self, inputs: Tensor, recordings: Tensor | None = None) -> Tensor | Taught:
        """See the class."""
        if recordings is not None:
            return self.taught(inputs, recordings)
        mel, said = self.mel(inputs)
        return self.sound(mel, said.groups * self.decoder.reduction)

    def taught(self, inputs: Tensor, recordings: Tensor) -> Taught:
        """Teacher forcing: each group follows the frames that really came."""
        mel, frames = self.heard(recordings)
        memory, mask = self._read(inputs)
        said = self.decoder.taught(memory, mask, mel)
        held = inside(frames, mel.shape[1])
        return Taught(
            mel=mel,
            before=said.frames,
            after=said.frames + self.postnet(said.frames, held),
            stops=said.stops,
            attention=said.attention,
            frames=frames,
            groups=frames // self.decoder.reduction,
            characters=mask.sum(1).long(),
        )

    @torch.no_grad()
    def mel(self, inputs: Tensor, draw: int = 0) -> tuple[Tensor, Said]:
        """What it says by itself, N×F×M normalised and silent behind each end; ``draw`` chooses the take."""
        memory, mask = self._read(inputs)
        said = self.decoder.spoken(memory, mask, limit=self.limit, draw=draw)
        held = inside(said.groups * self.decoder.reduction, said.frames.shape[1])
        mel = said.frames + self.postnet(said.frames, held)
        return torch.where(held[:, :, None] > 0, mel, self.silence), said

    @torch.no_grad()
    def sound(self, mel: Tensor, frames: Tensor) -> Tensor:
        """N×T waveforms of N×F×M frames, of which ``frames`` (N) count; utterances of one length are made together."""
        log_mel = self.scale.undone(mel).transpose(1, 2)
        waves = mel.new_zeros(len(mel), max(1, (mel.shape[1] - 1) * self.front.hop))
        if mel.is_meta:
            return self.vocoder(log_mel)
        for length in frames.unique().tolist():
            chosen = frames == length
            made = LEVEL * self.vocoder(log_mel[chosen, :, :length])
            waves[chosen, : made.shape[1]] = made.clamp(-1, 1)
        return waves

    def heard(self, recordings: Tensor) -> tuple[Tensor, Tensor]:
        """N×F×M of recordings, normalised, whole groups of frames, silent behind each end; and N, their frames."""
        held, reduction = held_samples(recordings), self.decoder.reduction
        mel = self.scale(self.front(levelled(recordings, held)).transpose(1, 2))
        own = self.front.frames(held)
        mel = functional.pad(mel, (0, 0, 0, -mel.shape[1] % reduction))
        mel = torch.where(inside(own, mel.shape[1])[:, :, None] > 0, mel, self.silence)
        return mel, (own + reduction - 1) // reduction * reduction

    @property
    def silence(self) -> Tensor:
        """M: a frame without sound, normalised."""
        return self.scale(torch.full_like(self.scale.mean, self.front.floor).log())

    @torch.no_grad()
    def learn_scale(self, recordings: Tensor) -> None:
        """Takes the mean and deviation of every band from some recordings, N×T."""
        held = held_samples(recordings)
        mel = self.front(levelled(recordings, held)).transpose(1, 2)
        self.scale.learn(mel[inside(self.front.frames(held), mel.shape[1]) > 0])

    def _read(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """N×S×D of the characters with how they are to be said, and N×S: 1 for a character, 0 behind the end."""
        characters = inputs[:, self.manner.columns :]
        mask = (characters > 0).float()
        return self.manner(self.encoder(characters, mask), inputs[:, : self.manner.columns]), mask


class Encoder(nn.Module):
    """Characters to N×S×width: an embedding, convolutions, and an LSTM in both directions (section 2.2)."""

    def __init__(self, symbols: int, width: int, layers: int, kernel: int, drop_rate: float) -> None:
        """``symbols``: characters, the end, and 0 for what lies behind it."""
        super().__init__()
        self.embed = nn.Embedding(symbols, width, padding_idx=0)
        self.convs = nn.ModuleList([MaskedConv(width, width, kernel, drop_rate) for _ in range(layers)])
        self.recurrent = BothWays(nn.LSTM, width, width // 2)

    def forward(self, characters: Tensor, mask: Tensor) -> Tensor:
        """N×S int64 and N×S."""
        hidden = self.embed(characters).transpose(1, 2)
        for conv in self.convs:
            hidden = conv(hidden, mask)
        return self.recurrent(hidden.transpose(1, 2), mask)


class Manner(nn.Module):
    """How something is said, beside every character: N×S×D to N×S×(D + width for each column that counts)."""

    def __init__(self, sizes: Sequence[int], chosen: Sequence[int], width: int) -> None:
        """``sizes``: values of each column; ``chosen``: the columns that count."""
        super().__init__()
        self.columns, self.chosen = len(sizes), tuple(chosen)
        self.embed = nn.ModuleList([nn.Embedding(sizes[column], width) for column in chosen])

    def forward(self, memory: Tensor, how: Tensor) -> Tensor:
        """``how``: N×C int64."""
        told = [embed(how[:, column]) for column, embed in zip(self.chosen, self.embed, strict=True)]
        return torch.cat([memory, *(one[:, None].expand(-1, memory.shape[1], -1) for one in told)], 2)


class Postnet(nn.Module):
    """Convolutions over frames that say what to add to them: N×F×M to N×F×M (section 2.2)."""

    def __init__(self, mels: int, width: int, layers: int, kernel: int, drop_rate: float) -> None:
        """``layers``: at least 2; the last has no activation."""
        super().__init__()
        sizes = [mels, *[width] * (layers - 1), mels]
        kinds = [*[nn.Tanh] * (layers - 1), nn.Identity]
        self.convs = nn.ModuleList(
            [MaskedConv(a, b, kernel, drop_rate, kind) for a, b, kind in zip(sizes, sizes[1:], kinds, strict=False)]
        )

    def forward(self, frames: Tensor, held: Tensor) -> Tensor:
        """``held``: N×F."""
        hidden = (frames * held[:, :, None]).transpose(1, 2)
        for conv in self.convs:
            hidden = conv(hidden, held)
        return hidden.transpose(1, 2)


class MelScale(nn.Module):
    """Every band of log-mel frames at mean 0 and deviation 1 over the training recordings."""

    mean: Tensor
    std: Tensor

    def __init__(self, mels: int) -> None:
        """Changes nothing until it has learnt."""
        super().__init__()
        self.register_buffer("mean", torch.zeros(mels))
        self.register_buffer("std", torch.ones(mels))

    def forward(self, log_mel: Tensor) -> Tensor:
        """Any shape that ends in M."""
        return (log_mel - self.mean) / self.std

    def undone(self, mel: Tensor) -> Tensor:
        """The inverse."""
        return mel * self.std + self.mean

    def learn(self, frames: Tensor) -> None:
        """From L×M log-mel frames; a band without any movement keeps the deviation 1."""
        std = frames.std(0)
        self.mean.copy_(frames.mean(0))
        self.std.copy_(torch.where(std > 1e-3, std, torch.ones_like(std)))
