import copy
import json
import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from training_toys import SGD, ListTracker, ToySource, cross_entropy, equal, options, toy_net, weights_of

from basestone.core.contracts import Loss
from basestone.core.seed import torch_generator
from basestone.training.loop import fit, micro_batches
from basestone.training.meter import Diverged
from basestone.training.order import positions


def train(tmp_path, model=None, objective=cross_entropy, validation=None, source=None, seed=0, name="run", **values):
    model, tracker = model or toy_net(), ListTracker()
    folder = tmp_path / name
    source = source or ToySource()
    result = fit(model, source, validation, objective, options(**values), seed=seed, folder=folder, tracker=tracker)
    return model, result, tracker


def test_it_learns(tmp_path):
    source, held_out = ToySource(300), ToySource(200, seed=1)
    _, result, _ = train(tmp_path, source=source, validation=held_out, epochs=6)
    majority = np.bincount(held_out.targets).max() / 200
    assert result.last_validation["accuracy"] > majority + 0.4


def test_the_loop_equals_a_bare_loop_written_by_hand(tmp_path):
    source, ours, theirs = ToySource(50), toy_net(dropout=0.0), toy_net(dropout=0.0)
    train(tmp_path, ours, source=source, optimizer=SGD, schedule={"kind": "linear"}, clip_norm=0.5)
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.05, momentum=0.9, foreach=False)
    for step in range(8):  # 50 samples in batches of 16: 4 steps an epoch
        batch = source.batch(positions(0, 50, 16, step), torch_generator(0, "augment", step))
        optimizer.param_groups[0]["lr"] = 0.05 * (1 - step / 8)
        optimizer.zero_grad()
        F.cross_entropy(theirs(batch.inputs), batch.targets).backward()
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), 0.5)
        optimizer.step()
    for name, tensor in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], tensor, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("accumulate", [2, 3, 5])
def test_accumulated_gradients_equal_the_full_batchs(tmp_path, accumulate):
    values = {"batch_size": 17, "optimizer": {"kind": "sgd", "lr": 0.1, "weight_decay": 0.01}}
    whole, _, _ = train(tmp_path, toy_net(norm=False, dropout=0.0), name="whole", **values)
    parts, _, _ = train(
        tmp_path, toy_net(norm=False, dropout=0.0), name="parts", accumulate=accumulate, **values
    )  # 50 = 17 + 17 + 16, never divisible by all of 2, 3, 5
    for name, tensor in whole.state_dict().items():
        torch.testing.assert_close(parts.state_dict()[name], tensor, rtol=0, atol=1e-6)


def test_accumulation_weighs_by_what_the_objective_counts(tmp_path):
    def of_class_zero(model, batch):  # like masked tokens: only some places count
        chosen = batch.targets == 0
        losses = F.cross_entropy(model(batch.inputs), batch.targets, reduction="none")
        return Loss(total=(losses * chosen).sum(), count=int(chosen.sum()))

    nets = [toy_net(norm=False, dropout=0.0) for _ in range(2)]
    source = ToySource(60)
    for net, accumulate in zip(nets, (1, 3), strict=True):
        train(tmp_path, net, of_class_zero, source=source, name=str(accumulate), batch_size=20, accumulate=accumulate)
    for left, right in zip(*(net.parameters() for net in nets), strict=True):
        torch.testing.assert_close(left, right, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("num", "size", "sizes"), [(16, 16, [16]), (17, 6, [6, 6, 5]), (10, 3, [3, 3, 2, 2])])
def test_micro_batches_are_even(num, size, sizes):
    source = ToySource(20)
    parts = micro_batches(source.batch(np.arange(num)), size)
    assert [len(part) for part in parts] == sizes
    assert torch.cat([part.index for part in parts]).tolist() == list(range(num))
    assert torch.equal(torch.cat([part.inputs for part in parts]), source.images[:num])


def test_the_same_seed_gives_the_same_weights_whatever_the_global_generator(tmp_path):
    torch.manual_seed(1)
    first, _, _ = train(tmp_path, name="first")
    torch.manual_seed(2)
    before = torch.get_rng_state()
    second, _, _ = train(tmp_path, name="second")
    assert torch.equal(torch.get_rng_state(), before)  # and the caller's generator is left as it was
    other, _, _ = train(tmp_path, name="other", seed=1)
    assert equal(weights_of(first), weights_of(second)) and not equal(weights_of(first), weights_of(other))


def test_every_step_draws_its_own_random_numbers(tmp_path):
    drawn = []

    def spy(model, batch):
        drawn.append(torch.rand(1).item())
        return cross_entropy(model, batch)

    train(tmp_path, objective=spy, max_steps=6)
    assert len(set(drawn)) == 6


def test_a_part_of_the_model_that_is_frozen_stays(tmp_path):
    net = toy_net()
    net.stem.requires_grad_(False)
    before = net.stem.weight.clone()
    train(tmp_path, net, clip_norm=1.0)
    assert torch.equal(net.stem.weight, before)


def test_the_average_is_what_is_judged_and_shipped(tmp_path):
    raw, _, _ = train(tmp_path, name="raw", max_steps=20)
    validation = ToySource(40, seed=1)
    net, result, _ = train(tmp_path, name="ema", max_steps=20, ema_decay=0.9, validation=validation)
    assert not equal(weights_of(raw), weights_of(net))
    net.eval()
    with torch.no_grad():
        logits = net(validation.images)
    targets = torch.from_numpy(validation.targets)
    assert result.last_validation["loss"] == pytest.approx(F.cross_entropy(logits, targets).item(), rel=1e-5)
    assert result.last_validation["accuracy"] == pytest.approx(float((logits.argmax(1) == targets).float().mean()))


def test_the_average_equals_averaging_the_steps_by_hand(tmp_path):
    expected, decay = None, 0.5
    for step in range(13):
        net, _, _ = train(tmp_path, name=f"raw{step}", max_steps=step + 1)
        if expected is None:
            expected = toy_net().stem.weight.detach().clone()
        weight = min(decay, (1 + step) / (10 + step))
        expected = weight * expected + (1 - weight) * net.stem.weight.detach()
    net, _, _ = train(tmp_path, name="ema", max_steps=13, ema_decay=decay)
    torch.testing.assert_close(net.stem.weight.detach(), expected, rtol=1e-5, atol=1e-6)


def test_evaluation_changes_nothing(tmp_path):
    without, _, _ = train(tmp_path, name="without")
    source = ToySource(10, seed=1)
    during, _, _ = train(tmp_path, name="with", validation=source, evaluate_every=1)
    assert equal(weights_of(without), weights_of(during))


def test_training_stops_when_validation_no_longer_improves(tmp_path):
    wrong = ToySource(40, seed=1)
    wrong.targets = (wrong.targets + 1) % 3  # learning makes this worse and worse
    _, result, tracker = train(tmp_path, source=ToySource(160), validation=wrong, epochs=50, early_stop={"patience": 3})
    losses = [event["loss"] for event in tracker.of("validation")]
    assert result.stopped_early and result.steps == 10 * len(losses) < 500
    assert result.best_validation["loss"] == min(losses) == min(losses[:-3]) and result.epochs == len(losses)


def test_bf16_and_channels_last_come_close_and_the_model_comes_back_contiguous(tmp_path):
    exact, _, _ = train(tmp_path, toy_net(dropout=0.0), name="exact")
    last, _, _ = train(tmp_path, toy_net(dropout=0.0), name="last", channels_last=True)
    coarse, _, _ = train(tmp_path, toy_net(dropout=0.0), name="bf16", precision="bf16", channels_last=True)
    for (name, a), b, c in zip(exact.named_parameters(), last.parameters(), coarse.parameters(), strict=True):
        torch.testing.assert_close(b, a, rtol=1e-4, atol=1e-5)
        assert c.dtype == torch.float32 and 0 < (c - a).abs().max() < 0.05, name
        assert b.is_contiguous() and not last.training


def explode(at, what=math.nan):
    calls = iter(range(1, 1000))

    def objective(model, batch):
        loss = cross_entropy(model, batch)
        return Loss(total=loss.total * what, count=loss.count) if next(calls) == at else loss

    return objective


@pytest.mark.parametrize("what", [math.nan, math.inf])
def test_a_loss_that_is_no_number_ends_the_run_before_the_weights_move(tmp_path, what):
    net = toy_net()
    with pytest.raises(
        Diverged, match=r"step 7 of 'pretrain' gave a loss of (nan|inf)\. Lower fit\.optimizer\.lr"
    ) as e:
        train(tmp_path, net, explode(7, what), checkpoint_every=2)
    assert e.value.exit_code == 2
    assert all(parameter.isfinite().all() for parameter in net.parameters())
    assert sorted(path.name[-2:] for path in (tmp_path / "run/checkpoints").iterdir()) == ["04", "06"]
    sixth, _, _ = train(tmp_path, name="six", max_steps=6)
    assert equal(dict(net.named_parameters()), dict(sixth.named_parameters()))


def poison(model, batch):
    """A finite loss whose gradient is not."""
    loss = cross_entropy(model, batch)
    return Loss(total=loss.total + torch.sqrt(model.stem.weight * 0).sum(), count=loss.count)


def test_a_gradient_that_is_no_number_is_found_when_clipping(tmp_path):
    with pytest.raises(Diverged, match="step 1 of 'pretrain' gave a gradient norm of nan"):
        train(tmp_path, objective=poison, clip_norm=1.0)


def test_weights_that_are_no_numbers_are_never_saved(tmp_path):
    with pytest.raises(Diverged, match="step 1 of 'pretrain' gave weights that are not finite"):
        train(tmp_path, objective=poison, checkpoint_every=1)
    assert not list((tmp_path / "run").glob("checkpoints/step-*"))


def test_events_tell_the_run(tmp_path):
    source = ToySource(50)
    _, result, tracker = train(tmp_path, source=source, validation=ToySource(20, seed=1), epochs=3)
    assert tracker.of("fit") == [
        {"event": "fit", "stage": "pretrain", "step": 0, "max_steps": 12, "steps_per_epoch": 4}
    ]
    assert [event["step"] for event in tracker.of("step")] == list(range(1, 13))
    assert [event["epoch"] for event in tracker.of("step")] == [1] * 4 + [2] * 4 + [3] * 4
    assert [(event["step"], event["samples_seen"]) for event in tracker.of("epoch")] == [(4, 50), (8, 100), (12, 150)]
    assert [(event["step"], event["epoch"]) for event in tracker.of("validation")] == [(4, 1), (8, 2), (12, 3)]
    assert all(event["images_per_s"] > 0 and event["lr"] == 0.05 for event in tracker.of("step"))
    # an epoch's loss is the mean over its samples: 16 + 16 + 16 + 2
    weights = [16, 16, 16, 2]
    for number, epoch in enumerate(tracker.of("epoch")):
        steps = [event["loss"] for event in tracker.of("step")[4 * number : 4 * number + 4]]
        assert epoch["loss"] == pytest.approx(np.average(steps, weights=weights))
    assert (result.steps, result.epochs, result.samples_seen) == (12, 3.0, 150)
    assert 0 < result.train_s <= result.wall_s
    assert tracker.of("progress")[-1] | {"loss": 0, "images_per_s": 0} == {
        "event": "progress",
        "stage": "pretrain",
        "done": 12,
        "total": 12,
        "unit": "steps",
        "loss": 0,
        "images_per_s": 0,
    }
    json.dumps(tracker.events, allow_nan=False)


def test_step_events_are_thinned_and_average_what_they_skip(tmp_path):
    _, _, tracker = train(tmp_path, max_steps=450, batch_size=2, optimizer={"kind": "sgd", "lr": 1e-12})
    steps = [event["step"] for event in tracker.of("step")]
    assert steps == [1, *range(2, 451, 2)]


def test_the_source_is_asked_for_every_sample_of_an_epoch_once(tmp_path):
    source = ToySource(50)
    train(tmp_path, source=source, epochs=1)
    assert sorted(np.concatenate(source.asked)) == list(range(50))


def test_a_model_given_twice_trains_the_same(tmp_path):
    net = toy_net()
    twin = copy.deepcopy(net)
    train(tmp_path, net, name="a", optimizer={"kind": "muon", "lr": 0.02})
    train(tmp_path, twin, name="b", optimizer={"kind": "muon", "lr": 0.02})
    assert equal(weights_of(net), weights_of(twin))
