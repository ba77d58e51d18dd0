"""Tacotron 2: what it answers is a function of text, manner and take, and of nothing else."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from basestone.core.batch import Batch
from basestone.core.errors import UsageError
from basestone.core.spec import SpeechSpec, read_spec
from basestone.models.catalogue import INITS, MODELS
from basestone.models.flops import analytic_flops
from basestone.models.model import describe, training_flops
from basestone.models.own.attention import LocationSensitive
from basestone.models.own.masked import MaskedNorm
from basestone.objectives.synthesis import synthesis

SPEC = SpeechSpec(
    sample_rate=8000,
    max_samples=4000,
    class_names=("one", "two"),
    characters="enotw",
    head="waveform",
    groups=(("speaker", ("a", "b")), ("rate", ("0.8", "1"))),
)
SMALL = {
    "encoder": 16, "decoder": 20, "prenet": 12, "attention": 14, "attention_filters": 4, "attention_kernel": 5,
    "reduction": 3, "postnet": 10, "postnet_layers": 3, "mels": 16, "rounds": 3, "fits": 4,
}  # fmt: skip
TEXTS = torch.tensor([[0, 1, 3, 2, 1, 6, 0, 0], [1, 0, 4, 5, 3, 6, 0, 0], [1, 1, 4, 6, 0, 0, 0, 0]])


def build(spec=SPEC, **options):
    model = MODELS.build(MODELS.options("tacotron2")(kind="tacotron2", **(SMALL | options)), spec)
    INITS.build(INITS.options("default")(kind="default"), model, 0)
    return model.eval()


def recordings(lengths=(3000, 2100, 900), width=3200):
    waves = torch.zeros(len(lengths), width)
    for row, (wave, length) in enumerate(zip(waves, lengths, strict=True)):
        time = torch.arange(length) / 8000
        wave[:length] = 0.3 * torch.sin(2 * torch.pi * (200 + 90 * row) * time * (1 + time)) + 0.01
    return waves


def restless(model):
    """Without the bias by which it stops, and one by which it does not."""
    with torch.no_grad():
        model.decoder.stop.weight.zero_()
        model.decoder.stop.bias.fill_(-5.0)
    return model


@torch.no_grad()
def test_what_it_says_by_itself_is_what_it_says_when_told_its_own_frames():
    """Law: teacher forcing with the decoder's own output as teacher is free running."""
    model = restless(build())
    memory, mask = model._read(TEXTS)
    free = model.decoder.spoken(memory, mask, limit=6, draw=0)
    told = model.decoder.taught(memory, mask, free.frames)
    np.testing.assert_allclose(told.frames, free.frames, atol=1e-5)
    np.testing.assert_allclose(told.attention, free.attention, atol=1e-6)
    assert free.frames.shape == (3, 18, 16) and free.groups.tolist() == [6, 6, 6]


@torch.no_grad()
def test_an_utterance_depends_neither_on_its_batch_nor_on_padding():
    model = restless(build())
    together, said = model.mel(TEXTS)
    alone, _ = model.mel(TEXTS[2:, :4])
    np.testing.assert_allclose(alone[0], together[2], atol=1e-5)
    assert float(said.attention[2, :, 2:].max()) == 0  # one character and the end
    np.testing.assert_allclose(said.attention.sum(2), 1, atol=1e-5)
    np.testing.assert_allclose(model(TEXTS[2:, :4])[0], model(TEXTS)[2], atol=1e-4)


@pytest.mark.parametrize("training", [False, True])
def test_padding_changes_no_loss(training):
    """The loss of three utterances together is the sum of their losses alone, each cut to its own length.

    In training the statistics of batch norm are of the whole batch, so there the padding alone is changed.
    """
    model, objective = build(drop_rate=0.0, zoneout=0.0), synthesis()
    waves = recordings()
    model.learn_scale(waves)
    model.train(training)
    for layer in model.decoder.prenet.layers:  # whose dropout never rests
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    padded = Batch(
        inputs=torch.nn.functional.pad(TEXTS, (0, 5)),
        targets=torch.nn.functional.pad(waves, (0, 1600)),
        index=torch.arange(3),
    )
    with torch.no_grad():
        if training:
            parts = [Batch(inputs=TEXTS[:, :7], targets=waves[:, :3100], index=torch.arange(3))]
        else:
            parts = [
                Batch(inputs=TEXTS[[row], : 2 + length], targets=waves[[row], :samples], index=torch.tensor([row]))
                for row, (length, samples) in enumerate([(4, 3000), (4, 2100), (2, 900)])
            ]
        apart = [objective(model, part) for part in parts]
        whole = objective(model, padded)
    assert whole.count == sum(one.count for one in apart) == 3
    assert float(whole.total) == pytest.approx(sum(float(one.total) for one in apart), rel=2e-5)


def test_statistics_of_a_masked_norm_are_those_inside():
    norm, reference = MaskedNorm(4), torch.nn.BatchNorm1d(4)
    x = torch.randn(2, 4, 6, generator=torch.Generator().manual_seed(0))
    mask = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 0, 0, 0, 0]]).float()
    found = norm(x, mask).detach()
    rows = reference(torch.cat([x[0].T, x[1, :, :2].T]))
    np.testing.assert_allclose(found[0].T, rows[:6].detach(), atol=1e-6)
    np.testing.assert_allclose(norm.running_var, reference.running_var, atol=1e-6)
    assert float(found[1, :, 2:].abs().max()) == 0


@torch.no_grad()
def test_attention_is_chorowskis_formula():
    """By numpy: e = vᵀ tanh(W s + V h + U f), f two convolutions of the last weights and of their sum."""
    attention = LocationSensitive(3, 5, 4, 2, 3)
    g = torch.Generator().manual_seed(0)
    query, memory, looked = (torch.randn(shape, generator=g) for shape in [(1, 3), (1, 6, 5), (1, 2, 6)])
    found = attention(query, attention.keys(memory), torch.tensor([[1.0, 1, 1, 1, 1, 0]]), looked)[0].numpy()
    w, v, u, f = (
        layer.weight.numpy() for layer in (attention.query, attention.memory, attention.location, attention.seen)
    )
    wide = np.pad(looked[0].numpy(), ((0, 0), (1, 1)))
    seen = np.array([[(f[k] * wide[:, s : s + 3]).sum() for k in range(2)] for s in range(6)])
    inner = np.tanh(query[0].numpy() @ w.T + memory[0].numpy() @ v.T + seen @ u.T)
    energy = inner @ attention.energy.weight[0].numpy()
    wanted = np.exp(energy[:5]) / np.exp(energy[:5]).sum()
    np.testing.assert_allclose(found, [*wanted, 0], atol=1e-6)


@torch.no_grad()
def test_it_stops_when_it_says_so_and_at_the_limit():
    model = restless(build())
    assert model.limit == 14  # 4000 samples of 100: 41 frames in groups of three
    _, said = model.mel(TEXTS)
    assert said.groups.tolist() == [14] * 3 and model(TEXTS).shape == (3, 41 * 100)
    model.decoder.stop.bias.fill_(5.0)
    mel, said = model.mel(TEXTS)
    assert said.groups.tolist() == [1] * 3 and mel.shape == (3, 3, 16)


@torch.no_grad()
def test_what_lies_behind_an_end_is_silent():
    model = restless(build())
    frames = torch.full((3, 12, 16), 1.0)
    waves = model.sound(
        torch.where(torch.arange(12)[None, :, None] < 6, frames, model.silence), torch.tensor([6, 12, 6])
    )
    assert waves.shape == (3, 1100) and float(waves[0, 500:].abs().max()) == 0 < float(waves[1, 500:].abs().max())
    assert float(waves.abs().max()) <= 1 and torch.equal(waves[0, :500], waves[2, :500])


@torch.no_grad()
def test_dropout_of_the_prenet_stays_on_and_is_named_by_the_take():
    model = restless(build())
    first, again, other = (model.mel(TEXTS, draw)[0] for draw in (0, 0, 1))
    assert torch.equal(first, again) and float((first - other).abs().max()) > 1e-4
    ones = model.decoder.prenet
    for layer in ones.layers:
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.ones_(layer.bias)
    kept = ones(torch.zeros(1, 400, 16), 0, draw=3)
    assert set(kept.unique().tolist()) == {0.0, 2.0} and 0.45 < float((kept > 0).float().mean()) < 0.55


@torch.no_grad()
def test_manner_is_heard_only_where_it_is_a_condition():
    other = TEXTS.clone()
    other[:, 0] = 1 - other[:, 0]
    both, rate = restless(build()), restless(build(conditions=["rate"]))
    assert float((both.mel(TEXTS)[0] - both.mel(other)[0]).abs().max()) > 1e-4
    assert torch.equal(rate.mel(TEXTS)[0], rate.mel(other)[0])
    with pytest.raises(
        UsageError, match=r"model.conditions must name columns of data.groups; got 'speakr'. Did you mean"
    ):
        build(conditions=["speakr"])
    with pytest.raises(
        UsageError, match=r"model.encoder must be even, .* and model.attention_kernel odd; got 15 and 5."
    ):
        build(encoder=15)


def test_only_texts_can_be_spoken():
    with pytest.raises(UsageError, match="The model 'tacotron2' speaks, and must be trained to: set objective"):
        build(replace(SPEC, head="classes"))
    assert read_spec(SPEC.to_json() | {"groups": [["speaker", ["a", "b"]], ["rate", ["0.8", "1"]]]}) == SPEC


@torch.no_grad()
def test_recordings_are_heard_at_mean_0_and_deviation_1():
    model, waves = build(), recordings()
    model.learn_scale(waves)
    mel, frames = model.heard(waves)
    own = [1 + length // 100 for length in (3000, 2100, 900)]
    inside = torch.cat([mel[row, :count] for row, count in enumerate(own)])
    np.testing.assert_allclose(inside.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(inside.std(0), 1, atol=1e-3)
    assert frames.tolist() == [33, 24, 12] and torch.equal(mel[2, 10:12], model.silence.expand(2, -1))
    quieter, _ = model.heard(waves * 0.01)
    np.testing.assert_allclose(quieter, mel, atol=1e-3)


def test_what_training_costs_is_counted_twice_alike():
    """PyTorch's counter against the layers' own shapes, of the sizes that it has by default."""
    model, waves = MODELS.build(MODELS.options("tacotron2")(kind="tacotron2"), SPEC), recordings()
    batch, objective = Batch(inputs=TEXTS[:2], targets=waves[:2], index=torch.arange(2)), synthesis()
    meta = replace(batch, inputs=batch.inputs.to("meta"), targets=batch.targets.to("meta"))
    counted = training_flops(model, objective, batch)
    own = analytic_flops(model, (8,), training=True, forward=partial(objective, batch=meta))
    assert own == pytest.approx(counted, rel=0.05)
    assert describe(model, (8,)).flops > counted / 3 / 2


def test_it_learns_a_tone_by_heart():
    """Two texts, two sounds: after some steps what it says of each is far nearer to it than the mean is (1)."""
    torch.manual_seed(0)
    model, waves = build(drop_rate=0.0, zoneout=0.0), recordings((3000, 2100))
    model.learn_scale(waves)
    batch, objective = Batch(inputs=TEXTS[:2], targets=waves, index=torch.arange(2)), synthesis()
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    model.train()
    for _ in range(80):
        optimizer.zero_grad()
        objective(model, batch).total.backward()
        optimizer.step()
    told = model.eval()(TEXTS[:2], waves)
    held = (torch.arange(told.mel.shape[1]) < told.frames[:, None])[:, :, None]
    error = float(((told.after - told.mel).square() * held).sum().detach() / held.sum() / 16)
    assert error < 0.5, error
