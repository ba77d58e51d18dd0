import pytest
import torch
from torch import nn

from basestone.compression.layers import prune_layers, skippable_blocks
from basestone.compression.structure import Skipped
from basestone.core.errors import UsageError

EXAMPLE = (torch.randn(4, 6, generator=torch.Generator().manual_seed(0)),)


class Block(nn.Module):
    def __init__(self, gain, outputs=6):
        super().__init__()
        self.up, self.down = nn.Linear(6, 12), nn.Linear(12, outputs)
        self.gain, self.same = gain, outputs == 6

    def forward(self, x):
        change = self.gain * self.down(torch.relu(self.up(x)))
        return x + change if self.same else change


def network(*gains):
    torch.manual_seed(0)
    return nn.Sequential(*(Block(gain) for gain in gains), Block(1.0, outputs=3)).eval()


def blocks_as_seconds(model):
    return float(sum(isinstance(module, Block) for module in model.modules()))


def test_only_blocks_that_keep_their_shape_can_go():
    assert skippable_blocks(network(1.0, 1.0), EXAMPLE) == ["0", "1"]


def test_a_single_layer_is_no_block():
    assert skippable_blocks(nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 6)), EXAMPLE) == []


def test_the_block_that_matters_least_goes_first():
    net = network(1.0, 1e-4, 1.0)  # planted: the second one does next to nothing
    expected = net(EXAMPLE[0])

    def loss(model):
        with torch.no_grad():
            return float((model(EXAMPLE[0]) - expected).square().sum())

    told = prune_layers(net, EXAMPLE, blocks_as_seconds, loss, target_s=3.0)
    assert [entry["block"] for entry in told] == ["1"]
    assert isinstance(net[1], Skipped)
    assert told[0]["loss_without"] == pytest.approx(0, abs=1e-5)


def test_a_target_below_all_blocks_says_so():
    with pytest.raises(UsageError, match="no block is left"):
        prune_layers(network(1.0), EXAMPLE, blocks_as_seconds, lambda _: 0.0, target_s=0.5)
