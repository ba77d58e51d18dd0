"""WaveNet: what depends on what, against plain dilated convolutions, and the fast way against the slow one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from basestone.core.errors import UsageError
from basestone.core.mu_law import classes_of, waves_of
from basestone.core.spec import SpeechSpec, read_spec
from basestone.models.catalogue import MODELS
from basestone.models.initialise import default
from basestone.models.model import analytic_flops, describe
from basestone.models.own.wavenet import WaveNet
from basestone.models.own.wavenet_steps import Steps
from basestone.models.synthesise import Reread, Speaker, synthesise

TOLD = (("speaker", ("ann", "bob")), ("label", ("no", "yes", "maybe")))
T = 260


def spec(conditions=()):
    return SpeechSpec(sample_rate=8_000, max_samples=8_000, head="samples", conditions=conditions)


def net(conditions=(), **options) -> WaveNet:
    section = {"kind": "wavenet", "layers": 5, "blocks": 2, "width": 8, "skip_width": 12, "mels": 16} | options
    model = MODELS.build(MODELS.options("wavenet").model_validate(section), spec(conditions))
    default(model, 0)
    with torch.no_grad():  # so that what is far away still shows
        for weight in model.parameters():
            weight *= 2
    assert isinstance(model, WaveNet)
    return model.eval()


def waves(n=2, samples=T):
    return 0.4 * torch.randn(n, samples, generator=torch.Generator().manual_seed(1))


def told(sound, *numbers):
    beside = torch.tensor(numbers, dtype=torch.float32)[:, :, None].expand(-1, -1, sound.shape[1])
    return torch.cat([sound[:, None], beside], 1)


def test_a_sample_depends_on_those_before_it_as_far_as_the_reach_and_on_no_other():
    model, sound = net(), waves(1)
    assert model.reach == 1 + 2 * (1 + 2 + 4 + 8 + 16)
    changed = sound.clone()
    changed[0, 100] = -changed[0, 100]
    with torch.no_grad():
        moved = (model(sound) - model(changed)).abs().amax(2)[0]
    assert not moved[:101].any() and not moved[101 + model.reach :].any()
    assert moved[101] > 0 and moved[100 + model.reach] > 0


def test_it_is_the_papers_network_of_dilated_convolutions():
    """Equation 2 and figure 4, with ``conv1d`` of two taps and a dilation in place of products side by side."""
    model, sound = net(), waves()
    classes = classes_of(sound)
    hidden = F.pad(model.embedding(classes[:, :-1]), (0, 0, 1, 0)).transpose(1, 2)
    skips = 0
    for layer in model.layers:
        taps = torch.stack(layer.gated.weight.chunk(2, 1), 2)  # the older sample's weights first
        filtered, gate = F.conv1d(
            F.pad(hidden, (layer.dilation, 0)), taps, layer.gated.bias, dilation=layer.dilation
        ).chunk(2, 1)
        gated = filtered.tanh() * gate.sigmoid()
        made = F.conv1d(gated, layer.out.weight[:, :, None])
        skips = skips + made[:, -12:]
        hidden = hidden + made[:, :8] if layer.goes_on else hidden
    wanted = model.head(skips.transpose(1, 2))
    torch.testing.assert_close(model(sound), wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("output", ["softmax", "logistics"])
@pytest.mark.parametrize("frames", [False, True])
@pytest.mark.parametrize("conditions", [(), TOLD])
def test_the_fast_way_the_slow_way_and_the_whole_at_once_expect_the_same(output, frames, conditions):
    model, sound = net(conditions, output=output, frames=frames), waves()
    numbers = torch.tensor([[1, 3], [2, 1]]) if conditions else None
    classes = classes_of(sound).numpy()
    with torch.no_grad():
        whole = model(sound if numbers is None else told(sound, *numbers.tolist())).numpy()
        given = model.conditions(numbers, model.frames(sound) if frames else None)
    for way in (Steps, Reread):
        steps = way(model, 2, given)
        found = np.stack([steps.advance(classes[:, place - 1] if place else None) for place in range(T)], 1)
        np.testing.assert_allclose(found, whole, atol=1e-5)


def test_both_ways_draw_the_same_sound_and_a_speaker_goes_on_where_it_stopped():
    model = net(TOLD)
    numbers = torch.tensor([[1, 2]])
    fast, slow = (synthesise(model, 200, numbers=numbers, seed=3, cache=cache) for cache in (True, False))
    assert fast.shape == (1, 200) and fast.dtype == np.float32 and (fast == slow).all()
    speaker = Speaker(model, numbers=numbers, seed=3)
    assert (np.concatenate([speaker.say(70), speaker.say(130)], 1) == fast).all()
    assert (synthesise(model, 200, numbers=numbers, seed=4) != fast).any()
    assert set(fast.ravel().tolist()) <= set(waves_of(np.arange(256)).tolist())


def test_a_certain_model_says_what_it_learnt():
    """Planted: the head's bias alone says class 200, whatever came before."""
    model = net()
    with torch.no_grad():
        model.head[3].weight.zero_()
        model.head[3].bias.copy_(20.0 * torch.nn.functional.one_hot(torch.tensor(200), 256))
    assert (synthesise(model, 50) == waves_of(np.array([200]))).all()


def test_what_is_told_matters_and_what_training_never_had_says_nothing():
    model, sound = net(TOLD), waves(1)
    with torch.no_grad():
        plain, none, ann = model(sound), model(told(sound, [0, 0])), model(told(sound, [1, 0]))
    assert torch.equal(plain, none) and (plain - ann).abs().max() > 1e-3


def test_frames_are_drawn_out_in_straight_lines_and_the_last_one_lasts():
    model = net(frames=True)
    width, hop = 2 * model.width, model.front.hop
    given = torch.zeros(1, 3, width * len(model.dilations))
    given[0, 1, :width], given[0, 2, :width] = 80.0, 160.0
    found = model._drawn_out(given, 0, 0, 3 * hop)[0, :, 0]
    assert hop == 80 and found[:161].tolist() == list(range(161)) and set(found[160:].tolist()) == {160.0}
    assert torch.equal(model._drawn_out(given, 0, 100, 60)[0, :, 0], found[100:160])


def test_nats_are_the_cross_entropy_of_what_is_there_and_padding_changes_nothing():
    model, sound = net(), waves()
    targets = classes_of(sound)
    targets[1, 200:] = -100
    with torch.no_grad():
        nats, outputs = model(sound, targets), model(sound)
    wanted = F.cross_entropy(outputs.flatten(0, 1), targets.flatten(), reduction="none", ignore_index=-100)
    torch.testing.assert_close(nats, wanted.view_as(nats), atol=1e-5, rtol=1e-5)
    longer = F.pad(sound[1:, :200], (0, 100))
    behind = F.pad(targets[1:, :200], (0, 100), value=-100)
    with torch.no_grad():
        torch.testing.assert_close(model(longer, behind)[:, :200], nats[1:, :200], atol=1e-5, rtol=1e-5)


def test_operations_are_counted_twice_alike():
    """Ten layers of 16 · 16 and 8 · 20 (the last has no way on: 8 · 12), and a head of 12 · 12 + 12 · 256."""
    model = net()
    counted = describe(model, (800,)).flops
    assert counted == analytic_flops(model, (800,))
    assert counted == 2 * 800 * (10 * 16 * 16 + 9 * 8 * 20 + 8 * 12 + 12 * 12 + 12 * 256)
    vocoder = net(frames=True)  # whose mel filters are no layer
    assert describe(vocoder, (800,)).flops == pytest.approx(analytic_flops(vocoder, (800,)), rel=0.01)


def test_a_spec_with_conditions_is_read_back():
    written = read_spec(spec(TOLD).to_json())
    assert written == spec(TOLD) and written.input_shape == (3, 8_000) and written.num_classes == 256


def test_what_does_not_fit_is_refused():
    plain = SpeechSpec(sample_rate=8_000, max_samples=8_000, class_names=("a", "b"))
    for kind, of, says in (
        ("wavenet", plain, "learns sound sample by sample. Set objective: {kind: audio_lm}"),
        ("speech_net", spec(), "hears and does not speak. Choose another model"),
    ):
        with pytest.raises(UsageError, match=says):
            MODELS.build(MODELS.options(kind)(kind=kind), of)
    with pytest.raises(ValueError, match="needs frames to speak from"):
        synthesise(net(frames=True), 100)
    with pytest.raises(ValueError, match="was not trained with frames"):
        synthesise(net(), 100, frames=torch.zeros(1, 16, 4))
    with pytest.raises(ValueError, match="2 frames last for 160 samples; got 161"):
        synthesise(net(frames=True), 161, frames=torch.zeros(1, 16, 2))
    with pytest.raises(ValueError, match="samples must be at least 1; got 0"):
        synthesise(net(), 0)
    with pytest.raises(ValueError, match="temperature must be above 0; got 0"):
        synthesise(net(), 10, temperature=0)
