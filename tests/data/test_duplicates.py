import io

import numpy as np
import pytest
import torch
from image_samples import pictures
from PIL import Image

from basestone.data.cache import pixel_digest
from basestone.data.duplicates import LOWEST_BAR, STRICT_BAR, bar, find_copies, leakage, without_copies
from basestone.data.similarity import descriptors, nearest, pair_similarity, similarity


def jpeg(images, quality):
    result = []
    for image in images:
        file = io.BytesIO()
        picture = Image.fromarray(image[0] if len(image) == 1 else np.ascontiguousarray(image.transpose(1, 2, 0)))
        picture.save(file, "JPEG", quality=quality)
        decoded = np.asarray(Image.open(file))
        result.append(decoded[None] if decoded.ndim == 2 else decoded.transpose(2, 0, 1))
    return np.stack(result)


def brighter(images, levels):
    return np.clip(images.astype(int) + levels, 0, 255).astype(np.uint8)


CHANGES = {
    "jpeg 90": lambda x: jpeg(x, 90),
    "brighter": lambda x: brighter(x, 40),
    "darker": lambda x: brighter(x, -60),
    "contrast": lambda x: np.clip((x.astype(int) - 128) * 0.6 + 128, 0, 255).astype(np.uint8),
    "mirror": lambda x: x[..., ::-1],
    "mirrored jpeg": lambda x: jpeg(x[..., ::-1], 90),
}


def digits():
    from sklearn.datasets import load_digits

    return np.rint(load_digits().images * 255 / 16).astype(np.uint8)[:, None]


def hashes(images):
    return np.array([pixel_digest(image) for image in images])


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", ["colour", "digits"])
def test_planted_copies_are_found_and_nothing_else(kind, change):
    images = pictures(260) if kind == "colour" else digits()[:800]
    train, fresh = images[:-60], images[-60:]
    planted = CHANGES[change](train[10:50])
    everything = np.concatenate([train, planted, fresh])
    n = len(train)
    copies = find_copies(
        everything,
        hashes(everything),
        np.arange(n, len(everything)),
        np.arange(n),
        near=bar(everything, np.arange(n)),
    )
    assert (copies.kind[:40] == "near").all()
    assert copies.place[:40].tolist() == list(range(10, 50))
    assert (copies.kind[40:] == "none").all() and (copies.place[40:] == -1).all()
    assert ((copies.similarity >= 0) & (copies.similarity <= 1)).all()


def test_the_bar_of_digits_lies_between_their_closest_lookalikes_and_copies():
    """Rows 1585 and 1648 are two ones that differ in 10 of 64 pixels, by up to 48 levels: the closest pair there is."""
    images = digits()
    lookalike = pair_similarity(images, np.array([1585]), np.array([1648]))[0]
    everything = np.concatenate([images, jpeg(images[:300], 90)])
    worst_copy = pair_similarity(everything, np.arange(300), np.arange(1797, 2097)).min()
    assert 0.98 < lookalike < bar(images, np.arange(1797)) < worst_copy


def test_exact_copies_by_hash_even_without_looking_for_near_ones():
    images = pictures(20)
    everything = np.concatenate([images, images[3:5]])
    copies = find_copies(everything, hashes(everything), np.arange(18, 22), np.arange(18), near=None)
    assert copies.kind.tolist() == ["none", "none", "exact", "exact"]
    assert copies.place.tolist() == [-1, -1, 3, 4] and copies.similarity.tolist() == [0, 0, 1, 1]


def test_constant_images_neither_match_nor_warn():
    """Each level is another constant image; only the exactly equal one is a copy."""
    levels = np.arange(0, 240, 4, dtype=np.uint8)[:, None, None, None] * np.ones((1, 3, 8, 8), np.uint8)
    everything = np.concatenate([levels, levels[5:6]])
    queries, references = np.arange(40, 61), np.arange(40)
    copies = find_copies(everything, hashes(everything), queries, references, near=bar(everything, references))
    assert copies.kind.tolist() == ["none"] * 20 + ["exact"]
    assert np.isfinite(copies.similarity).all()


def test_two_pictures_in_the_same_frame_or_on_the_same_ground_are_not_copies():
    framed = pictures(2, side=32, seed=5)
    framed[..., :3], framed[..., -3:], framed[..., :3, :], framed[..., -3:, :] = 0, 255, 0, 255
    ramp = np.broadcast_to(np.linspace(0, 200, 32), (2, 3, 32, 32)).copy()
    ramp += np.random.default_rng(0).normal(0, 4, ramp.shape)
    for pair in (framed, ramp.clip(0, 255).astype(np.uint8)):
        assert pair_similarity(pair, np.array([0]), np.array([1]))[0] < 0.5 * LOWEST_BAR


def test_descriptors_equal_the_plain_correlation_of_image_and_mirror_image():
    for side in (7, 8, 32):
        images = pictures(6, side=side)
        where = np.arange(6)
        even, odd = descriptors(images, where)
        flat_even, flat_odd = descriptors(np.ascontiguousarray(images[..., ::-1]), where)
        assert torch.allclose(even @ even.T - odd @ odd.T, even @ flat_even.T + odd @ flat_odd.T, atol=1e-5)
        assert torch.allclose((even**2).sum(1) + (odd**2).sum(1), torch.ones(6), atol=1e-5)


def test_similarity_is_symmetric_one_for_itself_and_bounded_by_numpy_correlation():
    luma = torch.from_numpy(pictures(12, channels=1)[:, 0]).float()
    a, b = luma[:6], luma[6:]
    assert torch.allclose(similarity(a, b), similarity(b, a), atol=1e-6)
    clipped = (1.5 * a + 60).clamp(0, 255)
    assert torch.allclose(similarity(a, clipped), torch.ones(6), atol=1e-3)
    assert torch.allclose(similarity(clipped, a), torch.ones(6), atol=1e-3)
    assert torch.allclose(similarity(a, a), torch.ones(6), atol=1e-5)
    reference = [np.corrcoef(x.ravel(), y.ravel())[0, 1] for x, y in zip(a.numpy(), b.numpy(), strict=True)]
    assert (similarity(a, b).numpy() <= np.array(reference) + 1e-5).all()  # no pair here is alike enough to be fitted


def test_large_images_are_compared_after_averaging_down():
    images = pictures(3, side=160)
    both = np.concatenate([images, jpeg(images[:1], 85)])
    place, alike = nearest(both, np.array([3]), np.arange(3))
    assert place.tolist() == [0] and alike[0] > 0.95


def test_bar_of_few_images_is_strict_and_no_references_give_no_match():
    images = pictures(10)
    assert bar(images, np.arange(10)) == STRICT_BAR
    place, alike = nearest(images, np.arange(2), np.arange(0))
    assert place.tolist() == [-1, -1] and alike.tolist() == [0, 0]


def test_dropping_protects_test_then_validation():
    """0–9 train, 10–13 validation, 14–17 test; validation copies test 14, train copies 15, 11 and (nearly) 16."""
    images = pictures(18)
    images[10], images[0], images[1] = images[14], images[15], images[11]
    images[2] = brighter(images[16:17], 30)[0]
    splits = {"train": np.arange(10), "validation": np.arange(10, 14), "test": np.arange(14, 18)}
    exact = without_copies(images, hashes(images), splits, near=None)
    near = without_copies(images, hashes(images), splits, near=0.9)
    assert exact["train"].tolist() == [2, 3, 4, 5, 6, 7, 8, 9]
    assert near["train"].tolist() == [3, 4, 5, 6, 7, 8, 9]
    for kept in (exact, near):
        assert kept["validation"].tolist() == [11, 12, 13] and kept["test"].tolist() == [14, 15, 16, 17]


def test_matches_name_the_split_and_the_position_in_it():
    images = pictures(8)
    everything = np.concatenate([images, images[[1, 6]], pictures(1, seed=9)])
    copies = find_copies(everything, hashes(everything), np.arange(8, 11), np.arange(8), near=None)
    where = leakage(copies, [("train", 5), ("validation", 3)])
    assert where["split"].tolist() == ["train", "validation", ""] and where["match"].tolist() == [1, 1, -1]
