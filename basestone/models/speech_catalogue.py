"""Models of speech that a recipe may name. Each maps N×T waveforms to what ``spec.head`` asks for.

Imports no torch until asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Interval, Len

from basestone.core.errors import UsageError
from basestone.core.registry import NaturalInt, OpenFraction, PositiveFloat, PositiveInt
from basestone.core.spec import DataSpec, SpeechSpec
from basestone.models.randomness import own_randomness

if TYPE_CHECKING:
    from torch import nn

Widths = Annotated[list[PositiveInt], Len(min_length=1, max_length=5)]


def speech_net(
    spec: DataSpec,
    *,
    widths: Widths = [24, 32, 48],  # noqa: B006  the schema copies it, and nothing here changes it
    width: Annotated[int, Interval(ge=8)] = 128,
    cell: Literal["none", "gru"] = "gru",
    mels: Annotated[int, Interval(ge=8, le=128)] = 40,
    window_s: PositiveFloat = 0.025,
    hop_s: PositiveFloat = 0.01,
    floor: PositiveFloat = 1e-3,
    drop_rate: OpenFraction = 0.2,
    masked_mels: NaturalInt = 8,
    masked_frames: NaturalInt = 12,
) -> nn.Module:
    """A small network of our own: log-mel of the levelled waveform, residual convolutions, a GRU both ways.

    ``widths``: channels of each stage, which halves the mel bands (the first one the frames as well); ``width``: of
    what follows; ``floor``: power below which there is silence, where the recording's mean is 1; ``masked_mels`` and
    ``masked_frames``: the widest masks of SpecAugment in training.
    """
    from basestone.models.own.log_mel import LogMel
    from basestone.models.own.speech_net import SpeechNet

    speech, head = _to_be_heard(spec, "speech_net")
    with own_randomness():
        front = LogMel(speech.sample_rate, mels, window_s, hop_s, floor)
        return SpeechNet(
            front,
            mels,
            list(widths),
            width,
            cell,
            speech.num_classes,
            head,
            drop_rate,
            masked_mels,
            masked_frames,
        )


def speech_transformers(
    spec: DataSpec,
    *,
    path: str | None = None,
    revision: str | None = None,
    pretrained: bool = True,
    config: dict[str, Any] | None = None,
    normalize: bool | None = None,
    drop_rate: OpenFraction = 0.1,
) -> nn.Module:
    """wav2vec 2.0, HuBERT or Whisper's encoder: a local folder, or a model of the hub (uses the network).

    ``pretrained``: with its weights (safetensors), else its architecture alone; ``config``: the network's own
    configuration with its ``model_type``, None: read from ``path``; ``normalize``: each recording at mean 0 and
    deviation 1, None: as the weights' folder says, else yes (Whisper has a scale of its own); ``drop_rate``: before
    the head.
    """
    from basestone.models.sources import speech_transformers as source

    speech, head = _to_be_heard(spec, "speech_transformers")
    with own_randomness():
        return source.build(
            speech,
            head,
            path,
            revision=revision,
            pretrained=pretrained,
            config=config,
            normalize=normalize,
            drop_rate=drop_rate,
        )


def wavenet(
    spec: DataSpec,
    *,
    layers: Annotated[int, Interval(ge=1, le=14)] = 9,
    blocks: PositiveInt = 2,
    width: PositiveInt = 32,
    skip_width: PositiveInt = 64,
    output: Literal["softmax", "logistics"] = "softmax",
    mixtures: PositiveInt = 10,
    embedded: PositiveInt = 16,
    frames: bool = False,
    mels: Annotated[int, Interval(ge=8, le=128)] = 40,
    window_s: PositiveFloat = 0.032,
    hop_s: PositiveFloat = 0.01,
    floor: PositiveFloat = 1e-5,
) -> nn.Module:
    """WaveNet, our own: each sample of sound from those before it (arXiv:1609.03499).

    ``layers``: of each block, whose dilations are 1, 2, 4 …; ``output``: a softmax over 256 classes, or a mixture of
    ``mixtures`` logistics; ``embedded``: width of what is told of a recording (objective.condition_on); ``frames``:
    whether it is also told the recording's log-mel frames, as a vocoder is: ``mels`` bands every ``hop_s`` seconds.
    """
    from basestone.models.own.log_mel import LogMel
    from basestone.models.own.sample_odds import odds_of
    from basestone.models.own.wavenet import WaveNet

    speech = speech_only(spec, "wavenet")
    if speech.head != "samples":
        raise UsageError("The model 'wavenet' learns sound sample by sample. Set objective: {kind: audio_lm}.")
    dilations = [2**layer for layer in range(layers)] * blocks
    with own_randomness():
        return WaveNet(
            odds_of(output, mixtures),
            dilations,
            width,
            skip_width,
            values=[len(values) for _, values in speech.conditions],
            embedded=embedded,
            front=LogMel(speech.sample_rate, mels, window_s, hop_s, floor) if frames else None,
            mels=mels,
        )


def _to_be_heard(spec: DataSpec, name: str) -> tuple[SpeechSpec, Literal["classes", "characters"]]:
    """The data and what is asked of them; UsageError unless it is a recording's class or its characters."""
    speech = speech_only(spec, name)
    if speech.head not in ("classes", "characters"):
        raise UsageError(f"The model '{name}' hears and does not speak. Choose another model, or another objective.")
    return speech, speech.head


def speech_only(spec: DataSpec, name: str) -> SpeechSpec:
    """UsageError unless the data are speech."""
    if not isinstance(spec, SpeechSpec):
        raise UsageError(f"The model '{name}' hears recordings, and these data are none. Choose another model.")
    return spec
