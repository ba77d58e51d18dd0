"""Group DRO: weights by hand, the laws of an objective, and a worst group that it lifts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from basestone.core.batch import Batch
from basestone.objectives.group_dro import group_dro

GROUPS = np.repeat([0, 1], [30, 10])


def objective(**options):
    made = group_dro(**options)
    made.begin(GROUPS)
    return made


def batch(index, seed=0):
    draws = torch.Generator().manual_seed(seed)
    x = torch.randn(40, 3, generator=draws)[index]
    y = torch.randint(2, (40,), generator=draws)[index]
    return Batch(inputs=x, targets=y, index=torch.as_tensor(index))


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Linear(3, 2)


def test_equal_weights_count_every_group_alike(model):
    """Two groups of 30 and 10: each sample of the first weighs 1/2 · 40/30, of the second 1/2 · 40/10."""
    whole = batch(np.arange(40))
    losses = functional.cross_entropy(model(whole.inputs), whole.targets, reduction="none")
    found = objective()(model, whole)
    assert found.count == 40
    assert found.total.item() == pytest.approx((losses[:30].sum() * 2 / 3 + losses[30:].sum() * 2).item(), rel=1e-6)


def test_micro_batches_add_up(model):
    one, other = objective(), objective()
    whole = one(model, batch(np.arange(40))).total
    parts = sum(other(model, batch(np.arange(first, first + 8))).total for first in range(0, 40, 8))
    assert whole.item() == pytest.approx(parts.item(), rel=1e-6)
    one.hook(1), other.hook(1)
    assert torch.allclose(one.hook.weights, other.hook.weights)


def test_weights_move_as_in_algorithm_1(model):
    """q ∝ q · exp(η · mean loss of the group); a group that the step did not see keeps its share before scaling."""
    whole = batch(np.arange(40))
    losses = functional.cross_entropy(model(whole.inputs), whole.targets, reduction="none").double()
    made = objective(rate=0.5)
    made(model, whole)
    made.hook(1)
    raised = torch.stack([(0.5 * losses[:30].mean()).exp(), (0.5 * losses[30:].mean()).exp()])
    assert torch.allclose(made.hook.weights, raised / raised.sum(), atol=1e-6)
    before = made.hook.weights.clone()
    made(model, batch(np.arange(5)))
    made.hook(2)
    assert made.hook.weights[0] > before[0] and made.hook.weights.sum() == pytest.approx(1)


def test_the_adjustment_weighs_small_groups(model):
    made = objective(rate=1.0, adjustment=2.0)
    made.hook.seen(torch.tensor([0, 35]), torch.zeros(2, dtype=torch.float64))
    made.hook(1)
    raised = np.exp([2 / np.sqrt(30), 2 / np.sqrt(10)])
    assert made.hook.weights.numpy() == pytest.approx(raised / raised.sum())


def test_an_evaluated_model_has_the_plain_loss_and_moves_nothing(model):
    made, other = objective(rate=1.0), batch(np.arange(40))
    plain = functional.cross_entropy(model(other.inputs), other.targets, reduction="sum")
    model.eval()
    assert made(model, other).total.item() == pytest.approx(plain.item())
    made.hook(1)
    assert made.hook.weights.tolist() == [0.5, 0.5]


def test_its_operations_can_be_counted_without_values(model):
    made = objective()
    other = batch(np.arange(4))
    meta = Batch(inputs=other.inputs.to("meta"), targets=other.targets.to("meta"), index=other.index.to("meta"))
    assert made(model.to("meta"), meta).total.is_meta and made.hook.weights.tolist() == [0.5, 0.5]


def test_a_checkpoint_holds_the_weights(model):
    made, again = objective(rate=1.0), objective(rate=1.0)
    made(model, batch(np.arange(40)))
    made.hook(1)
    again(model, batch(np.arange(7)))  # as tuning does before a run goes on
    again.hook.restore({name: tensor.clone() for name, tensor in made.hook.tensors().items()})
    for one in (made, again):
        one(model, batch(np.arange(20, 40)))
        one.hook(2)
    assert torch.equal(made.hook.weights, again.hook.weights)


def test_without_groups_it_refuses_to_train(model):
    with pytest.raises(ValueError, match="must be told the groups of the training samples before it trains"):
        group_dro()(model, batch(np.arange(4)))
