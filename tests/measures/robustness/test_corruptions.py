import io
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits, load_sample_image

from basestone.measures.robustness import FAMILIES, SEVERITIES
from basestone.measures.robustness.corruptions import CORRUPTIONS, corrupt
from basestone.measures.robustness.filters import gaussian_blur, streak_kernels
from basestone.measures.robustness.weather import clouds, grey


def photographs(count, side):
    """Pieces of scikit-learn's two photographs, N×3×side×side in 0–1."""
    rng = np.random.default_rng(0)
    found = []
    for name in ("china.jpg", "flower.jpg"):
        picture = torch.from_numpy(load_sample_image(name).copy()).permute(2, 0, 1)[None].float() / 255
        picture = torch.nn.functional.interpolate(picture, scale_factor=0.5, mode="area")[0]
        for _ in range(count // 2):
            top, left = rng.integers(picture.shape[1] - side), rng.integers(picture.shape[2] - side)
            found.append(picture[:, top : top + side, left : left + side])
    return torch.stack(found)


@pytest.fixture(scope="module")
def images():
    return photographs(48, 32)


@pytest.fixture(scope="module")
def digits():
    return torch.from_numpy(load_digits().images[:100]).float()[:, None] / 16


def distance(images, name, severity, seed=0):
    changed = corrupt(images, range(len(images)), corruption=name, severity=severity, seed=seed)
    return float((changed - images).square().mean().sqrt())


def test_the_table_holds_the_fifteen_of_the_paper():
    assert [name for names in FAMILIES.values() for name in names] == list(CORRUPTIONS)
    assert len(CORRUPTIONS) == 15
    for entry in CORRUPTIONS.values():
        assert len(entry.at_32) == len(entry.at_224) == 5


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_damage_grows_with_severity_on_photographs_and_digits(name, images, digits):
    for batch in (images, digits):
        damage = [distance(batch, name, severity) for severity in SEVERITIES]
        # pixelate cuts 8 px into 8, 7, 7, 6 and 5 cells, and 5 happen to suit the strokes better than 6
        slack = 0.9 if name == "pixelate" and batch is digits else 1.0
        assert all(slack * a <= b for a, b in pairwise(damage)), damage
        assert 0.01 < damage[-1] < 0.5
        assert damage[-1] > 1.2 * damage[0]


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_an_image_is_changed_alike_in_every_batch(name, images):
    index = list(range(100, 112))
    together = corrupt(images[:12], index, corruption=name, severity=4, seed=7)
    order = [5, 0, 11]
    apart = corrupt(images[order], [index[i] for i in order], corruption=name, severity=4, seed=7)
    alone = corrupt(images[5:6], [105], corruption=name, severity=4, seed=7)
    assert torch.allclose(apart, together[order], atol=1e-6)
    assert torch.allclose(alone[0], together[5], atol=1e-6)


RANDOM = set(CORRUPTIONS) - {
    "defocus_blur",
    "zoom_blur",
    "brightness",
    "contrast",
    "pixelate",
    "jpeg_compression",
}


@pytest.mark.parametrize("name", sorted(RANDOM))
def test_seed_and_index_both_count(name, images):
    twice = images[:1].repeat(2, 1, 1, 1)
    first, second = corrupt(twice, [0, 1], corruption=name, severity=5, seed=0)
    other = corrupt(twice, [0, 1], corruption=name, severity=5, seed=1)
    assert not torch.equal(first, second)
    assert not torch.equal(first, other[0])


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("shape", [(2, 1, 8, 8), (2, 3, 32, 32), (1, 3, 40, 56), (1, 1, 224, 224)])
def test_any_image_gives_an_image(name, shape):
    batch = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    kept = batch.clone()
    changed = corrupt(batch, range(shape[0]), corruption=name, severity=5, seed=0)
    assert changed.shape == shape
    assert changed.dtype == torch.float32
    assert bool(((changed >= 0) & (changed <= 1)).all())
    assert torch.equal(batch, kept)


def test_parameters_at_published_sizes_and_between():
    noise, motion = CORRUPTIONS["gaussian_noise"], CORRUPTIONS["motion_blur"]
    assert noise.parameters(5, 32) == [0.10]
    assert noise.parameters(5, 224) == [0.38]
    assert noise.parameters(1, 8) == [0.04]  # an amplitude keeps its value below 32 px
    assert motion.parameters(1, 8) == [1.5, 0.25]  # 6 and 1 px at 32: lengths shrink with the side
    assert motion.parameters(1, 448) == [20, 6]
    middle = noise.parameters(3, 85)[0]  # 85 is close to the geometric mean of 32 and 224
    assert middle == pytest.approx((0.08 + 0.18) / 2, abs=1e-3)


def test_noises_have_the_moments_they_promise():
    flat = torch.full((40, 3, 32, 32), 0.5)
    rng = range(40)
    gaussian = corrupt(flat, rng, corruption="gaussian_noise", severity=3, seed=0) - 0.5
    assert float(gaussian.std()) == pytest.approx(0.08, rel=0.02)
    shot = corrupt(flat, rng, corruption="shot_noise", severity=3, seed=0)
    assert float(shot.mean()) == pytest.approx(0.5, abs=2e-3)
    assert float(shot.std()) == pytest.approx((0.5 / 100) ** 0.5, rel=0.02)  # Poisson: variance = mean / photons
    impulse = corrupt(flat, rng, corruption="impulse_noise", severity=5, seed=0)
    assert float((impulse == 0).float().mean()) == pytest.approx(0.035, rel=0.05)
    assert float((impulse == 1).float().mean()) == pytest.approx(0.035, rel=0.05)


@pytest.mark.parametrize("name", ["defocus_blur", "glass_blur", "motion_blur", "zoom_blur", "pixelate", "contrast"])
def test_a_flat_image_has_nothing_to_blur(name):
    flat = torch.full((2, 3, 32, 32), 0.3)
    assert torch.allclose(corrupt(flat, [0, 1], corruption=name, severity=5, seed=0), flat, atol=1e-5)


def test_gaussian_blur_equals_scipy(images):
    from scipy.ndimage import gaussian_filter

    ours = gaussian_blur(images[:1], 1.3)[0, 0]
    theirs = gaussian_filter(images[0, 0].double().numpy(), 1.3, mode="reflect", radius=6)
    assert np.allclose(ours.numpy(), theirs, atol=1e-5)


def test_a_streak_points_where_it_is_told():
    kernels = streak_kernels(torch.tensor([0.0, torch.pi / 2]), reach=4, sigma=2)
    assert torch.allclose(kernels.sum((1, 2)), torch.ones(2))
    assert float(kernels[0, 4, 4:].sum()) == pytest.approx(1, abs=1e-5)  # level, from the centre to the right
    assert torch.allclose(kernels[1], kernels[0].T, atol=1e-6)


def test_contrast_and_brightness_by_hand():
    pair = torch.tensor([0.2, 0.6]).reshape(1, 1, 1, 2)
    # mean 0.4, 15 % of the contrast left: 0.4 -/+ 0.03
    dimmed = corrupt(pair, [0], corruption="contrast", severity=5, seed=0)
    assert dimmed.flatten().tolist() == pytest.approx([0.37, 0.43])
    orange = torch.tensor([0.4, 0.2, 0.0]).reshape(1, 3, 1, 1)
    # value 0.4 -> 0.7: every channel times 1.75, so hue and saturation stay
    bright = corrupt(orange, [0], corruption="brightness", severity=5, seed=0)
    assert bright.flatten().tolist() == pytest.approx([0.7, 0.35, 0.0])


def test_pixelate_leaves_blocks(images):
    changed = corrupt(images[:1], [0], corruption="pixelate", severity=5, seed=0)[0, 0]
    cells = round(32 * 0.65)
    assert len({tuple(row.tolist()) for row in changed}) == cells
    assert float(changed.mean()) == pytest.approx(float(images[0, 0].mean()), abs=0.02)


def test_jpeg_is_pillows(images):
    changed = corrupt(images[:1], [0], corruption="jpeg_compression", severity=4, seed=0)[0]
    buffer = io.BytesIO()
    Image.fromarray((images[0].permute(1, 2, 0) * 255).round().byte().numpy()).save(buffer, "JPEG", quality=50)
    expected = np.asarray(Image.open(buffer))
    assert np.array_equal((changed * 255).round().byte().permute(1, 2, 0).numpy(), expected)


def test_weather_brightens_and_fog_hides_contrast(images):
    for name in ("snow", "frost", "brightness"):
        assert float(corrupt(images, range(48), corruption=name, severity=5, seed=0).mean()) > float(images.mean())
    vivid = images[images.std((1, 2, 3)) > 0.15]
    foggy = corrupt(vivid, range(len(vivid)), corruption="fog", severity=5, seed=0)
    assert float(foggy.std((2, 3)).mean()) < 0.9 * float(vivid.std((2, 3)).mean())


def test_clouds_are_smoother_for_a_larger_exponent():
    white = torch.randn(4, 64, 64, generator=torch.Generator().manual_seed(0))
    rough, smooth = (clouds(white, exponent) for exponent in (1.0, 2.5))
    step = [float((field[:, 1:] - field[:, :-1]).std() / field.std()) for field in (rough, smooth)]
    assert step[1] < 0.5 * step[0]
    assert torch.allclose(clouds(white, 0.0), white, atol=1e-5)


def test_grey_is_luma():
    assert float(grey(torch.tensor([1.0, 0.5, 0.0]).reshape(1, 3, 1, 1))) == pytest.approx(0.299 + 0.587 / 2)


def test_wrong_requests_say_what_is_right(images):
    with pytest.raises(ValueError, match=r"no corruption 'gausian_noise'\. Did you mean 'gaussian_noise'"):
        corrupt(images, range(48), corruption="gausian_noise", severity=1, seed=0)
    with pytest.raises(ValueError, match="severity must be 1 to 5; got 0"):
        corrupt(images, range(48), corruption="fog", severity=0, seed=0)
    with pytest.raises(ValueError, match="with N indices"):
        corrupt(images, [0], corruption="fog", severity=1, seed=0)
