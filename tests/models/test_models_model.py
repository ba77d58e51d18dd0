import copy

import pytest
import timm
import torch
import torchvision
from model_building import build, spec
from safetensors import safe_open
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from basestone.core.batch import Batch
from basestone.core.contracts import Loss
from basestone.core.errors import ArtifactError
from basestone.models.model import (
    analytic_flops,
    describe,
    load_weights,
    save_weights,
    training_flops,
    whole_training_flops,
)


def by_hand():
    """Conv 3→4, 3×3, 6×6 out: 6·6·4·27 MAC; depthwise 4, 3×3, stride 2, 3×3 out: 9·4·9; linear 36→5: 180."""
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 4, 3, stride=2, padding=1, groups=4, bias=False),
        nn.Flatten(),
        nn.Linear(36, 5),
    )


CONV, DEPTHWISE, LINEAR = 2 * 3888, 2 * 324, 2 * 180


def total(model, batch):
    return Loss(total=model(batch.inputs).square().sum(), count=len(batch))


def batch(shape, n=2):
    return Batch(inputs=torch.randn(n, *shape), targets=torch.zeros(n, dtype=torch.int64), index=torch.arange(n))


def test_cost_by_hand():
    cost = describe(by_hand(), (3, 6, 6))
    # 4·27 + 4; norm 2·4; depthwise 4·9; linear 36·5 + 5
    assert cost.parameters == cost.trainable == 112 + 8 + 36 + 185
    assert cost.parameter_bytes == 4 * 341
    assert cost.buffer_bytes == 4 * 8 + 8  # running mean and variance, int64 counter
    assert cost.flops == CONV + DEPTHWISE + LINEAR
    assert analytic_flops(by_hand(), (3, 6, 6)) == cost.flops


def test_trainable_leaves_out_what_is_frozen():
    model = by_hand()
    model[0].requires_grad_(False)
    cost = describe(model, (3, 6, 6))
    assert (cost.parameters, cost.trainable) == (341, 341 - 112)


def test_training_by_hand():
    """Forward, weight gradients, and input gradients of all but the first layer."""
    hand = 3 * (CONV + DEPTHWISE + LINEAR) - CONV
    assert training_flops(by_hand(), total, batch((3, 6, 6))) == hand
    assert training_flops(by_hand(), total, batch((3, 6, 6), 5)) == hand
    assert analytic_flops(by_hand(), (3, 6, 6), training=True) == hand


def test_a_whole_training_counts_every_sample_at_its_own_size():
    """One 3×3 convolution 3→4 with padding, then the mean: forward and weight gradient of 27 · 4 · pixels MAC."""
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    hand = sum(samples * 2 * 2 * 27 * 4 * side**2 for side, samples in ((8, 10), (4, 5)))
    assert whole_training_flops(model, total, batch((3, 8, 8)), {(3, 8, 8): 10, (3, 4, 4): 5}) == (hand, hand)


def test_training_of_a_head_costs_only_its_gradient():
    model = by_hand()
    model[:5].requires_grad_(False)
    hand = CONV + DEPTHWISE + 2 * LINEAR
    assert training_flops(model, total, batch((3, 6, 6))) == hand
    assert analytic_flops(model, (3, 6, 6), training=True) == hand


class Auxiliary(nn.Module):
    """A second head that runs in training only."""

    def __init__(self):
        super().__init__()
        self.head, self.extra = nn.Linear(6, 2), nn.Linear(6, 10)

    def forward(self, x):
        return torch.cat([self.head(x), self.extra(x)], 1) if self.training else self.head(x)


def test_training_is_counted_in_training_mode_and_the_rest_in_evaluation_mode():
    model = Auxiliary()
    assert describe(model.train(), (6,)).flops == analytic_flops(model, (6,)) == 2 * 6 * 2
    both = 2 * (2 * 6 * 12)  # forward and weight gradients of both heads
    assert training_flops(model.eval(), total, batch((6,))) == analytic_flops(model, (6,), training=True) == both


def test_transposed_convolution_by_hand():
    model = nn.Sequential(nn.ConvTranspose2d(6, 4, 2, stride=2, groups=2))
    hand = 2 * (5 * 5) * 6 * 2 * 4  # each of 25·6 inputs spreads over 4/2 channels of 2×2
    assert describe(model, (6, 5, 5)).flops == analytic_flops(model, (6, 5, 5)) == hand
    assert training_flops(model, total, batch((6, 5, 5))) == 2 * hand


# GMACs: torchvision's model pages (weights.meta['_ops']); Inception v4: timm's results table (12.28).
PUBLISHED = [
    (lambda: torchvision.models.resnet18(), 224, 1.814),
    (lambda: timm.create_model("resnet18"), 224, 1.814),
    (lambda: torchvision.models.resnet50(), 224, 4.089),
    (lambda: torchvision.models.alexnet(), 224, 0.714),
    (lambda: torchvision.models.inception_v3(aux_logits=False, init_weights=False), 299, 5.713),
    (lambda: timm.create_model("inception_v4"), 299, 12.28),
    (lambda: torchvision.models.mobilenet_v2(), 224, 0.301),
    (lambda: torchvision.models.vit_b_16(), 224, 17.564),
]


@pytest.mark.parametrize(("make", "side", "gmacs"), PUBLISHED)
def test_flops_agree_with_published_tables_and_with_each_other(make, side, gmacs):
    with torch.device("meta"):
        model = make()
    counted = describe(model, (3, side, side)).flops
    assert counted / 2e9 == pytest.approx(gmacs, rel=0.003)
    assert analytic_flops(model, (3, side, side)) == pytest.approx(counted, rel=0.01)


@pytest.mark.parametrize("name", ["resnet18", "convnext_atto", "vit_tiny_patch16_224", "mobilenetv3_small_050"])
def test_training_counts_agree(name):
    model = build("timm", spec(3, 64), name=name)
    counted = training_flops(model, total, batch((3, 64, 64)))
    assert analytic_flops(model, (3, 64, 64), training=True) == pytest.approx(counted, rel=0.01)
    assert 2.5 < counted / describe(model, (3, 64, 64)).flops <= 3


def test_the_meta_count_is_that_of_a_real_run():
    model = build("small_cnn", spec(3, 16)).eval()
    with FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 3, 16, 16))
    assert describe(model, (3, 16, 16)).flops == counter.get_total_flops()


def test_counting_touches_nothing():
    model = by_hand().train()
    before = copy.deepcopy(model.state_dict())
    torch.manual_seed(0)
    data, state = batch((3, 6, 6)), torch.get_rng_state()
    describe(model, (3, 6, 6))
    training_flops(model, total, data)
    analytic_flops(model, (3, 6, 6), training=True)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(weight.grad is None for weight in model.parameters())
    assert model.training
    assert all(not layer._forward_hooks for layer in model.modules())


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(3, 4, bias=False)
        self.head = nn.Linear(3, 4, bias=False)
        self.head.weight = self.embed.weight
        self.register_buffer("scale", torch.tensor(2.0))

    def forward(self, x):
        return self.embed(x) + self.head(x)


def test_tied_weights_count_once():
    cost = describe(Tied(), (3,))
    assert cost.parameters == 12
    assert cost.flops == 2 * 2 * 12  # the weight is used twice


def test_weights_return_bit_for_bit(tmp_path):
    model = by_hand().to(memory_format=torch.channels_last)
    model[1].running_mean.uniform_()
    save_weights(model, tmp_path / "a" / "model.safetensors")
    other = by_hand()
    load_weights(other, tmp_path / "a" / "model.safetensors")
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in model.state_dict().items())
    save_weights(other, tmp_path / "b.safetensors")
    assert (tmp_path / "b.safetensors").read_bytes() == (tmp_path / "a" / "model.safetensors").read_bytes()
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["model.safetensors"]


def test_tied_weights_are_stored_once_and_stay_tied(tmp_path):
    model, other = Tied(), Tied()
    save_weights(model, tmp_path / "w")
    with safe_open(tmp_path / "w", "pt") as file:
        assert sorted(file.keys()) == ["embed.weight", "scale"]
    load_weights(other, tmp_path / "w")
    assert other.head.weight is other.embed.weight
    assert torch.equal(other.head.weight, model.embed.weight)


def test_every_disagreement_is_named_and_nothing_is_loaded(tmp_path):
    saved = nn.ModuleDict({"a": nn.Linear(2, 3), "b": nn.Linear(2, 2), "old": nn.Linear(1, 1, bias=False)})
    model = nn.ModuleDict({"a": nn.Linear(2, 4), "b": nn.Linear(2, 2).double(), "new": nn.Linear(1, 1, bias=False)})
    save_weights(saved, tmp_path / "w")
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ArtifactError) as error:
        load_weights(model, tmp_path / "w")
    text = str(error.value)
    assert "missing: new.weight;" in text
    assert "unexpected: old.weight;" in text
    assert "a.weight (float32 3×2 in the file, float32 4×2 in the model)" in text
    assert "b.bias (float32 2 in the file, float64 2 in the model)" in text
    assert "Nothing was loaded." in text
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_one_fault_spoils_all(tmp_path):
    saved, model = nn.Sequential(nn.Linear(2, 2)), nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    save_weights(saved, tmp_path / "w")
    before = model[0].weight.clone()
    with pytest.raises(ArtifactError, match=r"missing: 1\.bias, 1\.weight"):
        load_weights(model, tmp_path / "w")
    assert torch.equal(model[0].weight, before)


def test_two_stored_tensors_do_not_fit_one_tied_weight(tmp_path):
    untied = Tied()
    untied.head.weight = nn.Parameter(torch.zeros(4, 3))
    save_weights(untied, tmp_path / "w")
    with pytest.raises(ArtifactError, match=r"unexpected: head\.weight"):
        load_weights(Tied(), tmp_path / "w")


def test_a_missing_file_and_a_damaged_one(tmp_path):
    with pytest.raises(ArtifactError, match="must exist and does not"):
        load_weights(by_hand(), tmp_path / "none")
    save_weights(by_hand(), tmp_path / "w")
    (tmp_path / "w").write_bytes((tmp_path / "w").read_bytes()[:-1])
    with pytest.raises(ArtifactError, match="must be a whole safetensors file and is not"):
        load_weights(by_hand(), tmp_path / "w")


def test_a_pickle_is_never_read(tmp_path):
    torch.save(by_hand().state_dict(), tmp_path / "w")
    with pytest.raises(ArtifactError, match="must be a whole safetensors file"):
        load_weights(by_hand(), tmp_path / "w")


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    save_weights(by_hand(), tmp_path / "w")
    before = (tmp_path / "w").read_bytes()

    def full(*args, **kwargs):
        raise OSError("No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(OSError, match="No space"):
        save_weights(by_hand(), tmp_path / "w")
    assert (tmp_path / "w").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["w"]
