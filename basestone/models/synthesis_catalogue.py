"""Models that speak. Each maps N×(C+S) int64 (``data.speech.spoken.requests``) to N×T waveforms.

Imports no torch until asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from annotated_types import Interval

from basestone.core.errors import UsageError, did_you_mean
from basestone.core.registry import NaturalInt, OpenFraction, PositiveFloat, PositiveInt
from basestone.core.spec import DataSpec, SpeechSpec
from basestone.models.randomness import own_randomness

if TYPE_CHECKING:
    from torch import nn


def tacotron2(
    spec: DataSpec,
    *,
    conditions: list[str] | None = None,
    condition_width: PositiveInt = 16,
    encoder: Annotated[int, Interval(ge=8)] = 128,
    decoder: Annotated[int, Interval(ge=8)] = 256,
    prenet: PositiveInt = 128,
    attention: PositiveInt = 96,
    attention_filters: PositiveInt = 16,
    attention_kernel: PositiveInt = 15,
    reduction: Annotated[int, Interval(ge=1, le=8)] = 2,
    postnet: PositiveInt = 128,
    postnet_layers: Annotated[int, Interval(ge=2, le=8)] = 5,
    drop_rate: OpenFraction = 0.3,
    zoneout: OpenFraction = 0.1,
    mels: Annotated[int, Interval(ge=8, le=128)] = 48,
    window_s: PositiveFloat = 0.05,
    hop_s: PositiveFloat = 0.0125,
    floor: PositiveFloat = 1e-3,
    longest: Annotated[float, Interval(gt=0)] = 1.0,
    rounds: PositiveInt = 40,
    momentum: Annotated[float, Interval(ge=0, lt=1)] = 0.99,
    fits: NaturalInt = 50,
) -> nn.Module:
    """Tacotron 2 with a Griffin–Lim vocoder: text to waveform, learnt with location-sensitive attention.

    ``conditions``: columns of data.groups that say how to speak, None: all; ``encoder``, ``decoder``, ``prenet``,
    ``attention``, ``postnet``: widths; ``reduction``: frames a step; ``drop_rate``: of the convolutions; ``floor``:
    power below which there is silence, where the recording's mean is 1; ``longest``: speech at most, as a share of
    data.max_seconds; ``rounds`` and ``momentum``: of fast Griffin–Lim; ``fits``: of mel to linear power.
    """
    from basestone.models.own.attention import LocationSensitive
    from basestone.models.own.griffin_lim import GriffinLim
    from basestone.models.own.log_mel import LogMel
    from basestone.models.own.tacotron import Encoder, Manner, Postnet, Tacotron
    from basestone.models.own.tacotron_decoder import Decoder

    speech = to_be_spoken(spec, "tacotron2")
    chosen = chosen_columns(speech, conditions)
    if encoder % 2 or not attention_kernel % 2:
        raise UsageError(
            "model.encoder must be even, as its LSTM has two directions, and model.attention_kernel odd; got "
            f"{encoder} and {attention_kernel}."
        )
    memory = encoder + condition_width * len(chosen)
    with own_randomness():
        front = LogMel(speech.sample_rate, mels, window_s, hop_s, floor)
        look = LocationSensitive(decoder, memory, attention, attention_filters, attention_kernel)
        return Tacotron(
            Encoder(len(speech.characters) + 2, encoder, 3, 5, drop_rate),
            Manner([len(values) for _, values in speech.groups], chosen, condition_width),
            Decoder(look, memory, mels, width=decoder, prenet=prenet, reduction=reduction, zoneout=zoneout),
            Postnet(mels, postnet, postnet_layers, 5, drop_rate),
            front,
            GriffinLim(front, rounds, momentum, fits),
            -(-round(longest * speech.max_samples / front.hop + 1) // reduction),
        )


def to_be_spoken(spec: DataSpec, name: str) -> SpeechSpec:
    """UsageError unless the data are texts with recordings of them."""
    if not isinstance(spec, SpeechSpec) or spec.head != "waveform":
        raise UsageError(
            f"The model '{name}' speaks, and must be trained to: set objective: {{kind: synthesis}}, or choose a model "
            "that fits the objective."
        )
    return spec


def chosen_columns(spec: SpeechSpec, conditions: list[str] | None) -> list[int]:
    """The places of the columns that say how to speak; UsageError where one is not among the data's groups."""
    names = [name for name, _ in spec.groups]
    for name in conditions or ():
        if name not in names:
            raise UsageError(
                f"model.conditions must name columns of data.groups; got '{name}'.{did_you_mean(name, names)}"
            )
    return [place for place, name in enumerate(names) if conditions is None or name in conditions]
