"""Training against the worst change: where it looks, what it costs, and that looking leaves no trace."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from basestone.core.batch import Batch
from basestone.core.contracts import objective_for
from basestone.core.errors import UsageError
from basestone.core.spec import ImageSpec, SpeechSpec, TextSpec
from basestone.models.model import analytic_flops, training_flops
from basestone.objectives import OBJECTIVES

MEAN, STD = (0.4,), (0.2,)
SPEC = ImageSpec(channels=1, height=4, width=4, class_names=("a", "b", "c"), mean=MEAN, std=STD)


def objective(**options):
    return objective_for(OBJECTIVES["adversarial"](**options), SPEC)


def batch(count=6):
    generator = torch.Generator().manual_seed(0)
    pixels = 0.3 + 0.4 * torch.rand(count, 1, 4, 4, generator=generator)
    return Batch(
        inputs=(pixels - MEAN[0]) / STD[0],
        targets=torch.arange(count) % 2,
        index=torch.arange(count),
    )


def two_classes() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 2))


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_of_a_linear_model_the_worst_change_is_known(norm):
    # The margin m = z_y − z_other falls by at most ε‖w‖/σ (dual norm, σ the deviation), and the loss is log(1 + e^−m).
    model, data, epsilon = two_classes(), batch(), 0.1
    apart = (model[1].weight[0] - model[1].weight[1]).detach()
    dual = apart.abs().sum() if norm == "linf" else apart.norm()
    logits = model(data.inputs).detach()
    sign = 1 - 2 * data.targets.float()
    margin = sign * (logits[:, 0] - logits[:, 1]) - epsilon * dual / STD[0]
    found = objective(epsilon=epsilon, norm=norm, steps=20, step_size=1.0)(model, data)
    assert found.count == 6
    assert found.total.item() == pytest.approx(functional.softplus(-margin).sum().item(), rel=1e-3)


def test_of_a_linear_model_of_samples_too_and_nothing_behind_a_recording_is_moved():
    """The same law on N×T samples; whoever moved the zeros behind them would gain a hundred times as much."""
    spec = SpeechSpec(sample_rate=8000, max_samples=12, class_names=("a", "b"))
    waves, epsilon = torch.zeros(5, 12), 0.05
    waves[:, :8] = 0.3 * torch.randn(5, 8, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    model = nn.Linear(12, 2)
    with torch.no_grad():
        model.weight[:, 8:] *= 100
    data = Batch(inputs=waves, targets=torch.arange(5) % 2, index=torch.arange(5))
    apart = (model.weight[0] - model.weight[1]).detach()[:8].abs().sum()
    logits = model(waves).detach()
    margin = (1 - 2 * data.targets.float()) * (logits[:, 0] - logits[:, 1]) - epsilon * apart
    told = objective_for(OBJECTIVES["adversarial"](epsilon=epsilon, steps=20, step_size=1.0), spec)
    assert told(model, data).total.item() == pytest.approx(functional.softplus(-margin).sum().item(), rel=1e-3)
    with pytest.raises(UsageError, match="takes norm linf for recordings so far"):
        objective_for(OBJECTIVES["adversarial"](epsilon=epsilon, norm="l2"), spec)


def test_looking_leaves_gradients_modes_and_batch_statistics_alone():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Dropout(0.5), nn.Flatten(), nn.Linear(12, 3))
    model[4].bias.requires_grad_(False)
    model[2].eval()
    seen = []
    model[1].register_forward_hook(lambda module, *_: seen.append(module.training))
    loss = objective(epsilon=0.1, steps=3)(model, batch())
    assert seen == [False, False, False, True]
    assert [module.training for module in model] == [True, True, False, True, True] and model.training
    assert [weight.requires_grad for weight in model.parameters()] == [True] * 5 + [False]
    assert all(weight.grad is None for weight in model.parameters())
    assert int(model[1].num_batches_tracked) == 1
    loss.total.backward()
    assert model[0].weight.grad.abs().sum() > 0


def test_trades_adds_how_far_answers_move_and_pgd_is_worse_than_clean():
    model, data = two_classes(), batch()
    clean = functional.cross_entropy(model(data.inputs), data.targets, reduction="sum").item()
    assert objective(epsilon=0.1)(model, data).total.item() > clean
    totals = [
        objective(epsilon=0.1, method="trades", beta=beta, steps=5)(model, data).total.item() for beta in (1e-9, 1.0)
    ]
    assert totals[0] == pytest.approx(clean, rel=1e-5) and totals[1] > clean
    tiny = objective(epsilon=1e-7, method="trades", beta=1.0)(model, data).total.item()
    assert tiny == pytest.approx(clean, rel=1e-4)


def test_it_works_where_gradients_are_off_as_in_validation():
    with torch.no_grad():
        assert objective(epsilon=0.1)(two_classes(), batch()).total.item() > 0


@pytest.mark.parametrize("method", ["pgd", "trades"])
def test_both_counts_of_its_operations_agree_and_passes_say_how_many(method):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 3))
    adversarial, data = objective(epsilon=0.1, steps=4, method=method), batch(2)
    counted = training_flops(model, adversarial, data)
    shapes = Batch(inputs=data.inputs.to("meta"), targets=data.targets.to("meta"), index=data.index)
    analytic = analytic_flops(model, (1, 4, 4), training=True, forward=lambda twin: adversarial(twin, shapes))
    assert counted == analytic
    forward = analytic_flops(model, (1, 4, 4))
    assert counted / forward == pytest.approx(adversarial.passes, rel=0.2)


def test_it_is_for_images_and_has_to_be_told_of_them():
    text = TextSpec(vocab_size=9, max_length=4, pad=0, start=1, end=2, mask=3, class_names=("a", "b"))
    with pytest.raises(UsageError, match="is for images or recordings with one class each"):
        objective_for(OBJECTIVES["adversarial"](epsilon=0.1), text)
    with pytest.raises(UsageError, match="must be told of its data before it trains"):
        OBJECTIVES["adversarial"](epsilon=0.1)(two_classes(), batch())
    plain = OBJECTIVES["cross_entropy"]()
    assert objective_for(plain, text) is plain
