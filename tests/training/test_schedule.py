import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler

from basestone.core.errors import UsageError
from basestone.training.schedule import SCHEDULES


def factors(steps, max_steps, **section):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = SCHEDULES.build(SCHEDULES.options(section["kind"])(**section), optimizer, max_steps)
    return [schedule.apply(step) for step in steps]


def test_warmup_is_linear_and_never_zero():
    assert factors(range(5), 10, kind="constant", warmup_steps=3) == pytest.approx([0.25, 0.5, 0.75, 1, 1])


def test_linear_at_its_knots():
    # 2 warm-up steps of 10: half of the rest (8) is behind at step 6, a quarter at 4.
    assert factors([2, 4, 6, 10], 10, kind="linear", warmup_steps=2, floor=0.2) == pytest.approx([1, 0.8, 0.6, 0.2])


def test_cosine_at_its_knots():
    # floor + (1 − floor)·(1 + cos πt)/2 at t = 0, 1/3, 1/2, 1
    found = factors([3, 5, 6, 9], 9, kind="cosine", warmup_steps=3, floor=0.1)
    assert found == pytest.approx([1, 0.1 + 0.9 * 0.75, 0.55, 0.1])


def test_one_cycle_at_its_knots():
    # peak at 0.25·8 = 2; half-way up at 1; half-way down at 5
    found = factors([0, 1, 2, 5, 8], 8, kind="one_cycle", start=0.2, floor=0.1)
    assert found == pytest.approx([0.2, 0.6, 1, 0.55, 0.1])
    assert factors([2, 4, 8], 8, kind="one_cycle", anneal="cosine") == pytest.approx([1, 0.75, 0])


def test_cosine_and_linear_equal_torch():
    for kind, scheduler in (
        ("cosine", lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=20, eta_min=0.05)),
        ("linear", lambda o: lr_scheduler.LinearLR(o, 1.0, 0.05, total_iters=20)),
    ):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        reference, rates = scheduler(optimizer), []
        for _ in range(20):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            reference.step()
        assert factors(range(20), 20, kind=kind, floor=0.05) == pytest.approx(rates)


def test_one_cycle_is_the_interpolation_of_its_knots():
    for fraction in (0.0, 0.1, 0.33):
        expected = np.interp(range(30), [0, fraction * 30, 30], [0.04 if fraction else 1, 1, 0.0])
        assert factors(range(30), 30, kind="one_cycle", warmup_fraction=fraction) == pytest.approx(expected)


def test_every_group_keeps_its_own_rate():
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate} for rate in (0.4, 0.02)]
    optimizer = torch.optim.SGD(groups, lr=1.0)
    schedule = SCHEDULES.build(SCHEDULES.options("linear")(kind="linear"), optimizer, 4)
    assert schedule.apply(2) == pytest.approx(0.2)
    schedule.apply(2)  # again: a function of the step, not of the past
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.2, 0.01])


def test_a_warmup_longer_than_the_run_is_refused():
    with pytest.raises(UsageError, match=r"warmup_steps must be below the run's 5 steps; got 5\. Lower it"):
        factors([0], 5, kind="cosine", warmup_steps=5)
