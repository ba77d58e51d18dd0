import numpy as np
import pytest
import torch
from torch import nn

from basestone.compression.channels import Group, choose, groups_of, prune_channels, remove_channels
from basestone.core.errors import UsageError

EXAMPLE = (torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)),)


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width)

    def forward(self, x):
        return torch.relu(x + self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x))))))


class Net(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.stem, self.block = nn.Conv2d(3, width, 3, padding=1), Residual(width)
        self.head = nn.Linear(width, 4)

    def forward(self, x):
        return self.head(self.block(torch.relu(self.stem(x))).mean((2, 3)))


@pytest.fixture
def net():
    torch.manual_seed(0)
    return Net().eval()


def losses(model):
    for target in range(3):
        yield nn.functional.cross_entropy(model(EXAMPLE[0][:1]), torch.tensor([target]))


def parameters_as_seconds(model):
    """A law instead of a clock: every weight costs the same."""
    return float(sum(parameter.numel() for parameter in model.parameters()))


def test_groups_are_the_residual_stream_and_the_inside_of_the_block(net):
    found = {group.layer: len(group.worth) for group in groups_of(net, EXAMPLE, "magnitude", losses)}
    assert set(found.values()) == {16}
    assert len(found) == 2  # the stem with conv2, and conv1; the classifier's outputs are not for pruning
    assert "block.conv1" in found
    assert "head" not in found


def test_a_channel_of_zero_weights_is_worth_least_and_its_removal_changes_nothing(net):
    """Planted: channel 5 of conv1 neither writes nor is read."""
    with torch.no_grad():
        for tensor in (net.block.conv1.weight, net.block.conv1.bias, net.block.bn1.weight, net.block.bn1.bias):
            tensor[5] = 0
    before = net(EXAMPLE[0])
    for importance in ("magnitude", "taylor", "obd"):
        worth = next(g.worth for g in groups_of(net, EXAMPLE, importance, losses) if g.layer == "block.conv1")
        assert worth.argmin() == 5
    remove_channels(net, EXAMPLE, {"block.conv1": [5]})
    assert net.block.conv1.out_channels == net.block.conv2.in_channels == 15
    torch.testing.assert_close(net(EXAMPLE[0]), before)


def test_obd_by_hand():
    """½ Σ w² E[g²] over the channel's incoming and outgoing weights; one sample, gradients by autograd."""
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(3, 4, bias=False), nn.Tanh(), nn.Linear(4, 2, bias=False)).eval()
    example = (torch.randn(2, 3),)

    def one(model):
        yield model(example[0][:1]).square().sum()

    (group,) = groups_of(net, example, "obd", one)
    a, b = torch.autograd.grad(next(one(net)), [net[0].weight, net[2].weight])
    expected = 0.5 * ((net[0].weight * a).square().sum(1) + (net[2].weight * b).square().sum(0))
    np.testing.assert_allclose(group.worth, expected.detach().double().numpy(), rtol=1e-4)
    assert net[0].weight.grad is None


def test_the_mean_of_squared_gradients_is_over_all_samples():
    """torch-pruning's own accumulation keeps only the last sample's; ours must not."""
    net = nn.Sequential(nn.Linear(1, 2, bias=False), nn.Linear(2, 1, bias=False)).eval()

    def several(model):
        for value in (1.0, 3.0):
            yield model(torch.tensor([[value]])).sum()

    (group,) = groups_of(net, (torch.ones(2, 1),), "obd", several)
    w, v = net[0].weight[:, 0].detach().double(), net[1].weight[0].detach().double()
    # d/dw = v·x, d/dv = w·x; E[x²] = 5; each channel: ½ (w² v² 5 + v² w² 5)
    np.testing.assert_allclose(group.worth, (5 * w**2 * v**2).numpy(), rtol=1e-4)


def test_chunks_go_by_worth_for_their_time():
    cheap = Group(layer="cheap", worth=np.array([1.0, 2.0, 3.0, 4.0]))
    dear = Group(layer="dear", worth=np.array([4.0, 3.0, 2.0, 1.0]))
    # chunks of two: cheap 3/2 s⁻¹ at 1 s a channel, dear 3/8 at 4 s: the dear one first
    chosen = choose([cheap, dear], {"cheap": 1.0, "dear": 4.0}, 8.0, round_to=2, keep=0.1)
    assert chosen == {"dear": [3, 2]}
    both = choose([cheap, dear], {"cheap": 1.0, "dear": 4.0}, 9.0, round_to=2, keep=0.1)
    assert both == {"dear": [3, 2], "cheap": [0, 1]}


def test_what_is_left_is_a_multiple_and_at_least_the_share_to_keep():
    group = Group(layer="a", worth=np.arange(37.0))
    chosen = choose([group], {"a": 1.0}, 1e9, round_to=8, keep=0.5)
    assert chosen == {"a": list(range(13))}  # 24 are left: the smallest multiple of 8 that is at least 18.5
    assert choose([group], {"a": 0.0}, 1.0, round_to=8, keep=0.5) == {}  # costs no time: stays


def test_the_measured_target_is_met_and_the_rest_still_runs(net):
    whole = parameters_as_seconds(net)
    told = prune_channels(
        net, EXAMPLE, parameters_as_seconds, losses, target_s=whole / 2, importance="taylor", round_to=4, keep=0.1
    )
    assert parameters_as_seconds(net) <= whole / 2
    assert told[0]["latency_s"] == whole
    assert net(EXAMPLE[0]).shape == (2, 4)
    assert net.block.conv1.out_channels % 4 == net.stem.out_channels % 4 == 0


def test_a_target_that_cannot_be_met_says_so(net):
    with pytest.raises(UsageError, match="Ask for less"):
        prune_channels(
            net, EXAMPLE, parameters_as_seconds, losses, target_s=1.0, importance="magnitude", round_to=8, keep=0.9
        )
