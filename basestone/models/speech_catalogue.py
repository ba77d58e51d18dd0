"""Models of speech that a recipe may name. Each maps N×T waveforms to what ``spec.head`` asks for.

Imports no torch until asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

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

    speech = speech_only(spec, "speech_net")
    with own_randomness():
        front = LogMel(speech.sample_rate, mels, window_s, hop_s, floor)
        return SpeechNet(
            front,
            mels,
            list(widths),
            width,
            cell,
            speech.num_classes,
            speech.head,
            drop_rate,
            masked_mels,
            masked_frames,
        )


def speech_only(spec: DataSpec, name: str) -> SpeechSpec:
    """UsageError unless the data are speech."""
    if not isinstance(spec, SpeechSpec):
        raise UsageError(f"The model '{name}' hears recordings, and these data are none. Choose another model.")
    return spec
