import math

import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError
from torch import nn

from basestone.core.batch import Batch
from basestone.objectives.catalogue import OBJECTIVES


def objective(kind, **options):
    return OBJECTIVES.build(OBJECTIVES.options(kind)(kind=kind, **options))


def batch(inputs, targets):
    return Batch(inputs=inputs, targets=targets, index=torch.arange(len(inputs)))


def loss(kind, logits, targets, **options):
    """The model is the identity: the inputs are the outputs."""
    return objective(kind, **options)(nn.Identity(), batch(torch.as_tensor(logits), torch.as_tensor(targets)))


def random(n=13, k=5):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n, k, generator=generator), torch.randint(k, (n,), generator=generator)


def test_cross_entropy_by_hand():
    # softmax(0, ln 3) = (1/4, 3/4): −ln(3/4) for class 1; softmax(0, 0): ln 2
    result = loss("cross_entropy", [[0.0, math.log(3)], [0.0, 0.0]], [1, 0])
    assert result.total.item() == pytest.approx(math.log(4 / 3) + math.log(2), rel=1e-6)
    assert result.count == 2


def test_label_smoothing_by_hand():
    # targets (ε/2, 1 − ε/2) with ε = 0.2: 0.1 · ln 4 + 0.9 · ln(4/3)
    result = loss("cross_entropy", [[0.0, math.log(3)]], [1], label_smoothing=0.2)
    assert result.total.item() == pytest.approx(0.1 * math.log(4) + 0.9 * math.log(4 / 3), rel=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_against_torch(smoothing):
    logits, targets = random()
    result = loss("cross_entropy", logits, targets, label_smoothing=smoothing)
    reference = F.cross_entropy(logits, targets, label_smoothing=smoothing)
    torch.testing.assert_close(result.total / result.count, reference)


def test_class_probabilities_as_targets():
    logits, targets = random()
    hard = loss("cross_entropy", logits, targets).total
    soft = loss("cross_entropy", logits, F.one_hot(targets, 5).float()).total
    torch.testing.assert_close(hard, soft)


def test_mse_by_hand():
    # ((0.5 − 0)² + (2 − 1)²)/2 + ((1 − 1)² + (0 − 0)²)/2
    result = loss("mse", [[0.5, 2.0], [1.0, 0.0]], [1, 0])
    assert result.total.item() == pytest.approx(0.625)
    assert result.count == 2


def test_mse_against_torch():
    outputs, targets = random()
    vectors = torch.randn(13, 5, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(loss("mse", outputs, vectors).total / 13, F.mse_loss(outputs, vectors))
    torch.testing.assert_close(
        loss("mse", outputs, targets).total / 13, F.mse_loss(outputs, F.one_hot(targets, 5).float())
    )


@pytest.mark.parametrize("kind", ["cross_entropy", "mse"])
def test_micro_batches_of_any_size_add_up_to_the_full_batch(kind):
    inputs, targets = random(13, 6)
    model = nn.Linear(6, 6)
    loss_of = objective(kind)
    full = loss_of(model, batch(inputs, targets))
    (full.total / full.count).backward()
    reference = model.weight.grad.clone()
    model.zero_grad()
    parts = [loss_of(model, batch(inputs[rows], targets[rows])) for rows in (slice(0, 5), slice(5, 6), slice(6, 13))]
    assert sum(part.count for part in parts) == full.count
    torch.testing.assert_close(sum(part.total for part in parts), full.total)
    for part in parts:
        (part.total / full.count).backward()
    torch.testing.assert_close(model.weight.grad, reference)


@pytest.mark.parametrize("kind", ["cross_entropy", "mse"])
def test_low_precision_outputs_are_summed_in_float32(kind):
    outputs, targets = random(300, 4)
    result = loss(kind, outputs.bfloat16(), targets)
    assert result.total.dtype == torch.float32
    torch.testing.assert_close(result.total, loss(kind, outputs.bfloat16().float(), targets).total)


@pytest.mark.parametrize(
    ("kind", "outputs", "targets"),
    [
        ("mse", (4, 3), torch.zeros(4, 1)),  # would broadcast
        ("mse", (4, 1), torch.zeros(4)),  # would broadcast to 4×4
        ("mse", (4, 3), torch.zeros(1, dtype=torch.int64)),
        ("cross_entropy", (4, 3), torch.zeros(4, 2)),
        ("cross_entropy", (4, 3, 2), torch.zeros(4, dtype=torch.int64)),
    ],
)
def test_shapes_that_do_not_match_are_an_error(kind, outputs, targets):
    with pytest.raises(ValueError, match=r"must be N×K with N class numbers.*got outputs \(4"):
        loss(kind, torch.zeros(outputs), targets)


def test_what_a_recipe_may_say():
    for faulty in ({"label_smoothing": 1.0}, {"label_smoothing": -0.1}, {"smoothing": 0.1}):
        with pytest.raises(ValidationError):
            OBJECTIVES.options("cross_entropy")(kind="cross_entropy", **faulty)
    assert list(OBJECTIVES) == [
        "cross_entropy",
        "mse",
        "group_dro",
        "group_penalty",
        "adversarial",
        "masked_lm",
        "causal_lm",
        "detection",
        "ctc",
        "audio_lm",
        "synthesis",
    ]
