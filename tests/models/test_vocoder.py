"""A WaveNet as vocoder: which frames it is told, what it then says, and what does not fit."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from basestone.core.errors import UsageError
from basestone.core.spec import SpeechSpec
from basestone.core.waves import held_samples
from basestone.models.catalogue import MODELS
from basestone.models.initialise import default
from basestone.models.model import describe
from basestone.models.own.log_mel import levelled
from basestone.models.own.tacotron import LEVEL
from basestone.models.synthesise import synthesise
from basestone.models.vocoder import SEED, NeuralVocoder, give_voice

RATE, MELS = 8_000, 20
SPEAKS = SpeechSpec(sample_rate=RATE, max_samples=4_000, class_names=("no",), characters="no", head="waveform")
SOUNDS = SpeechSpec(sample_rate=RATE, max_samples=4_000, head="samples", level=0.05)
TEXTS = torch.tensor([[1, 2, 3, 0], [2, 2, 1, 3], [2, 3, 0, 0]])


def built(kind, spec, **options):
    model = MODELS.build(MODELS.options(kind).model_validate({"kind": kind} | options), spec)
    default(model, 0)
    return model.eval()


def tacotron(**options):
    small = {
        "encoder": 8, "decoder": 12, "prenet": 8, "attention": 8, "attention_filters": 2, "attention_kernel": 3,
        "reduction": 2, "postnet": 8, "postnet_layers": 2, "mels": MELS, "hop_s": 0.02, "rounds": 2, "fits": 2,
    }  # fmt: skip
    return built("tacotron2", SPEAKS, **(small | options))


def wavenet(spec=SOUNDS, **options):
    small = {"layers": 3, "blocks": 1, "width": 8, "skip_width": 12, "frames": True, "mels": MELS}
    model = built("wavenet", spec, **(small | {"window_s": 0.05, "hop_s": 0.02} | options))
    with torch.no_grad():  # so that a frame that is another shows
        for weight in model.parameters():
            weight *= 2
    return model


def speech(samples=2_000):
    time = torch.arange(samples) / RATE
    return (0.2 * torch.sin(2 * torch.pi * 300 * time * (1 + time)) + 0.02 * torch.sin(9_000 * time))[None]


def test_the_frames_of_a_model_that_speaks_become_those_of_recordings_at_the_vocoders_level():
    """Log power shifts by the square of the level: the frames of ``level`` · wave, as the WaveNet made them itself."""
    speaks, net, wave = tacotron(), wavenet(), speech()
    said = levelled(wave, held_samples(wave))
    log_mel = speaks.front(said)
    told = []
    net.conditions = lambda numbers, frames: told.append(frames)  # type: ignore[method-assign]
    NeuralVocoder(net, 0.05, 1.0)(log_mel[:, :, :2])
    wanted = net.frames(0.05 * said)[:, :, :2]
    low = math.log(1e-3) + 2 * math.log(0.05)  # what the model that speaks calls silence, at this level
    torch.testing.assert_close(told[0], wanted.clamp(min=low), atol=1e-4, rtol=0)
    assert (wanted > low + 1).any()


def test_it_draws_what_the_slow_way_draws_and_no_utterance_depends_on_its_neighbours():
    net = wavenet()
    log_mel = torch.randn(3, MELS, 4, generator=torch.Generator().manual_seed(1))
    vocoder = NeuralVocoder(net, 0.05, 0.7)
    together, shift = vocoder(log_mel), 2 * math.log(0.05)
    assert together.shape == (3, 3 * 160)
    for row in range(3):
        alone = vocoder(log_mel[row : row + 1])
        torch.testing.assert_close(together[row : row + 1], alone, atol=1e-5, rtol=0)
        frames = log_mel[row : row + 1] + shift
        slow = synthesise(net, 480, frames=frames, seed=SEED, temperature=0.7, cache=False)
        torch.testing.assert_close(alone, torch.from_numpy(slow) / 0.05, atol=1e-5, rtol=0)
    assert (together[0] != together[1]).any()


def test_a_model_speaks_with_the_vocoder_that_it_was_given_at_its_own_level():
    """Planted: the head says one class whatever came before, so every sample is that class's, at the level of both."""
    speaks, net = tacotron(), wavenet()
    before = speaks.mel(TEXTS)[0]
    give_voice(speaks, net, 0.05, 1.0)
    assert torch.equal(speaks.mel(TEXTS)[0], before)
    with torch.no_grad():
        net.head[3].weight.zero_()
        net.head[3].bias.copy_(50.0 * nn.functional.one_hot(torch.tensor(150), 256))
        waves = speaks(TEXTS)
    held = held_samples(waves)
    said = ((1 + 255) ** (2 * 150 / 255 - 1) - 1) / 255  # μ-law of class 150, by hand
    for wave, length in zip(waves, held.tolist(), strict=True):
        torch.testing.assert_close(wave[:length], torch.full((length,), said * LEVEL / 0.05), atol=1e-3, rtol=0)


def test_every_sample_of_the_longest_text_is_counted():
    """A sample of WaveNet's costs its matrices, where Griffin–Lim fitted 257 frequencies to the bands, twice."""
    speaks, net = tacotron(), wavenet()
    plain = describe(speaks, (4,)).flops
    give_voice(speaks, net, 0.05, 1.0)
    frames = speaks.limit * speaks.decoder.reduction
    layers = sum(2 * 16 * 16 + 2 * 8 * (12 + 8 * goes_on) for goes_on in (1, 1, 0))
    sample = layers + 2 * 12 * 12 + 2 * 12 * 256
    hearing = frames * 2 * MELS * 3 * 2 * 8 * 3
    fitting = 6 * 2 * 257 * MELS * frames
    more = describe(speaks, (4,)).flops - plain
    assert more == (frames - 1) * 160 * sample + hearing - fitting


@pytest.mark.parametrize(
    ("speaks", "net", "level", "says"),
    [
        (lambda: nn.Linear(1, 1), wavenet, 0.1, "Only a model that speaks takes a vocoder, and Linear"),
        (tacotron, tacotron, 0.1, "must be a WaveNet that is told mel frames"),
        (tacotron, lambda: wavenet(frames=False), 0.1, "Set model.frames: true"),
        (
            tacotron,
            lambda: wavenet(SpeechSpec(sample_rate=RATE, max_samples=9, head="samples", conditions=(("a", ("b",)),))),
            0.1,
            "objective.condition_on",
        ),
        (tacotron, wavenet, 0.0, "Set objective.level: 0.1"),
        (tacotron, lambda: wavenet(hop_s=0.01), 0.1, "they differ: hop 160 and 80"),
        (tacotron, lambda: wavenet(mels=24), 0.1, "they differ: mels 20 and 24"),
        (
            tacotron,
            lambda: wavenet(SpeechSpec(sample_rate=16_000, max_samples=9, head="samples"), window_s=0.025, hop_s=0.01),
            0.1,
            "they differ: the filters of their sample rates",
        ),
    ],
)
def test_what_does_not_fit_is_refused(speaks, net, level, says):
    with pytest.raises(UsageError, match=says):
        give_voice(speaks(), net(), level, 1.0)
