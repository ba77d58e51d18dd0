import math

import pytest
import torch
from model_building import build, initialise, spec
from scipy import stats
from torch import nn

from basestone.core.errors import UsageError
from basestone.models.catalogue import INITS

SCHEMES = list(INITS)
FAMILIES = [
    ("small_cnn", {}),
    ("whitened_cnn", {}),
    ("timm", {"name": "resnet18", "small_input": True}),
    ("torchvision", {"name": "alexnet", "small_input": True}),
    ("torchvision", {"name": "inception_v3", "small_input": True}),
    ("timm", {"name": "inception_v4", "small_input": True}),
]


def large():
    """Enough weights for tight statistics: fan_in 64·9 = 576, fan_out 128·9 = 1152; and linear 800 → 500."""
    return nn.ModuleDict({"conv": nn.Conv2d(64, 128, 3), "norm": nn.BatchNorm2d(128), "linear": nn.Linear(800, 500)})


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_seed_decides_and_the_global_state_neither_counts_nor_moves(scheme):
    module = build("small_cnn", widths=[8, 16])
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = {k: v.clone() for k, v in initialise(scheme, module, 3).state_dict().items()}
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    again = initialise(scheme, module, 3).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    other = initialise(scheme, module, 4).state_dict()
    drawn = [name for name in first if name.endswith("weight") and first[name].ndim > 1]
    if scheme == "dirac":  # a convolution with no more outputs than inputs is the identity and nothing else
        drawn = [name for name in drawn if first[name].ndim < 4 or first[name].shape[0] > first[name].shape[1]]
    assert drawn
    assert not any(torch.equal(first[name], other[name]) for name in drawn)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("kind", "options"), FAMILIES[:2])
def test_every_parameter_and_statistic_is_touched(kind, options, scheme):
    module = build(kind, **options)
    with torch.no_grad():
        for tensor in (*module.parameters(), *module.buffers()):
            tensor.fill_(77)
    initialise(scheme, module)
    left = [name for name, tensor in module.state_dict().items() if (tensor == 77).any()]
    assert left == []


@pytest.mark.parametrize(("kind", "options"), FAMILIES[2:])
def test_the_large_families_too(kind, options):
    module = build(kind, **options)
    with torch.no_grad():
        for tensor in (*module.parameters(), *module.buffers()):
            tensor.fill_(77)
    initialise("kaiming", module)
    assert [name for name, tensor in module.state_dict().items() if (tensor == 77).any()] == []


def test_a_layer_depends_on_its_name_only():
    ten, seven = (initialise("kaiming", build("small_cnn", spec(3, 32, k))).state_dict() for k in (10, 7))
    assert all(torch.equal(ten[name], seven[name]) for name in ten if not name.startswith("head"))


def test_equal_layers_get_different_values():
    module = initialise("kaiming", nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)))
    assert not torch.equal(module[0].weight, module[1].weight)


# Standard deviations by hand, for conv (fan_in 576, fan_out 1152) and linear (800, 500).
EXPECTED = {
    # kaiming_uniform with a = √5: bound √(6 / (1 + 5) / fan_in) = 1/√fan_in, so variance 1 / (3 fan_in)
    "default": (math.sqrt(1 / (3 * 576)), math.sqrt(1 / (3 * 800))),
    "kaiming": (math.sqrt(2 / 1152), math.sqrt(2 / 500)),
    "xavier": (math.sqrt(2 / (576 + 1152)), math.sqrt(2 / (800 + 500))),
    # 128 orthonormal rows of length 576: mean square 1/576; 500 rows of length 800: 1/800
    "orthogonal": (math.sqrt(1 / 576), math.sqrt(1 / 800)),
    # variance of a standard normal cut at ±2: 1 − 2·2·φ(2) / (2Φ(2) − 1) = 0.7737
    "truncated_normal": (0.02 * math.sqrt(0.7737), 0.02 * math.sqrt(0.7737)),
}


@pytest.mark.parametrize("scheme", EXPECTED)
def test_deviation_is_that_of_the_formula(scheme):
    module = initialise(scheme, large())
    for layer, expected in zip((module["conv"], module["linear"]), EXPECTED[scheme], strict=True):
        n = layer.weight.numel()  # 73,728 and 400,000: the standard error of the deviation is below 0.3 %
        assert layer.weight.std().item() == pytest.approx(expected, rel=0.012)
        assert abs(layer.weight.mean().item()) < 5 * expected / math.sqrt(n)
        if scheme != "default":
            assert layer.bias.abs().max() == 0
    assert (module["norm"].weight == 1).all()
    assert (module["norm"].bias == 0).all()


@pytest.mark.parametrize(
    ("scheme", "reference"),
    [
        ("default", stats.uniform(-(800**-0.5), 2 * 800**-0.5)),
        ("kaiming", stats.norm(0, EXPECTED["kaiming"][1])),
        ("xavier", stats.uniform(-((6 / 1300) ** 0.5), 2 * (6 / 1300) ** 0.5)),
        ("truncated_normal", stats.truncnorm(-2, 2, 0, 0.02)),
    ],
)
def test_the_distribution_is_that_of_scipy(scheme, reference):
    weight = initialise(scheme, large())["linear"].weight.detach().double().flatten()[:20_000].numpy()
    assert stats.kstest(weight, reference.cdf).pvalue > 0.01


def test_orthogonal_rows_are():
    weight = initialise("orthogonal", large(), gain=2.0)["conv"].weight.detach().flatten(1)
    torch.testing.assert_close(weight @ weight.T, 4 * torch.eye(128), rtol=0, atol=1e-4)


def test_options_reach_the_rule():
    assert initialise("truncated_normal", large(), std=0.5)["linear"].weight.abs().max() > 0.9
    small, big = (initialise("xavier", large(), gain=g)["linear"].weight for g in (1.0, 3.0))
    torch.testing.assert_close(big, 3 * small)


@pytest.mark.parametrize(
    ("kind", "options"), [("small_cnn", {}), ("timm", {"name": "resnet26"}), ("torchvision", {"name": "resnet18"})]
)
def test_zero_init_residual_makes_blocks_the_identity(kind, options):
    module = initialise("kaiming", build(kind, **options), zero_init_residual=True)
    plain = [
        b
        for b in module.modules()
        if type(b).__name__ in ("BasicBlock", "Bottleneck", "ResidualBlock") and getattr(b, "downsample", None) is None
    ]
    assert len(plain) >= 3
    for block in plain:
        x = torch.rand(2, (block.bn2 if not hasattr(block, "bn3") else block.bn3).num_features, 8, 8)
        torch.testing.assert_close(block.train()(x), x, rtol=0, atol=0)
        assert (block.conv1.weight != 0).any()


def test_without_it_they_are_not():
    block = initialise("kaiming", build("small_cnn")).features[0][3]
    x = torch.rand(2, 32, 8, 8)
    assert (block(x) - x).abs().max() > 0.1


def test_zero_init_residual_without_residuals_is_an_error():
    with pytest.raises(
        UsageError, match=r"zero_init_residual needs residual blocks.*AlexNet has none\. Set it to false"
    ):
        initialise("kaiming", build("torchvision", name="alexnet", small_input=True), zero_init_residual=True)


def test_only_on_the_cpu():
    with pytest.raises(ValueError, match=r"must be initialised on the CPU.*found parameters on \['meta'\]"):
        initialise("default", nn.Linear(2, 2, device="meta"))
