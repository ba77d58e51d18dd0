"""Encoders of sound from the transformers library as they are used here, with the head that answers.

No answer depends on how far a batch was padded. N recordings of T samples, C channels, F frames, D wide, K answers.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize

from basestone.core.waves import held_samples
from basestone.models.own.log_mel import held_places, mel_filters
from basestone.models.own.masked import inside
from basestone.models.own.speech_net import silenced
from basestone.models.own.text_model import pooled

QUIET = 1e-7  # added to a recording's variance, as the library does
SOFTEST = 1e-10  # mel power


class SpeechEncoder(nn.Module):
    """N×T float32 waveforms to N×K logits of classes, or N×F×K of characters."""

    def __init__(
        self,
        body: Convolved | Whisper,
        width: int,
        num_outputs: int,
        head: Literal["classes", "characters"],
        drop_rate: float,
    ) -> None:
        """``width``: of the body's states, whose mean over a recording's frames answers for the whole of it."""
        super().__init__()
        self.body, self.answers = body, head
        self.dropout, self.head = nn.Dropout(drop_rate), nn.Linear(width, num_outputs)

    def forward(self, waves: Tensor) -> Tensor:
        """See the class."""
        hidden, mask = self.body(waves)
        if self.answers == "characters":
            return silenced(self.head(self.dropout(hidden)), mask)
        return self.head(self.dropout(pooled(hidden, mask > 0, "mean")))

    def held_places(self, waves: Tensor, places: int) -> Tensor:
        """N×places booleans: which of as many even parts of what the body hears begin before the recording ends."""
        return held_places(self.body.padded(waves), places)

    def reset_layer(self, name: str, layer: nn.Module) -> bool:
        """Gives a layer of the body the values that its paper starts from; says whether it has a rule for it."""
        return name.startswith("body.") and self.body.reset_layer(layer)


class Convolved(nn.Module):
    """wav2vec 2.0 (arXiv:2006.11477) or HuBERT (arXiv:2106.07447): convolutions over samples, then a Transformer.

    Differs from the library: a norm over time (``feat_extract_norm: group``) has its statistics from the recording
    alone, so that frames are those of the recording without padding; the weight norm of the positions' convolution is
    folded into its weight; in training no layer is skipped and no frame hidden.
    """

    def __init__(self, model: nn.Module, *, normalize: bool, std: float) -> None:
        """``normalize``: recordings at mean 0 and deviation 1 first; ``std``: of linear layers as they start."""
        super().__init__()
        for layer in model.modules():
            if parametrize.is_parametrized(layer, "weight"):
                parametrize.remove_parametrizations(layer, "weight")
        self.model, self.normalize, self.std = model, normalize, std
        convs: Any = model.get_submodule("feature_extractor.conv_layers")
        self.shapes = [(layer.conv.kernel_size[0], layer.conv.stride[0]) for layer in convs]

    @property
    def reach(self) -> int:
        """Samples that one frame is made of."""
        samples = 1
        for kernel, stride in reversed(self.shapes):
            samples = (samples - 1) * stride + kernel
        return samples

    def forward(self, waves: Tensor) -> tuple[Tensor, Tensor]:
        """N×F×D, and N×F: 1 for a frame that lies in its recording, of which there is one at least."""
        model: Any = self.model
        held, sound = held_samples(waves), self.padded(waves)
        sound = standardised(sound, held) if self.normalize else sound
        hidden, frames = self._frames(sound[:, None], held)
        mask = inside(frames, hidden.shape[2])
        hidden = model.feature_projection(hidden.transpose(1, 2))
        hidden = hidden[0] if isinstance(hidden, tuple) else hidden
        told = None if waves.is_meta else mask > 0
        return model.encoder(hidden, attention_mask=told).last_hidden_state, mask

    def padded(self, waves: Tensor) -> Tensor:
        """N×T with T long enough for one frame."""
        return functional.pad(waves, (0, max(0, self.reach - waves.shape[1])))

    def reset_layer(self, layer: nn.Module) -> bool:
        """As the library's own initialisation, but linear layers alike."""
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=self.std)
            nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.Conv1d) and layer.groups > 1:
            nn.init.normal_(layer.weight, std=2 / math.sqrt(layer.kernel_size[0] * layer.in_channels))
            nn.init.zeros_(layer.bias)  # pyright: ignore[reportArgumentType]
        elif isinstance(layer, nn.Conv1d):
            layer.reset_parameters()
            nn.init.kaiming_normal_(layer.weight)
        else:
            return False
        return True

    def _frames(self, hidden: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        """N×1×T, of which N samples count, to N×C×F and the frames that lie within those samples."""
        layers: Any = self.model.get_submodule("feature_extractor.conv_layers")
        for layer, (kernel, stride) in zip(layers, self.shapes, strict=True):
            frames = ((frames - kernel) // stride + 1).clamp(min=1)
            norm = getattr(layer, "layer_norm", None)
            if isinstance(norm, nn.GroupNorm):
                hidden = layer.activation(normed_inside(layer.conv(hidden), frames, norm))
            else:
                hidden = layer(hidden)
        return hidden, frames


class Whisper(nn.Module):
    """The encoder of Whisper (arXiv:2212.04356) on its own log-mel frames, two of which make one of its states.

    Differs: it hears the data's longest recording, with silence behind shorter ones, in place of 30 seconds.
    """

    window: Tensor
    filters: Tensor

    def __init__(self, model: nn.Module, places: int, sample_rate: int, mels: int, std: float) -> None:
        """``places``: of 20 ms that it hears at once; ``std``: of weights as they start."""
        super().__init__()
        table: Any = model.get_parameter("embed_positions.weight")
        model.set_submodule("embed_positions", Positions(table.detach()[:places].clone()))
        self.model, self.places, self.std = model, places, std
        self.size, self.hop = round(0.025 * sample_rate), round(0.01 * sample_rate)
        filters = torch.from_numpy(mel_filters(sample_rate, self.size, mels)).float()
        self.register_buffer("filters", filters, persistent=False)
        self.register_buffer("window", torch.hann_window(self.size), persistent=False)

    def forward(self, waves: Tensor) -> tuple[Tensor, Tensor]:
        """As ``Convolved.forward``."""
        model: Any = self.model
        frames = -(-held_samples(waves) // (2 * self.hop))
        return model(self.log_mel(waves)).last_hidden_state, inside(frames, self.places)

    def padded(self, waves: Tensor) -> Tensor:
        """N×T to all that it hears at once."""
        return functional.pad(waves, (0, 2 * self.places * self.hop - waves.shape[1]))

    def log_mel(self, waves: Tensor) -> Tensor:
        """N×T to N×M×2P: log10 of mel power, at least that of the recording's loudest less 8, on a scale around 0."""
        sound = self.padded(waves)
        with torch.autocast("cpu" if waves.is_meta else waves.device.type, enabled=False):
            spectrum = torch.stft(sound.float(), self.size, self.hop, window=self.window, return_complex=True)
            power = (spectrum.real.square() + spectrum.imag.square())[..., :-1]
            found = (self.filters @ power).clamp(min=SOFTEST).log10()
            return (torch.maximum(found, found.amax((1, 2), keepdim=True) - 8) + 4) / 4

    def reset_layer(self, layer: nn.Module) -> bool:
        """As the library's own initialisation."""
        if not isinstance(layer, (nn.Linear, nn.Conv1d)):
            return False
        nn.init.normal_(layer.weight, std=self.std)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
        return True


class Positions(nn.Module):
    """A fixed table of positions, P×D, which no initialisation may touch."""

    weight: Tensor

    def __init__(self, table: Tensor) -> None:
        """``table``: the library's, as far as it is needed."""
        super().__init__()
        self.num_embeddings = len(table)
        self.register_buffer("weight", table)

    def forward(self, places: Tensor) -> Tensor:
        """Int64 of any shape to …×D."""
        return self.weight[places]


def standardised(waves: Tensor, held: Tensor) -> Tensor:
    """N×T with each recording at mean 0 and deviation 1 over its N ``held`` samples; 0 behind it."""
    own = inside(held, waves.shape[1])
    mean = waves.sum(1, keepdim=True) / held[:, None]
    away = (waves - mean) * own
    return away / (away.square().sum(1, keepdim=True) / held[:, None] + QUIET).sqrt()


def normed_inside(x: Tensor, frames: Tensor, norm: nn.GroupNorm) -> Tensor:
    """N×C×F through a group norm of one channel a group, whose statistics are of the N first ``frames`` alone."""
    if x.is_meta:
        return norm(x)
    own, count = inside(frames, x.shape[2])[:, None], frames[:, None, None]
    away = x.float() - (x.float() * own).sum(2, keepdim=True) / count
    variance = (away.square() * own).sum(2, keepdim=True) / count
    return away * (variance + norm.eps).rsqrt() * norm.weight[:, None] + norm.bias[:, None]
