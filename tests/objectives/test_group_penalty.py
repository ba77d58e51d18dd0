"""The penalty on unequal losses: by hand, where there is nothing to punish, and what it may not touch."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from basestone.core.batch import Batch
from basestone.objectives.group_penalty import group_penalty


class Fixed(nn.Module):
    """Logits that are its weights, whatever it is shown."""

    def __init__(self, logits):
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits))

    def forward(self, inputs):
        return self.logits


def batch(targets, index):
    return Batch(inputs=torch.zeros(len(targets), 1), targets=torch.tensor(targets), index=torch.tensor(index))


def begun(weight, groups):
    objective = group_penalty(weight=weight)
    objective.begin(np.array(groups))
    return objective


def test_the_variance_of_group_means_by_hand():
    # right with odds 3:1 and 1:1 → losses ln 4/3, ln 4/3, ln 2, ln 4; groups 0 and 2 (1 is not in the batch)
    model = Fixed([[math.log(3), 0.0], [0.0, math.log(3)], [0.0, 0.0], [math.log(3), 0.0]])
    loss = begun(2.0, [2, 0, 0, 1, 2])(model, batch([0, 1, 0, 1], [1, 2, 0, 4]))
    first, second = math.log(4 / 3), (math.log(2) + math.log(4)) / 2
    plain = 2 * math.log(4 / 3) + math.log(2) + math.log(4)
    assert loss.total.item() == pytest.approx(plain + 4 * 2.0 * ((first - second) / 2) ** 2, rel=1e-5)
    assert loss.count == 4


def test_equal_losses_and_a_single_group_cost_nothing():
    model = Fixed([[1.0, 0.0]] * 4)
    alike, one = begun(9.0, [0, 1, 0, 1]), begun(9.0, [0, 0, 0, 0])
    plain = 4 * math.log(1 + math.exp(-1))
    assert alike(model, batch([0, 0, 0, 0], [0, 1, 2, 3])).total.item() == pytest.approx(plain, rel=1e-5)
    assert one(Fixed([[1.0, 0.0], [0.0, 2.0]]), batch([0, 0], [0, 1])).total.item() == pytest.approx(
        math.log(1 + math.exp(-1)) + math.log(1 + math.exp(2)), rel=1e-5
    )


def test_the_slope_presses_on_the_group_that_fares_worse():
    model = Fixed([[2.0, 0.0], [0.0, 0.0]])
    begun(1.0, [0, 1])(model, batch([0, 0], [0, 1])).total.backward()
    plain = torch.softmax(model.logits.detach(), 1)[:, 0] - 1
    assert model.logits.grad[1, 0] < plain[1] < 0  # more than the loss alone
    assert model.logits.grad[0, 0] > plain[0]  # and less on the other


def test_a_model_that_is_evaluated_has_the_plain_loss_and_training_needs_the_groups():
    model = Fixed([[2.0, 0.0], [0.0, 0.0]])
    with pytest.raises(ValueError, match="must be told the groups"):
        group_penalty()(model.train(), batch([0, 0], [0, 1]))
    plain = math.log(1 + math.exp(-2)) + math.log(2)
    assert group_penalty()(model.eval(), batch([0, 0], [70, 80])).total.item() == pytest.approx(plain, rel=1e-5)
