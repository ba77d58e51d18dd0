"""Losses of text: by hand, and the same whatever the padding and the cut into micro-batches."""

import math

import pytest
import torch
from torch import nn

from basestone.core.batch import Batch
from basestone.core.contracts import View, view_of
from basestone.objectives.catalogue import OBJECTIVES
from basestone.objectives.language import IGNORED
from basestone.objectives.supervised import cross_entropy


def objective(kind, **options):
    return OBJECTIVES.build(OBJECTIVES.options(kind)(kind=kind, **options))


class Table(nn.Module):
    """Logits of the next token depend on this one alone."""

    def __init__(self, size=5):
        super().__init__()
        self.scores = nn.Parameter(torch.randn(size, size, generator=torch.Generator().manual_seed(0)))

    def forward(self, ids, where=None):
        logits = self.scores[ids]
        return logits if where is None else logits.flatten(0, 1)[where]


def batch(inputs, targets):
    return Batch(inputs=torch.tensor(inputs), targets=torch.tensor(targets), index=torch.arange(len(inputs)))


@pytest.mark.parametrize("kind", ["causal_lm", "masked_lm"])
def test_the_mean_is_over_the_tokens_that_count(kind):
    model = Table()
    loss = objective(kind)(model, batch([[1, 2, 0], [3, 0, 0]], [[2, 4, IGNORED], [1, IGNORED, IGNORED]]))
    log_probs = model.scores.log_softmax(1)
    by_hand = -(log_probs[1, 2] + log_probs[2, 4] + log_probs[3, 1])
    assert loss.count == 3
    assert loss.total.item() == pytest.approx(by_hand.item(), rel=1e-6)


@pytest.mark.parametrize("kind", ["causal_lm", "masked_lm"])
def test_totals_of_parts_add_up(kind):
    generator = torch.Generator().manual_seed(1)
    inputs, targets = (torch.randint(5, (6, 7), generator=generator) for _ in range(2))
    targets[torch.rand(6, 7, generator=generator) < 0.6] = IGNORED
    whole = Batch(inputs=inputs, targets=targets, index=torch.arange(6))
    parts = [Batch(inputs=inputs[a:b], targets=targets[a:b], index=torch.arange(b - a)) for a, b in ((0, 1), (1, 6))]
    found, losses = objective(kind)(Table(), whole), [objective(kind)(Table(), part) for part in parts]
    assert found.count == sum(loss.count for loss in losses)
    assert found.total.item() == pytest.approx(sum(loss.total.item() for loss in losses), rel=1e-6)


def test_knowing_nothing_costs_the_logarithm_of_the_vocabulary():
    model = Table()
    nn.init.zeros_(model.scores)
    loss = objective("causal_lm")(model, batch([[1, 2]], [[2, 3]]))
    assert loss.total.item() == pytest.approx(2 * math.log(5))


def test_what_is_unwanted_costs_its_unlikelihood():
    """Five tokens: a target of 5 + 4 says that 4 must not follow."""
    model = Table()
    loss = objective("causal_lm", unwanted=["bad"], unlikelihood=0.5)(model, batch([[1, 2, 0]], [[2, 9, IGNORED]]))
    probs = model.scores.softmax(1)
    by_hand = -probs[1, 2].log() - 0.5 * (1 - probs[2, 4]).log()
    assert loss.count == 2
    assert loss.total.item() == pytest.approx(by_hand.item(), rel=1e-6)


def test_where_nothing_is_unwanted_nothing_changes():
    inputs, targets = [[1, 2, 0]], [[2, 4, IGNORED]]
    plain, watchful = (
        objective("causal_lm", **said)(Table(), batch(inputs, targets)) for said in ({}, {"unwanted": ["bad"]})
    )
    assert watchful.total.item() == pytest.approx(plain.total.item(), rel=1e-6)


def test_a_certain_token_is_unlearnt_without_infinities():
    model = Table()
    with torch.no_grad():
        model.scores[1, 4] = 200.0  # 1 − p is 0 in float32
    optimizer, train = torch.optim.SGD(model.parameters(), 10.0), objective("causal_lm", unwanted=["bad"])
    for _ in range(60):
        optimizer.zero_grad()
        train(model, batch([[1]], [[9]])).total.backward()
        optimizer.step()
    assert torch.isfinite(model.scores).all()
    assert model.scores.softmax(1)[1, 4] < 1e-3


def test_each_objective_says_how_its_data_are_read():
    assert view_of(objective("causal_lm")) == View(kind="next")
    assert view_of(objective("causal_lm", unwanted=["bad"], after=":")) == View(
        kind="next", unwanted=("bad",), after=":"
    )
    assert view_of(objective("masked_lm", share=0.3, whole_word=False)) == View(
        kind="masked", share=0.3, whole_word=False
    )
    assert view_of(cross_entropy()) == View(kind="labels")


def test_operations_are_counted_for_the_hidden_share():
    with torch.device("meta"):
        model = Table()
    shapes = Batch(
        inputs=torch.empty(4, 10, dtype=torch.int64, device="meta"),
        targets=torch.empty(4, 10, dtype=torch.int64, device="meta"),
        index=torch.arange(4),
    )
    assert objective("masked_lm", share=0.25)(model, shapes).count == 10
    assert objective("causal_lm")(model, shapes).count == 40
    assert objective("causal_lm", unwanted=["bad"])(model, shapes).count == 40
