import copy

import pytest
import torch
from torch import nn

from basestone.compression.structure import Skipped, Structure, apply_structure, read_structure, replace_module
from basestone.core.errors import ArtifactError


def network():
    torch.manual_seed(0)
    block = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU())
    return nn.Sequential(
        nn.Conv2d(3, 8, 3),
        nn.BatchNorm2d(8),
        nn.Sequential(block, copy.deepcopy(block)),
        nn.Flatten(),
        nn.Linear(8 * 36, 2),
    )


def narrowed():
    """The first convolution keeps six of its eight channels, by hand."""
    model = network()
    kept = nn.Conv2d(3, 6, 3)
    kept.load_state_dict({"weight": model[0].weight[:6], "bias": model[0].bias[:6]})
    model[0], model[1] = kept, nn.BatchNorm2d(6)
    first = nn.Conv2d(6, 8, 3, padding=1)
    first.load_state_dict({"weight": model[2][0][0].weight[:, :6], "bias": model[2][0][0].bias})
    model[2][0][0] = first
    return model


def test_what_differs_is_read_and_nothing_else():
    found = read_structure(narrowed(), network())
    assert found.sizes == {"0": {"out_channels": 6}, "1": {"num_features": 6}, "2.0.0": {"in_channels": 6}}
    assert found.skipped == []
    assert found.shapes["0.weight"] == [6, 3, 3, 3]
    assert "4.weight" not in found.shapes


def test_a_network_is_rebuilt_from_json_and_weights():
    pruned = narrowed()
    replace_module(pruned, "2.1", Skipped())
    structure = Structure.from_json(read_structure(pruned, network()).to_json())
    again = network()
    apply_structure(again, structure)
    again.load_state_dict(pruned.state_dict())
    inputs = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(again.eval()(inputs), pruned.eval()(inputs), rtol=0, atol=0)
    assert read_structure(again, network()) == structure


def test_an_unchanged_network_has_an_empty_structure():
    assert read_structure(network(), network()) == Structure()


@pytest.mark.parametrize(
    ("structure", "message"),
    [
        (Structure(skipped=["9"]), "must have the module '9'"),
        (Structure(sizes={"0": {"forward": 3}}), "must have a size 'forward'"),
        (Structure(sizes={"0": {"training": 3}}), "must have a size 'training'"),
        (Structure(shapes={"0.nothing": [3]}), "must have the tensor of '0' 'nothing'"),
    ],
)
def test_a_structure_of_another_network_is_refused(structure, message):
    with pytest.raises(ArtifactError, match=message):
        apply_structure(network(), structure)


def test_unknown_keys_are_refused():
    with pytest.raises(ArtifactError, match="skipped, sizes and shapes"):
        Structure.from_json({"code": "import os"})
