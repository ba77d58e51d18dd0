import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from basestone.core.batch import Batch
from basestone.objectives.distillation import DISTILLERS
from basestone.objectives.supervised import cross_entropy


def batch(inputs, targets):
    return Batch(inputs=inputs, targets=targets, index=torch.arange(len(inputs)))


def distiller(kind, teacher, **options):
    return DISTILLERS.build(DISTILLERS.options(kind)(kind=kind, **options), cross_entropy(), teacher)


class Shifted(nn.Module):
    """Adds a constant vector, so that teacher and student differ by something known."""

    def __init__(self, shift):
        super().__init__()
        self.shift = nn.Parameter(torch.tensor(shift))
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return x + self.shift


def random(n=9, k=4):
    generator = torch.Generator().manual_seed(3)
    return torch.randn(n, k, generator=generator), torch.randint(k, (n,), generator=generator)


def test_kd_by_hand():
    # student (1/2, 1/2), teacher (3/4, 1/4) at T = 1: KL = 3/4 ln(3/2) + 1/4 ln(1/2); cross-entropy: ln 2
    inputs, teacher = torch.zeros(1, 2), Shifted([math.log(3), 0.0])
    found = distiller("kd", teacher, temperature=1.0, weight=0.25)(nn.Identity(), batch(inputs, torch.tensor([0])))
    kl = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    assert found.total.item() == pytest.approx(0.75 * math.log(2) + 0.25 * kl, rel=1e-6)
    assert found.count == 1


def test_kd_against_torch():
    inputs, targets = random()
    teacher = Shifted([1.0, -1.0, 0.5, 0.0])
    found = distiller("kd", teacher, temperature=3.0, weight=1.0)(nn.Identity(), batch(inputs, targets))
    expected = (
        functional.kl_div((inputs / 3).log_softmax(1), (teacher(inputs) / 3).softmax(1), reduction="batchmean")
        * 9
        * len(inputs)
    )
    torch.testing.assert_close(found.total, expected.detach())


def test_dkd_is_kd_taken_apart():
    """Zhao et al. 2022, equation 6: KD = TCKD + (1 − p_target of the teacher) · NCKD, sample by sample."""
    inputs, targets = random(n=1)
    teacher = Shifted([1.0, -1.0, 0.5, 0.0])
    probs = (teacher(inputs).detach() / 2.0).softmax(1)
    doubt = float(1 - probs[0, targets[0]])
    apart = distiller("dkd", teacher, temperature=2.0, target_weight=1.0, other_weight=doubt)
    whole = distiller("kd", teacher, temperature=2.0, weight=1.0)
    hard = cross_entropy()(nn.Identity(), batch(inputs, targets)).total
    given = batch(inputs, targets)
    torch.testing.assert_close(apart(nn.Identity(), given).total - hard, whole(nn.Identity(), given).total)


def test_dkd_refuses_soft_targets():
    with pytest.raises(ValueError, match="class numbers"):
        distiller("dkd", nn.Identity())(nn.Identity(), batch(torch.zeros(1, 3), torch.full((1, 3), 1 / 3)))


@pytest.mark.parametrize("kind", ["kd", "dkd"])
def test_a_student_that_is_its_teacher_has_nothing_to_learn_from_it(kind):
    inputs, targets = random()
    hard = cross_entropy()(nn.Identity(), batch(inputs, targets)).total
    weight = {"weight": 0.5} if kind == "kd" else {}
    found = distiller(kind, nn.Identity(), **weight)(nn.Identity(), batch(inputs, targets)).total
    torch.testing.assert_close(found, hard * (0.5 if kind == "kd" else 1.0))


@pytest.mark.parametrize("kind", ["kd", "dkd"])
def test_micro_batches_add_up_and_only_the_student_learns(kind):
    inputs, targets = random()
    teacher, student = Shifted([1.0, -1.0, 0.5, 0.0]), Shifted([0.1, 0.0, 0.0, 0.0])
    objective = distiller(kind, teacher)
    whole = objective(student, batch(inputs, targets)).total
    parts = [objective(student, batch(inputs[a:b], targets[a:b])).total for a, b in ((0, 4), (4, 9))]
    torch.testing.assert_close(sum(parts), whole)
    whole.backward()
    assert teacher.shift.grad is None
    assert student.shift.grad.abs().sum() > 0
    assert student.calls == 3  # one forward pass an objective, shared by both of its losses


def two_layers(width, seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 3))


def test_similarity_compares_networks_of_other_widths():
    inputs, targets = random()
    targets = targets % 3
    teacher, student = two_layers(16, 0), two_layers(8, 1)
    objective = distiller("similarity", teacher, layers=["1"], weight=10.0)
    found = objective(student, batch(inputs, targets)).total
    a, b = (functional.normalize((h := net[:2](inputs)) @ h.T, dim=1) for net in (teacher, student))
    hard = cross_entropy()(student, batch(inputs, targets)).total
    torch.testing.assert_close(found, hard + 10.0 * (a - b).square().sum() / len(inputs))  # γ/b² times b


def test_similarity_of_equal_networks_is_zero():
    inputs, targets = random()
    teacher = two_layers(16, 0)
    found = distiller("similarity", teacher, layers=["0"])(teacher, batch(inputs, targets % 3)).total
    torch.testing.assert_close(found, cross_entropy()(teacher, batch(inputs, targets % 3)).total)
    assert not teacher[0]._forward_hooks
