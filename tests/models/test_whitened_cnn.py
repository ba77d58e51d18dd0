"""The patch-whitening network: what its first layer does to data, and what identity-like layers pass on."""

import numpy as np
import pytest
import torch
from model_building import build, initialise, spec
from sklearn.decomposition import PCA

from basestone.core.batch import Batch
from basestone.core.errors import UsageError
from basestone.core.seed import torch_generator
from basestone.models.initialise import from_data
from basestone.models.own.whitened_cnn import ConvGroup, PatchWhitening


class Smooth:
    """A source of images whose neighbouring pixels and channels are alike, so that there is something to whiten."""

    def __init__(self, count=400, side=12):
        noise = torch.randn(count, 3, side + 4, side + 4, generator=torch_generator(0))
        blurred = torch.nn.functional.avg_pool2d(noise, 5, stride=1)
        self.images = blurred * 4 + blurred.mean(1, keepdim=True) * 8
        self.targets = np.zeros(count, dtype=np.int64)

    def __len__(self):
        return len(self.images)

    def batch(self, positions, generator=None, *, epoch=0):
        assert generator is None  # what is whitened are the images as they are
        chosen = torch.from_numpy(positions)
        return Batch(inputs=self.images[chosen], targets=torch.zeros(len(chosen), dtype=torch.int64), index=chosen)


def patches(images):
    return torch.nn.functional.unfold(images, 2).transpose(1, 2).reshape(-1, images.shape[1] * 4)


def test_whitened_patches_are_uncorrelated_with_variance_one_and_come_with_both_signs():
    layer, images = PatchWhitening(3), Smooth().images
    layer.whiten(images, eps=0.0)
    torch.nn.init.zeros_(layer.conv.bias)
    out = layer(images).permute(0, 2, 3, 1).reshape(-1, 24).double()
    assert torch.allclose(out[:, :12].T.cov(), torch.eye(12, dtype=torch.float64), atol=1e-3)
    assert torch.allclose(out[:, 12:], -out[:, :12], atol=1e-5)


def test_the_kernel_spans_what_scikit_learns_pca_finds():
    layer, images = PatchWhitening(3), Smooth().images
    layer.whiten(images, eps=0.0)
    found = PCA(whiten=True).fit(patches(images).numpy())
    theirs = found.components_ / np.sqrt(found.explained_variance_)[:, None]
    ours = layer.conv.weight[:12].flatten(1).flip(0).numpy()  # the least variance comes first with us
    signs = np.sign((ours * theirs).sum(1, keepdims=True))
    np.testing.assert_allclose(ours * signs, theirs, rtol=1e-2, atol=1e-3)


def test_eps_bounds_how_much_a_flat_direction_is_amplified():
    layer = PatchWhitening(1)
    layer.whiten(torch.ones(4, 1, 6, 6), eps=0.25)  # no variance at all: 1 / √0.25
    assert torch.allclose(layer.conv.weight.flatten(1).norm(dim=1), torch.tensor(2.0))


def test_from_data_fills_the_frozen_layer_by_the_seed_and_leaves_other_models_alone():
    model, source = build("whitened_cnn", widths=[8, 8]), Smooth()
    from_data(model, source, seed=1)
    first = model.whitening.conv.weight.clone()
    assert not model.whitening.conv.weight.requires_grad and model.whitening.conv.bias.requires_grad
    reference = PatchWhitening(3)
    reference.whiten(source.images)
    assert torch.allclose(first, reference.conv.weight, atol=1e-3)  # all 400 images, in whatever order
    plain = build("small_cnn")
    before = {name: value.clone() for name, value in plain.state_dict().items()}
    from_data(plain, source, seed=1)
    assert all(torch.equal(before[name], value) for name, value in plain.state_dict().items())


def test_dirac_passes_the_inputs_on():
    model = initialise("dirac", build("whitened_cnn", widths=[32, 32]))
    x = torch.randn(2, 24, 9, 9, generator=torch_generator(3))
    first, second = model.groups[0].first[0], model.groups[1].first[0]
    assert torch.equal(first(x)[:, :24], x)
    assert not torch.equal(first.weight[24:], torch.zeros_like(first.weight[24:]))
    wide = torch.randn(2, 32, 5, 5, generator=torch_generator(4))
    assert torch.equal(second(wide), wide)


def test_a_group_halves_the_resolution_and_its_last_layer_is_a_branch():
    group = ConvGroup(4, 6, depth=3).eval()
    x = torch.randn(2, 4, 9, 9, generator=torch_generator(0))
    torch.nn.init.zeros_(group.later[-1][0].weight)  # the branch says nothing: what is left is the shortcut
    with torch.no_grad():
        assert group(x).shape == (2, 6, 4, 4)
        assert torch.allclose(group(x), group.activation(group.first(x)), atol=1e-6)


def test_too_small_images_are_refused_with_the_smallest_side():
    with pytest.raises(UsageError, match="needs images of 9×9 pixels or more; got 8×8"):
        build("whitened_cnn", spec(side=8))
