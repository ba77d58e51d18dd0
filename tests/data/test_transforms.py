import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from basestone.core.contracts import Draw
from basestone.core.seed import torch_generator
from basestone.data.transforms import TRANSFORMS, alternating_flip, cutout, flip, pad_crop, progressive_resize

ALL = [pad_crop(padding=2), pad_crop(padding=2, mode="zero"), flip(), cutout(size=4)]


def draw(seed, *names, epoch=0, n=64):
    return Draw(generator=torch_generator(seed, *names), epoch=epoch, positions=torch.arange(n))


def batch(n=64, c=3, h=9, w=7):
    return torch.randn(n, c, h, w, generator=torch_generator(0, "test"))


@pytest.mark.parametrize("transform", ALL)
def test_shape_kept_and_randomness_comes_from_the_generator_alone(transform):
    images = batch()
    torch.manual_seed(1)
    first = transform(images.clone(), draw(3, "a"))
    torch.manual_seed(2)
    again = transform(images.clone(), draw(3, "a"))
    other = transform(images.clone(), draw(4, "a"))
    assert first.shape == images.shape and first.dtype == images.dtype
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_nothing_changes_at_padding_zero_or_probability_zero():
    images = batch()
    assert torch.equal(pad_crop(padding=0)(images, draw(0)), images)
    assert torch.equal(flip(probability=0.0)(images, draw(0)), images)


def test_two_certain_flips_undo_each_other_and_one_mirrors():
    images = batch()
    once = flip(probability=1.0)(images, draw(0))
    assert torch.equal(once[0, 0, 0], images[0, 0, 0].flip(0))
    assert torch.equal(flip(probability=1.0)(once, draw(1)), images)


def test_half_the_images_are_flipped():
    images = batch(n=2000)
    same = (flip()(images, draw(0)) == images).flatten(1).all(1).float().mean()
    assert abs(same - 0.5) < 4 * (0.25 / 2000) ** 0.5


@pytest.mark.parametrize("mode", ["reflect", "zero"])
def test_crop_equals_numpy_padding_cut_at_some_offset_and_every_offset_occurs(mode):
    images, p = batch(n=400, c=1, h=5, w=6), 1
    result = pad_crop(padding=p, mode=mode)(images, draw(0)).numpy()
    padded = np.pad(
        images.numpy(), ((0, 0), (0, 0), (p, p), (p, p)), mode="reflect" if mode == "reflect" else "constant"
    )
    seen = set()
    for i in range(len(images)):
        offsets = [
            (y, x) for y in range(3) for x in range(3) if np.array_equal(padded[i, :, y : y + 5, x : x + 6], result[i])
        ]
        assert len(offsets) == 1
        seen.add(offsets[0])
    assert len(seen) == 9


@given(size=st.integers(1, 5))
def test_cutout_area_by_hand(size):
    """In a 5×5 image: columns covered by a centre c are those of [c − ⌊size/2⌋, c − ⌊size/2⌋ + size) within 0…4."""
    images = torch.ones(200, 2, 5, 5)
    hidden = cutout(size=size)(images, draw(0)) == 0
    assert torch.equal(hidden[:, 0], hidden[:, 1])
    spans = {len({c - size // 2 + k for k in range(size)} & set(range(5))) for c in range(5)}
    areas = {int(a) for a in hidden[:, 0].sum((1, 2))}
    assert areas <= {a * b for a in spans for b in spans}
    assert max(areas) == size * size  # a centre in the middle hides the whole square


def test_reflecting_more_than_the_image_says_what_to_do():
    with pytest.raises(ValueError, match=r"pad_crop\.padding must be below the image's side of 4 pixels.*mode: zero"):
        pad_crop(padding=4)(torch.ones(1, 1, 4, 9), draw(0))


def test_the_table_is_the_schema():
    options = TRANSFORMS.options("pad_crop")
    assert options(kind="pad_crop").model_dump() == {"kind": "pad_crop", "padding": 4, "mode": "reflect"}
    with pytest.raises(ValueError, match="padding"):
        options(kind="pad_crop", padding=-1)


def test_alternating_flips_show_every_image_both_ways_in_any_two_epochs_running():
    images, transform = batch(n=2000), alternating_flip()
    epochs = [transform(images, draw(seed, epoch=seed, n=2000)) for seed in range(3)]
    mirrored = [(epoch != images).flatten(1).any(1) for epoch in epochs]
    assert torch.equal(epochs[0][mirrored[0]], images[mirrored[0]].flip(-1))
    assert torch.equal(mirrored[1], ~mirrored[0]) and torch.equal(mirrored[2], mirrored[0])


def test_alternating_flips_begin_with_a_half_that_position_alone_decides():
    images, transform = batch(n=2000), alternating_flip()
    first = (transform(images, draw(0, n=2000)) != images).flatten(1).any(1)
    assert abs(first.float().mean() - 0.5) < 4 * (0.25 / 2000) ** 0.5
    neighbours = (first[1:] == first[:-1]).float().mean()
    assert abs(neighbours - 0.5) < 4 * (0.25 / 2000) ** 0.5  # the halves are no pattern of even and odd
    order = torch.randperm(2000, generator=torch_generator(1))
    shuffled = Draw(generator=torch_generator(9), epoch=0, positions=order)
    assert torch.equal((transform(images[order], shuffled) != images[order]).flatten(1).any(1), first[order])


def test_progressive_resize_follows_its_list_and_then_leaves_the_images_alone():
    images, transform = batch(n=4, h=8, w=8), progressive_resize(sides=[4, 6, 8])
    assert [transform(images, draw(0, epoch=epoch, n=4)).shape[-1] for epoch in range(5)] == [4, 6, 8, 8, 8]
    assert torch.equal(transform(images, draw(0, epoch=3, n=4)), images)


def test_halving_equals_pillows_antialiased_bilinear():
    images = batch(n=1, c=1, h=8, w=8)
    ours = progressive_resize(sides=[4])(images, draw(0, n=1))[0, 0].numpy()
    theirs = np.asarray(Image.fromarray(images[0, 0].numpy()).resize((4, 4), Image.Resampling.BILINEAR))
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
