import pytest
import torch
from model_building import build, spec
from torch import nn

from basestone.core.errors import UsageError
from basestone.models.stem import check_input, refusal


def sides(model, names, side=32):
    """The height of each named module's output for one image."""
    seen = {}
    for name in names:
        model.get_submodule(name).register_forward_hook(lambda m, i, y, name=name: seen.update({name: y.shape[-1]}))
    model.eval()(torch.zeros(1, 3, side, side))
    return [seen[name] for name in names]


@pytest.mark.parametrize("kind", ["timm", "torchvision"])
def test_resnet_keeps_32_pixels_until_its_stages(kind):
    model = build(kind, name="resnet18", small_input=True)
    # He et al. 2015, section 4.2: stem at full resolution; then stages of stride 1, 2, 2, 2
    assert sides(model, ["conv1", "maxpool", "layer1", "layer2", "layer3", "layer4"]) == [32, 32, 32, 16, 8, 4]
    assert (model.conv1.kernel_size, model.conv1.stride, model.conv1.bias) == ((3, 3), (1, 1), None)


def test_resnet_with_a_deep_stem():
    model = build("timm", name="resnet50d", small_input=True)
    assert sides(model, ["conv1", "layer1", "layer4"]) == [32, 32, 4]


def test_alexnet():
    model = build("torchvision", name="alexnet", small_input=True)
    # 3×3 convolution 32; pools (32 − 3)//2 + 1 = 15, (15 − 3)//2 + 1 = 7; no third pool
    assert sides(model, ["features.0", "features.2", "features.5", "features.12"]) == [32, 15, 7, 7]
    assert model.features[0].bias is not None


@pytest.mark.parametrize("kind", ["timm", "torchvision"])
def test_inception_v3(kind):
    model = build(kind, name="inception_v3", small_input=True)
    names = ["Conv2d_1a_3x3", "Conv2d_2b_3x3", "Conv2d_4a_3x3", "Mixed_5b", "Mixed_6a", "Mixed_7c"]
    # stem 32; pool (32 − 3)//2 + 1 = 15; reductions (15 − 3)//2 + 1 = 7, (7 − 3)//2 + 1 = 3
    assert sides(model, names) == [32, 32, 32, 15, 7, 3]


def test_inception_v4():
    model = build("timm", name="inception_v4", small_input=True)
    # 32; Mixed4a's unpadded 3×3: 30; Mixed5a (30 − 3)//2 + 1 = 14; reductions 6 and 2
    assert sides(model, [f"features.{i}" for i in (0, 2, 3, 4, 5, 10, 18)]) == [32, 32, 32, 30, 14, 6, 2]


@pytest.mark.parametrize(
    ("kind", "name", "side"),
    [("torchvision", "alexnet", 63), ("torchvision", "inception_v3", 75)],
)
def test_too_small_images_without_the_stem(kind, name, side):
    """63 and 75 are torchvision's documented minima (weights.meta['min_size'])."""
    wanted = (
        rf"{kind} '{name}' needs images of {side}×{side} pixels or more; got 32×32\. "
        rf"Set small_input: true or data\.image_size: {side}\."
    )
    with pytest.raises(UsageError, match=wanted):
        build(kind, name=name)
    assert build(kind, spec(3, side), name=name)(torch.zeros(2, 3, side, side)).shape == (2, 7)


def test_too_small_even_with_the_stem_does_not_offer_it_again():
    with pytest.raises(UsageError, match=r"got 4×4\. Set data\.image_size: 7\.$"):
        build("torchvision", spec(3, 4), name="alexnet", small_input=True)


def test_too_small_for_the_small_cnn():
    with pytest.raises(
        UsageError, match=r"small_cnn needs images of 8×8 pixels or more; got 7×7\. Set data\.image_size: 8"
    ):
        build("small_cnn", spec(3, 7), widths=[4, 4, 4, 4])


def test_a_fixed_size_is_said_to_be_exact():
    with pytest.raises(
        UsageError, match=r"needs images of 224×224 pixels exactly; got 256×256\. Set data\.image_size: 224"
    ):
        build("torchvision", spec(3, 256), name="vit_b_32")


def test_a_family_without_surgery():
    with pytest.raises(
        UsageError,
        match=r"small_input needs a ResNet, AlexNet or Inception.*'mnasnet0_5' is a MNASNet\. Set small_input: f",
    ):
        build("torchvision", name="mnasnet0_5", small_input=True)


def test_outputs_that_are_no_logits():
    pooled = nn.Conv2d(3, 7, 1)
    assert refusal(pooled, (3, 8, 8), 7) == "its output is (2, 7, 8, 8)"
    with pytest.raises(UsageError, match=r"net must map 3-channel images to 7 logits.*its output is \(2, 7, 32, 32\)"):
        check_input(pooled, spec(), "net", small_input=False)


def test_the_check_leaves_the_model_alone():
    model = build("small_cnn").train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert refusal(model, (3, 32, 32), 7) is None
    assert model.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
