"""Where a step goes: planted delays must be found where they were planted."""

import json

import pytest
import torch
from training_toys import SGD, Clock, ToyNet, ToySource, cross_entropy, options, toy_net

from basestone.training import loop
from basestone.training.profile import PARTS, WARM_UP, profile_steps

DELAY = 0.02
CLOCK = Clock()


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.setattr("basestone.training.profile.perf_counter", CLOCK)


class SlowSource(ToySource):
    def batch(self, positions, generator=None, *, epoch=0):
        CLOCK.sleep(DELAY)
        return super().batch(positions, generator, epoch=epoch)


class SlowForward(ToyNet):
    def forward(self, x):
        CLOCK.sleep(DELAY)
        return super().forward(x)


class Backward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad):
        CLOCK.sleep(DELAY)
        return grad


class SlowBackward(ToyNet):
    def forward(self, x):
        return Backward.apply(super().forward(x))


def profiled(tmp_path, model=None, source=None, **values):
    wanted = options(optimizer=SGD, **values)
    return profile_steps(
        model or toy_net(), source or ToySource(), cross_entropy, wanted, seed=0, trace=tmp_path / "trace.json"
    )


@pytest.mark.parametrize(
    ("planted", "slow"),
    [
        ("input", {"source": SlowSource()}),
        ("forward", {"model": SlowForward()}),
        ("backward", {"model": SlowBackward()}),
    ],
)
def test_a_planted_delay_is_found_in_its_part_and_nowhere_else(tmp_path, clock, planted, slow):
    step = profiled(tmp_path, **slow)
    assert step.parts_s == pytest.approx({part: DELAY if part == planted else 0 for part in PARTS})
    assert (step.step_s, step.images_per_s) == pytest.approx((DELAY, 16 / DELAY))


def test_a_slow_optimizer_is_found(tmp_path, clock, monkeypatch):
    built = loop.OPTIMIZERS.build

    def build(section, model):
        optimizer = built(section, model)
        optimizer.register_step_pre_hook(lambda *_: CLOCK.sleep(DELAY))
        return optimizer

    monkeypatch.setattr(loop.OPTIMIZERS, "build", build)
    assert profiled(tmp_path).parts_s["optimizer"] == pytest.approx(DELAY)


def test_operators_are_shares_the_largest_first(tmp_path):
    step = profiled(tmp_path)
    assert 0.5 < sum(step.operators.values()) <= 1 + 1e-9
    assert list(step.operators.values()) == sorted(step.operators.values(), reverse=True)
    assert step.steps >= WARM_UP and step.precision == "fp32" and step.input_shape == (1, 6, 6)


def test_the_trace_opens_in_a_viewer(tmp_path):
    profiled(tmp_path)
    assert any(
        event.get("name") == "aten::conv2d"
        for event in json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    )


def test_a_schedule_longer_than_the_rehearsal_an_early_stop_and_auto_do_not_matter(tmp_path):
    schedule = {"kind": "linear", "warmup_steps": 1000}
    step = profiled(tmp_path, max_steps=5000, schedule=schedule, early_stop={"patience": 1}, precision="auto")
    assert step.steps > 0 and step.precision in ("fp32", "bf16")


def test_the_hooks_are_gone_afterwards(tmp_path):
    from torch.optim.optimizer import _global_optimizer_post_hooks, _global_optimizer_pre_hooks

    profiled(tmp_path)
    assert not _global_optimizer_pre_hooks and not _global_optimizer_post_hooks
