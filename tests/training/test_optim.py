import pytest
import torch
from torch import nn
from training_toys import toy_net

from basestone.core.errors import UsageError
from basestone.training.muon import orthogonalise
from basestone.training.optim import OPTIMIZERS, hidden_weights


def build(module, **section):
    return OPTIMIZERS.build(OPTIMIZERS.options(section["kind"])(**section), module)


def step_with(optimizer, module, seed=0, steps=3):
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        for parameter in module.parameters():
            parameter.grad = torch.empty_like(parameter)  # in the parameter's layout, as backward() makes it
            parameter.grad.copy_(torch.randn(parameter.shape, generator=generator))
        optimizer.step()
    return torch.cat([parameter.detach().flatten() for parameter in module.parameters()])


def test_sgd_by_hand():
    layer = nn.Linear(1, 1)
    with torch.no_grad():
        layer.weight.fill_(2.0)
        layer.bias.fill_(2.0)
    optimizer = build(layer, kind="sgd", lr=0.1, momentum=0.5, weight_decay=0.1)
    for parameter in layer.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    optimizer.step()
    # weight: v1 = 1 + 0.1·2 = 1.2, w1 = 2 − 0.12 = 1.88; v2 = 0.6 + 1 + 0.188 = 1.788, w2 = 1.88 − 0.1788
    assert layer.weight.item() == pytest.approx(1.7012)
    # bias, without decay: v1 = 1, b1 = 1.9; v2 = 1.5, b2 = 1.75
    assert layer.bias.item() == pytest.approx(1.75)


@pytest.mark.parametrize(
    ("section", "reference"),
    [
        (
            {"kind": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
            lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
        ),
        (
            {"kind": "adam", "lr": 0.01, "beta2": 0.99, "weight_decay": 0.1},
            lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.9, 0.99), weight_decay=0.1),
        ),
        (
            {"kind": "adamw", "lr": 0.01, "eps": 1e-6, "weight_decay": 0.1},
            lambda p: torch.optim.AdamW(p, lr=0.01, eps=1e-6, weight_decay=0.1),
        ),
    ],
)
def test_fused_steps_equal_the_unfused_reference(section, reference):
    for layout in (torch.contiguous_format, torch.channels_last):
        ours, theirs = toy_net().to(memory_format=layout), toy_net()
        moved = step_with(build(ours, decay_norm_and_bias=True, **section), ours)
        torch.testing.assert_close(moved, step_with(reference(theirs.parameters()), theirs), rtol=1e-5, atol=1e-7)


def test_decay_spares_biases_and_norm_gains_unless_told():
    net = toy_net()
    decayed = {id(p) for g in build(net, kind="adamw", lr=1e-3).param_groups if g["weight_decay"] for p in g["params"]}
    assert {name for name, p in net.named_parameters() if id(p) in decayed} == {
        "stem.weight",
        "hidden.weight",
        "head.weight",
    }
    (group,) = build(net, kind="adamw", lr=1e-3, decay_norm_and_bias=True).param_groups
    assert len(group["params"]) == len(list(net.parameters()))


def test_frozen_parameters_are_left_out():
    net = toy_net()
    net.stem.requires_grad_(False)
    held = {id(p) for group in build(net, kind="sgd", lr=1.0).param_groups for p in group["params"]}
    assert id(net.stem.weight) not in held and id(net.hidden.weight) in held


def test_nesterov_without_momentum_says_what_to_do():
    with pytest.raises(UsageError, match=r"nesterov needs optimizer.momentum above 0; got 0\. Raise it"):
        build(toy_net(), kind="sgd", lr=0.1, momentum=0.0, nesterov=True)


def test_muon_equals_torch_muon_on_matrices_and_adamw_elsewhere():
    def net():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 12), nn.Linear(12, 5), nn.Linear(5, 3))

    ours, theirs = net(), net()
    muon = build(ours, kind="muon", lr=0.02, weight_decay=0.1, adamw_lr=0.01)
    moved = step_with(muon, ours)
    hidden = [theirs[1].weight, theirs[2].weight]
    ends, biases = [theirs[0].weight, theirs[3].weight], [layer.bias for layer in theirs]
    adamw = torch.optim.AdamW(
        [{"params": ends, "weight_decay": 0.1}, {"params": biases, "weight_decay": 0.0}], lr=0.01, betas=(0.9, 0.95)
    )
    reference = torch.optim.Muon(hidden, lr=0.02, weight_decay=0.1, momentum=0.95)

    class Both:
        def step(self):
            reference.step()
            adamw.step()

    torch.testing.assert_close(moved, step_with(Both(), theirs), rtol=1e-5, atol=1e-6)


def test_muon_sees_a_kernel_as_a_matrix_whatever_its_layout():
    kernel, layer = toy_net(), nn.Linear(72, 8, bias=False)
    last = toy_net().to(memory_format=torch.channels_last)
    with torch.no_grad():
        layer.weight.copy_(kernel.hidden.weight.flatten(1))
    reference = torch.optim.Muon([layer.weight], lr=0.1, weight_decay=0.0)
    grad = torch.randn(8, 8, 3, 3, generator=torch.Generator().manual_seed(1))
    for net in (kernel, last):
        net.hidden.weight.grad = grad.clone()
        build(net, kind="muon", lr=0.1).step()
    layer.weight.grad = grad.flatten(1)
    reference.step()
    torch.testing.assert_close(kernel.hidden.weight.flatten(1), layer.weight)
    torch.testing.assert_close(last.hidden.weight.flatten(1), layer.weight)


@pytest.mark.parametrize("shape", [(16, 16), (8, 40), (40, 8)])
def test_the_update_is_nearly_semi_orthogonal(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    update = orthogonalise(matrix, 5).float()
    singular = torch.linalg.svdvals(update)
    # A square Gaussian has singular values near 0, which five steps do not lift to 1; the others do not.
    assert singular.max() < 1.25 and singular.median() > 0.65
    if shape != (16, 16):
        assert singular.min() > 0.6
    assert (update * (left @ right)).sum() / min(shape) > 0.75  # it points where the exact factor points


def test_hidden_weights_are_neither_stem_nor_head_nor_embedding():
    net = toy_net()
    assert [id(p) for p in hidden_weights(net)] == [id(net.hidden.weight)]
    text = nn.Sequential(nn.Linear(2, 3), nn.Embedding(5, 3), nn.Linear(3, 3), nn.Linear(3, 2))
    assert [id(p) for p in hidden_weights(text)] == [id(text[2].weight)]


def test_muon_without_hidden_weights_says_what_to_do():
    with pytest.raises(UsageError, match=r"needs a weight between .* found none\. Use 'adamw'"):
        build(nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2)), kind="muon", lr=0.1)


def test_the_tables_answer_without_torch():
    import subprocess
    import sys

    code = "import sys, basestone.training.options, basestone.tracking; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
