import subprocess
import sys
from urllib.error import URLError

import huggingface_hub.constants
import pytest
import timm
import torch
import torchvision
from model_building import build, initialise, section, spec
from pydantic import TypeAdapter, ValidationError

from basestone.core.errors import ArtifactError, UsageError
from basestone.models.catalogue import INITS, MODELS, rebuild
from basestone.models.initialise import pretrained_layers


def test_the_tables_import_nothing_heavy():
    code = (
        "import sys, basestone.models, basestone.models.listing, basestone.objectives;"
        "sys.exit(str({'torch', 'timm', 'torchvision'} & sys.modules.keys() or ''))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stderr.strip() in ("", "{}")


SMALL = [
    ("small_cnn", {}),
    ("timm", {"name": "resnet18"}),
    ("timm", {"name": "resnet18", "small_input": True, "drop_rate": 0.1}),
    ("timm", {"name": "resnet50d", "small_input": True}),
    ("timm", {"name": "inception_v3", "small_input": True}),
    ("timm", {"name": "inception_v4", "small_input": True}),
    ("timm", {"name": "vit_tiny_patch16_224"}),
    ("torchvision", {"name": "resnet18", "small_input": True}),
    ("torchvision", {"name": "alexnet", "small_input": True}),
    ("torchvision", {"name": "inception_v3", "small_input": True}),
]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("kind", "options"), SMALL)
def test_every_kind_takes_grey_and_colour_and_any_number_of_classes(kind, options, channels):
    model = build(kind, spec(channels, 32, 7), **options).train()
    logits = model(torch.randn(2, channels, 32, 32, generator=torch.Generator().manual_seed(0)))
    assert logits.shape == (2, 7)
    assert logits.dtype == torch.float32
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize(("kind", "options"), [SMALL[0], SMALL[2], SMALL[8]])
def test_building_is_a_pure_function_of_the_recipe(kind, options):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = build(kind, **options).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    second = build(kind, **options).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_drop_rate_reaches_the_network():
    rates = {m.p for m in build("small_cnn", drop_rate=0.25).modules() if isinstance(m, torch.nn.Dropout)}
    assert rates == {0.25}
    assert build("timm", name="resnet18", drop_rate=0.25).drop_rate == 0.25


def test_widths_and_blocks_of_the_small_cnn():
    plain = build("small_cnn", spec(1, 8, 10), widths=[4, 6], blocks=0)
    # conv 1·4·9 + bn 2·4, conv 4·6·9 + bn 2·6, linear 6·10 + 10
    assert sum(p.numel() for p in plain.parameters()) == 36 + 8 + 216 + 12 + 70
    residual = build("small_cnn", spec(1, 8, 10), widths=[4, 6], blocks=2)
    # two blocks a stage, each two convolutions w·w·9 and two norms 2·w
    extra = sum(2 * 2 * (w * w * 9 + 2 * w) for w in (4, 6))
    assert sum(p.numel() for p in residual.parameters()) == 342 + extra


def test_the_schema_refuses_what_makes_no_network():
    check = TypeAdapter(MODELS.union()).validate_python
    faulty = [
        {"kind": "small_cnn", "widths": []},
        {"kind": "small_cnn", "widths": [0]},
        {"kind": "small_cnn", "drop_rate": 1.0},
        {"kind": "timm"},
        {"kind": "torchvision", "name": "alexnet", "drop_rate": 0.1},
    ]
    for fault in faulty:
        with pytest.raises(ValidationError):
            check(fault)
    assert set(INITS) == {"default", "kaiming", "xavier", "orthogonal", "truncated_normal", "dirac"}


@pytest.mark.parametrize(
    ("kind", "given", "meant"), [("timm", "resnet81", "resnet"), ("torchvision", "alxnet", "alexnet")]
)
def test_an_unknown_name_gets_the_nearest(kind, given, meant):
    with pytest.raises(UsageError, match=rf"{kind} has no image classifier '{given}'\. Did you mean '{meant}"):
        build(kind, name=given)


def test_a_name_like_no_other_is_not_answered_with_a_thousand():
    with pytest.raises(UsageError, match=r"`basestone models TEXT` finds names\.$"):
        build("timm", name="qqqqqq")


def test_names_that_would_reach_for_the_network_are_refused():
    with pytest.raises(UsageError, match=r"timm has no image classifier 'hf-hub:timm/resnet18.a1_in1k'"):
        build("timm", name="hf-hub:timm/resnet18.a1_in1k")


def test_timm_offline_says_what_to_do(monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(
        ArtifactError, match=r"weights of timm 'resnet10t' must be on disk or downloadable.*pretrained: f"
    ):
        build("timm", name="resnet10t", pretrained=True)


def test_torchvision_offline_says_what_to_do(monkeypatch, tmp_path):
    def refuse(*args, **kwargs):
        raise URLError("no network")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.urlopen", refuse)
    with pytest.raises(ArtifactError, match=r"torchvision 'alexnet' must be .*no network.*pretrained: false"):
        build("torchvision", name="alexnet", small_input=True, pretrained=True)


@pytest.fixture
def torchvision_weights(monkeypatch):
    """A resnet18 of 1,000 classes in place of the download."""
    torch.manual_seed(5)
    state = torchvision.models.resnet18().state_dict()
    cls = torchvision.models.ResNet18_Weights
    monkeypatch.setattr(cls, "get_state_dict", lambda self, **options: {k: v.clone() for k, v in state.items()})
    return state


def test_pretrained_torchvision_keeps_all_but_head_and_stem(torchvision_weights):
    model = build("torchvision", name="resnet18", small_input=True, pretrained=True)
    initialise("kaiming", model)
    fresh = {"fc.weight", "fc.bias", "conv1.weight"}
    for name, value in model.state_dict().items():
        same = value.shape == torchvision_weights[name].shape and torch.equal(value, torchvision_weights[name])
        assert same == (name not in fresh), name
    assert "layer1.0.conv1" in pretrained_layers(model)
    assert not pretrained_layers(model) & {"fc", "conv1"}


def test_pretrained_grey_sums_the_colours(torchvision_weights):
    model = build("torchvision", spec(1, 64, 1000), name="resnet18", pretrained=True)
    torch.testing.assert_close(model.conv1.weight, torchvision_weights["conv1.weight"].sum(1, keepdim=True))
    grey = torch.randn(2, 1, 64, 64)
    colour = torchvision.models.resnet18()
    colour.load_state_dict(torchvision_weights)
    # law: a grey image is a colour image with three equal channels
    torch.testing.assert_close(model.eval()(grey), colour.eval()(grey.expand(-1, 3, -1, -1)), rtol=1e-4, atol=1e-4)


def test_pretrained_timm_keeps_all_but_the_head(monkeypatch):
    torch.manual_seed(5)
    state = timm.create_model("resnet18").state_dict()
    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", lambda *args, **options: dict(state))
    model = build("timm", name="resnet18", pretrained=True)
    initialise("default", model)
    changed = {
        name
        for name, value in model.state_dict().items()
        if not torch.equal(value, state[name][: len(value)] if value.ndim else state[name])
    }
    assert changed == {"fc.weight", "fc.bias"}


def test_rebuild_never_downloads(monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    model = rebuild(section("timm", name="resnet18", pretrained=True, small_input=True), spec())
    assert not pretrained_layers(model)
    assert model.conv1.kernel_size == (3, 3)


@pytest.mark.slow
def test_small_cnn_learns_the_digits():
    """Planted labels apart, 1,797 digits are an easy set: k-nearest neighbours reach 98 %, so must we."""
    from sklearn.datasets import load_digits

    data = load_digits()
    images = torch.tensor(data.images, dtype=torch.float32)[:, None] / 8 - 1
    labels = torch.tensor(data.target)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    train, test = order[:1437], order[1437:]
    model = build("small_cnn", spec(1, 8, 10))
    initialise("kaiming", model, zero_init_residual=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.05)
    epochs, size = 15, 64
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=epochs * -(-len(train) // size))
    generator = torch.Generator().manual_seed(1)
    for _ in range(epochs):
        for rows in train[torch.randperm(len(train), generator=generator)].split(size):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(images[rows]), labels[rows]).backward()
            optimizer.step()
            schedule.step()
    accuracy = (model.eval()(images[test]).argmax(1) == labels[test]).float().mean().item()
    assert accuracy > 0.98


def test_standardize_makes_brightness_and_contrast_matter_nothing():
    model = build("small_cnn", spec(1, 32, 10), standardize=True).eval()
    images = torch.rand(3, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    changed = images * torch.tensor([0.3, 1.0, 2.0]).view(-1, 1, 1, 1) + torch.tensor([0.5, -1.0, 0.0]).view(
        -1, 1, 1, 1
    )
    assert torch.allclose(model(images), model(changed), atol=1e-3)
    plain = build("small_cnn", spec(1, 32, 10)).eval()
    assert not torch.allclose(plain(images), plain(changed), atol=1e-2)
