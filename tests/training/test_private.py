"""DP-SGD: plain SGD without noise and clipping, by hand with them, secret, resumable, refused where it cannot be."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from training_toys import ListTracker, ToyNet, ToySource, cross_entropy, equal, options, toy_net, weights_of

from basestone.core.errors import Stopped, UsageError
from basestone.training.loop import fit
from basestone.training.options import FitOptions, PrivateOptions
from basestone.training.private import PrivateSteps

OPEN = {"noise": 0.0, "clip": 1e9, "delta": 1e-3, "randomness": "seeded"}


def steps(model, secret=7, samples=50, batch_size=16, at_once=5, **private):
    said = PrivateOptions.model_validate(OPEN | private)
    return PrivateSteps(
        model,
        cross_entropy,
        said,
        said.noise or 0.0,
        num_samples=samples,
        batch_size=batch_size,
        at_once=at_once,
        secret=secret,
    )


def trained(folder, should_stop=None, dropout=0.0, **said):
    model, tracker = toy_net(norm=False, dropout=dropout), ListTracker()
    private = OPEN | said.pop("private", {})
    asked = options(**({"max_steps": 12} | said), private=private)
    result = fit(
        model, ToySource(), None, cross_entropy, asked, seed=3, folder=folder, tracker=tracker, should_stop=should_stop
    )
    return model, result


def test_without_noise_and_clipping_it_is_sgd(tmp_path):
    """The same samples through torch's own autograd and optimizer."""
    model, result = trained(tmp_path)
    plain, source = toy_net(norm=False, dropout=0.0), ToySource()
    optimizer, chosen = torch.optim.SGD(plain.parameters(), lr=0.05, momentum=0.9), steps(plain, secret=3)
    from basestone.core.seed import torch_generator

    for step in range(12):
        batch = source.batch(chosen.positions(step), torch_generator(3, "augment", step))
        optimizer.zero_grad()
        (cross_entropy(plain, batch).total / 16).backward()
        optimizer.step()
    for (name, own), (_, theirs) in zip(model.state_dict().items(), plain.state_dict().items(), strict=True):
        assert torch.allclose(own, theirs, atol=1e-6), name
    assert result.steps == 12 and result.private.steps == 12 and result.private.rate == 16 / 50


def test_each_sample_is_clipped_by_itself_and_noise_is_added_once():
    """Gradients (3, 4) and (0.3, 0.4) of two samples of a linear model; C = 1: (0.6, 0.8) + (0.3, 0.4), over B = 2."""

    class Linear(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(2))

        def forward(self, x):
            return x @ self.weight

    def summed(model, batch):
        from basestone.core.contracts import Loss

        return Loss(total=model(batch.inputs).sum(), count=len(batch))

    from basestone.core.batch import Batch

    batch = Batch(inputs=torch.tensor([[3.0, 4], [0.3, 0.4]]), targets=torch.zeros(2), index=torch.arange(2))
    model = Linear()
    said = PrivateOptions.model_validate(OPEN | {"clip": 1.0, "noise": 0.0})
    many = {"num_samples": 2, "batch_size": 2, "at_once": 1, "secret": 0}
    total, count = PrivateSteps(model, summed, said, 0.0, **many).backward(batch, 0)
    assert model.weight.grad.tolist() == pytest.approx([0.45, 0.6]) and (total.item(), count) == (0.0, 2)
    PrivateSteps(model, summed, said, 5.0, **many).backward(batch, 0)
    noisy = model.weight.grad.clone()
    assert not torch.allclose(noisy, torch.tensor([0.45, 0.6]))
    PrivateSteps(model, summed, said, 5.0, **many).backward(batch, 0)
    assert torch.equal(model.weight.grad, noisy)  # of this step and this secret
    PrivateSteps(model, summed, said, 5.0, **many).backward(batch, 1)
    assert not torch.equal(model.weight.grad, noisy)


def test_noise_has_the_deviation_that_the_account_is_made_of():
    """σ · C over B on each coordinate: 3 · 0.5 / 16 = 0.09375, of 2,000 weights."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 60))
    made = steps(model, noise=3.0, clip=0.5)
    made.backward(ToySource().batch(np.zeros(0, np.int64)), 0)
    found = torch.cat([p.grad.flatten() for p in model.parameters()])
    assert len(found) > 2_000 and found.std().item() == pytest.approx(0.09375, rel=0.06)
    assert abs(found.mean().item()) < 0.01


def test_every_sample_is_taken_with_the_same_probability_whatever_the_others():
    made = steps(toy_net(norm=False), samples=400, batch_size=100)
    taken = np.stack([np.isin(np.arange(400), made.positions(step)) for step in range(400)])
    assert taken.mean() == pytest.approx(0.25, abs=0.005)
    assert taken.sum(1).std() == pytest.approx(np.sqrt(400 * 0.25 * 0.75), rel=0.15)  # binomial: sizes vary
    assert abs(np.corrcoef(taken[:, 0], taken[:, 1])[0, 1]) < 0.2


def test_parts_of_a_batch_and_dropout_leave_the_gradient_of_each_sample_its_own():
    model, source = toy_net(norm=False, dropout=0.0), ToySource()
    found = []
    for at_once in (3, 50):
        steps(model, clip=0.1, at_once=at_once).backward(source.batch(np.arange(20)), 0)
        found.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
    assert torch.allclose(*found, atol=1e-7)
    assert found[0].norm() <= 20 * 0.1 / 16 + 1e-6  # no sample adds more than C


@pytest.mark.parametrize("randomness", ["seeded", "secret"])
def test_a_resumed_run_is_the_unbroken_run(tmp_path, randomness):
    private = {"noise": 1.0, "clip": 0.5, "randomness": randomness}
    count = iter(range(100))
    if randomness == "secret":
        (tmp_path / "a" / "checkpoints").mkdir(parents=True)
        (tmp_path / "a" / "checkpoints" / ".secret").write_text("99")
        (tmp_path / "b" / "checkpoints").mkdir(parents=True)
        (tmp_path / "b" / "checkpoints" / ".secret").write_text("99")
    with pytest.raises(Stopped):
        trained(tmp_path / "a", lambda: next(count) == 4, private=private, dropout=0.2)
    resumed, _ = trained(tmp_path / "a", private=private, dropout=0.2)
    unbroken, _ = trained(tmp_path / "b", private=private, dropout=0.2)
    assert equal(weights_of(resumed), weights_of(unbroken))


def test_the_secret_is_nobody_elses(tmp_path):
    private = {"noise": 1.0, "randomness": "secret"}
    first, _ = trained(tmp_path / "a", private=private)
    other, _ = trained(tmp_path / "b", private=private)
    assert not equal(weights_of(first), weights_of(other))  # one seed, two secrets
    kept = tmp_path / "a" / "checkpoints" / ".secret"
    assert kept.stat().st_mode & 0o077 == 0 and int(kept.read_text()) > 0


def test_what_mixes_samples_is_refused_by_name():
    with pytest.raises(UsageError, match=r"no sample sees another.*norm.*norm: group"):
        steps(ToyNet(norm=True))
    with pytest.raises(UsageError, match="recurrent layers give none: GRU"):
        steps(nn.GRU(3, 3))
    from basestone.objectives.language import causal_lm

    said = PrivateOptions.model_validate(OPEN)
    with pytest.raises(UsageError, match=r"hides single samples.*'next'"):
        PrivateSteps(nn.Linear(2, 2), causal_lm(), said, 0.0, num_samples=9, batch_size=3, at_once=3, secret=0)


def test_group_norm_trains_where_batch_norm_cannot():
    from basestone.models.own.small_cnn import SmallCNN

    model = SmallCNN(1, 3, [8, 12], 1, 0.0, True, "group")
    made = steps(model, clip=1.0, noise=0.5)
    made.backward(ToySource().batch(np.arange(10)), 0)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"private": {"delta": 1e-3}}, "exactly one of 'epsilon' and 'noise'"),
        ({"private": {"delta": 1e-3, "noise": 1.0, "epsilon": 2.0}}, "exactly one of 'epsilon' and 'noise'"),
        ({"private": OPEN, "precision": "bf16"}, "needs precision fp32"),
        ({"private": OPEN, "clip_norm": 1.0}, "no clip_norm"),
        ({"private": OPEN, "balance": "classes"}, "drop .balance."),
    ],
)
def test_what_excludes_each_other_is_a_fault(said, message):
    base = {"max_steps": 3, "optimizer": {"kind": "sgd", "lr": 0.1}, "schedule": {"kind": "constant"}}
    with pytest.raises(ValueError, match=message):
        FitOptions.model_validate(base | said)
