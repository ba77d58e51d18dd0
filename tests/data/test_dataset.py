import json
import multiprocessing
import os
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from image_samples import encoded, pictures, pngs, write_parquet
from PIL import Image

from basestone.core.errors import ArtifactError, DataError, UsageError
from basestone.core.evidence import read_records
from basestone.core.seed import torch_generator
from basestone.data import cache as cache_module
from basestone.data.dataset import open_split, prepare
from basestone.data.export import png_bytes
from basestone.data.image import Decoding, bombs_refused, decode
from basestone.data.options import DataOptions
from basestone.data.readers.contract import Row
from basestone.data.recognise import cache_present, fingerprint
from basestone.data.transforms import flip


def options(path, **more):
    return DataOptions.model_validate({"source": {"kind": "parquet", "files": {"train": str(path)}}, **more})


@pytest.fixture
def made(tmp_path):
    """60 images of three classes in one parquet file, prepared."""
    images = pictures(60, side=8)
    path = write_parquet(
        tmp_path / "train.parquet", pngs(images), list(range(3)) * 20, names=["a", "b", "c"], site=["x", "y"] * 30
    )
    chosen = options(path, groups=["site"])
    folder, root = tmp_path / "stage", tmp_path / "cache"
    card = prepare(chosen, seed=0, folder=folder, cache_root=root)
    return SimpleNamespace(images=images, path=path, options=chosen, folder=folder, root=root, card=card)


def test_files_card_and_splits_agree(made):
    samples, card = read_records(made.folder / "samples.parquet"), made.card
    assert {name: split["count"] for name, split in card["splits"].items()} == {
        "train": 42,
        "validation": 6,
        "test": 12,
    }
    assert card["splits"]["test"]["classes"] == {"a": 4, "b": 4, "c": 4}
    assert sum(split["groups"]["site"]["x"] for split in card["splits"].values()) == 30
    assert sorted(samples["position"].tolist()) == list(range(60))
    assert json.loads((made.folder / "card.json").read_text()) == card
    for name in card["splits"]:
        split = open_split(made.folder, made.root, name)
        mine = samples["position"][samples["split"] == name]
        assert np.array_equal(split.raw(np.arange(len(split))).numpy(), made.images[mine])
        assert split.row_names == tuple(f"train.parquet row {i}" for i in mine)
        assert split.targets.tolist() == [i % 3 for i in mine]
        assert split.groups["site"].tolist() == ["xy"[i % 2] for i in mine]
    duplicates = read_records(made.folder / "duplicates.parquet")
    assert duplicates["index"].tolist() == list(range(12)) and set(duplicates["kind"]) == {"none"}


def test_mean_and_deviation_equal_numpy_and_batches_are_normalised(made):
    train = open_split(made.folder, made.root, "train")
    pixels = train.raw(np.arange(len(train))).numpy() / 255
    assert np.allclose(made.card["spec"]["mean"], pixels.mean((0, 2, 3)), atol=1e-12)
    assert np.allclose(made.card["spec"]["std"], pixels.std((0, 2, 3)), atol=1e-12)
    batch = train.batch(np.array([5, 1, 5]))
    by_hand = (pixels[[5, 1, 5]] - pixels.mean((0, 2, 3))[:, None, None]) / pixels.std((0, 2, 3))[:, None, None]
    assert batch.inputs.dtype == torch.float32 and np.allclose(batch.inputs.numpy(), by_hand, atol=1e-5)
    assert batch.index.tolist() == [5, 1, 5] and batch.targets.tolist() == train.targets[[5, 1, 5]].tolist()


def test_augmented_only_with_a_generator_and_mapped_equals_held(made, monkeypatch):
    train = open_split(made.folder, made.root, "train", augment=[flip(probability=1.0)])
    positions = np.array([2, 0])
    plain = train.batch(positions).inputs
    assert torch.equal(train.batch(positions, torch_generator(0)).inputs, plain.flip(-1))
    monkeypatch.setattr("basestone.data.image_split.IN_MEMORY_BYTES", 0)
    assert torch.equal(open_split(made.folder, made.root, "train").batch(positions).inputs, plain)


def test_again_is_the_same_without_decoding_and_another_seed_is_not(made, monkeypatch):
    monkeypatch.setattr(cache_module, "decode", None)
    again = made.folder.parent / "again"
    assert prepare(made.options, seed=0, folder=again, cache_root=made.root) == made.card
    for name in ("samples.parquet", "duplicates.parquet", "card.json"):
        assert (again / name).read_bytes() == (made.folder / name).read_bytes()
    other = prepare(made.options, seed=1, folder=again, cache_root=made.root)
    assert other["splits"]["test"]["sha256"] != made.card["splits"]["test"]["sha256"]


def test_fingerprint_follows_content_and_options_not_the_place(made, tmp_path):
    moved = tmp_path / "elsewhere" / "train.parquet"
    moved.parent.mkdir()
    shutil.copy(made.path, moved)
    before = fingerprint(made.options)
    assert fingerprint(options(moved, groups=["site"])) == before
    assert fingerprint(options(moved, groups=["site"], image_size=4)) != before
    write_parquet(moved, pngs(made.images), [0, 1, 2] * 20, site=["x"] * 60)
    assert fingerprint(options(moved, groups=["site"])) != before


def test_a_missing_or_broken_cache_is_noticed_and_made_again(made):
    file = made.root / made.card["cache"] / "images.npy"
    whole = file.read_bytes()
    assert cache_present(made.folder, made.root)
    for broken in (whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1])):
        file.write_bytes(broken)
        assert prepare(made.options, seed=0, folder=made.folder, cache_root=made.root) == made.card
        assert file.read_bytes() == whole
    file.unlink()
    assert not cache_present(made.folder, made.root)
    with pytest.raises(ArtifactError, match="must hold the decoded images and does not; prepare the data again"):
        open_split(made.folder, made.root, "test")
    assert not cache_present(made.folder.parent / "nowhere", made.root)


def _prepare_in_process(path, folder, root):
    prepare(options(path), seed=0, folder=folder, cache_root=root)


def test_whoever_finishes_second_uses_the_cache_of_the_first(made, tmp_path, monkeypatch):
    root, write, order = tmp_path / "shared", cache_module._write, []

    def overtaken(*arguments):
        result = write(*arguments)
        if not order:
            order.append("first")
            prepare(made.options, seed=0, folder=tmp_path / "faster", cache_root=root)
            order.append((root / made.card["cache"]).stat().st_ino)
        return result

    monkeypatch.setattr(cache_module, "_write", overtaken)
    prepare(made.options, seed=0, folder=tmp_path / "slower", cache_root=root)
    assert [path.name for path in root.iterdir()] == [made.card["cache"]]
    assert (root / made.card["cache"]).stat().st_ino == order[1]


@pytest.mark.slow
def test_two_processes_at_once_leave_one_whole_cache(made, tmp_path):
    root, context = tmp_path / "shared", multiprocessing.get_context("spawn")
    work = [
        context.Process(target=_prepare_in_process, args=(made.path, tmp_path / f"stage{i}", root)) for i in range(2)
    ]
    for process in work:
        process.start()
    for process in work:
        process.join()
    assert [process.exitcode for process in work] == [0, 0]
    assert len(list(root.iterdir())) == 1
    assert cache_present(tmp_path / "stage0", root) and cache_present(tmp_path / "stage1", root)


def test_leftovers_of_killed_processes_go_after_a_day(made, tmp_path):
    root = tmp_path / "other"
    old, young = root / f".{made.card['cache']}.old", root / f".{made.card['cache']}.young"
    for path in (old, young):
        path.mkdir(parents=True)
    os.utime(old, (0, 0))
    prepare(made.options, seed=0, folder=tmp_path / "s", cache_root=root)
    assert not old.exists() and young.exists()


def test_progress_ends_at_the_total(made, tmp_path):
    seen = []
    prepare(
        made.options, seed=0, folder=tmp_path / "s", cache_root=tmp_path / "c", progress=lambda *step: seen.append(step)
    )
    assert seen[-1] == (60, 60)


def test_deduplicate_removes_copies_and_the_card_counts_them(tmp_path):
    images = pictures(60, side=8)
    path = write_parquet(tmp_path / "train.parquet", pngs(np.concatenate([images, images])), [0, 1] * 60)
    kept = prepare(options(path), seed=0, folder=tmp_path / "a", cache_root=tmp_path / "c")
    dropped = prepare(options(path, deduplicate="drop_exact"), seed=0, folder=tmp_path / "b", cache_root=tmp_path / "c")
    assert dropped["duplicates"]["exact"] == 0 and dropped["splits"]["test"] == kept["splits"]["test"]
    assert kept["duplicates"]["checked"] == 24
    assert sum(dropped["duplicates"]["dropped"].values()) >= kept["duplicates"]["exact"]


def refused(tmp_path, files, labels, match, names=None, **more):
    path = write_parquet(tmp_path / "train.parquet", files, labels, names=names)
    with pytest.raises(DataError, match=match):
        prepare(options(path, **more), seed=0, folder=tmp_path / "s", cache_root=tmp_path / "c")
    assert not (tmp_path / "s").exists() and not list((tmp_path / "c").glob("*"))


def test_a_corrupt_image_is_named_by_its_row(tmp_path):
    whole = pngs(pictures(20, side=8))
    jpeg = encoded(pictures(1, side=32)[0].transpose(1, 2, 0), "JPEG")
    for damaged in (b"no image", whole[7][:60], jpeg[: len(jpeg) // 2]):
        files = [*whole[:7], damaged, *whole[8:]]
        refused(
            tmp_path, files, [0, 1] * 10, "train.parquet row 7 must be an image that can be decoded.*remove the row"
        )


@pytest.mark.parametrize(
    ("labels", "names", "match"),
    [
        ([0, None] * 10, None, "train.parquet row 1 must have a label and has none"),
        ([0, -1] * 10, None, "row 1 has the label -1, by which the hub marks"),
        ([0, 2] * 10, ["a", "b"], "row 1 has the label 2; there are 2 classes, so it must be at most 1"),
        (["a", "bb"] * 10, ["a", "b"], "row 1 has the label 'bb', which is no class"),
        ([0.5, 1.0] * 10, None, r"row 0 must have an integer or text as its label; found 0.5 \(float\)"),
        ([0, 1] * 10, ["a", "b", "c"], "1 of 3 have none: c"),
        ([0, 2] * 10, None, "1 of 3 have none: 1"),
        ([0] * 20, None, r"at least 2 classes with distinct names; found \['0'\]"),
    ],
)
def test_bad_labels(tmp_path, labels, names, match):
    path = write_parquet(tmp_path / "train.parquet", pngs(pictures(20, side=8)), labels, names=names)
    with pytest.raises(DataError, match=match):
        prepare(options(path), seed=0, folder=tmp_path / "s", cache_root=tmp_path / "c")


def test_text_labels_become_sorted_classes(tmp_path):
    path = write_parquet(tmp_path / "train.parquet", pngs(pictures(20, side=8)), ["dog", "cat"] * 10)
    prepare(options(path), seed=0, folder=tmp_path / "s", cache_root=tmp_path / "c")
    split = open_split(tmp_path / "s", tmp_path / "c", "test")
    assert split.spec.class_names == ("cat", "dog") and sorted(split.targets.tolist()) == [0, 0, 1, 1]
    with pytest.raises(UsageError, match="no split 'tset'; they have train, validation, test"):
        open_split(tmp_path / "s", tmp_path / "c", "tset")


def test_sizes_and_channels_must_agree(tmp_path):
    files = pngs(pictures(20, side=8))
    wide = [*files[:3], encoded(np.zeros((8, 12, 3), np.uint8)), *files[4:]]
    grey = [*files[:3], encoded(np.zeros((8, 8), np.uint8)), *files[4:]]
    match = (
        r"same size; train.parquet row 0 is 8×8 and train.parquet row 3 is 12×8 \(width×height\). Set data.image_size"
    )
    refused(tmp_path, wide, [0, 1] * 10, match)
    refused(tmp_path, grey, [0, 1] * 10, "same channels; train.parquet row 0 has 3 and train.parquet row 3 has 1")
    path = write_parquet(tmp_path / "train.parquet", wide, [0, 1] * 10)
    card = prepare(options(path, image_size=6, channels=1), seed=0, folder=tmp_path / "s", cache_root=tmp_path / "c")
    assert (card["spec"]["channels"], card["spec"]["height"], card["spec"]["width"]) == (1, 6, 6)


def test_an_empty_split_and_a_full_disk(tmp_path, monkeypatch):
    refused(tmp_path, [], np.zeros(0, np.int64), "split 'train' must hold samples and is empty")
    usage = SimpleNamespace(free=1000)
    monkeypatch.setattr(cache_module.shutil, "disk_usage", lambda _: usage)
    match = r"need 8,960 bytes and .* has 1,000 bytes free"  # 20·(3·8·8 + 256)
    refused(tmp_path, pngs(pictures(20, side=8)), [0, 1] * 10, match)


def test_bombs_are_refused(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    for side in (11, 20):  # over the limit: a warning of Pillow's; over twice the limit: its error
        row = Row(name="x row 1", image=encoded(np.zeros((side, side), np.uint8)), label=0)
        with bombs_refused(), pytest.raises(DataError, match="x row 1 claims more pixels than are safe"):
            decode(row, Decoding())


def test_decoding_modes_orientation_and_resizing():
    def pixels(image, **chosen):
        return decode(Row(name="r", image=image, label=0), Decoding(**chosen))

    deep = np.array([[0, 256], [65535, 32768]], dtype=np.uint16)
    assert pixels(encoded(deep))[0].tolist() == [[0, 1], [255, 128]]
    clear = np.dstack([np.full((2, 2, 3), 7, np.uint8), np.zeros((2, 2), np.uint8)])
    assert pixels(encoded(clear)).tolist() == np.full((3, 2, 2), 7).tolist()
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90° clockwise
    assert pixels(encoded(np.zeros((4, 2), np.uint8), exif=exif)).shape == (1, 2, 4)
    wide = pictures(1, side=16)[0].transpose(1, 2, 0)[:8]
    reference = Image.fromarray(wide).resize((8, 4), Image.Resampling.BICUBIC).crop((2, 0, 6, 4))
    assert np.array_equal(pixels(encoded(wide), size=4), np.asarray(reference).transpose(2, 0, 1))
    array = Row(name="r", image=np.full((1, 4, 4), 9, np.uint8), label=0)
    assert decode(array, Decoding()) is array.image
    assert decode(array, Decoding(channels=3, size=2)).tolist() == np.full((3, 2, 2), 9).tolist()
    with pytest.raises(DataError, match="mode 'F' have no fixed range"):
        pixels(encoded(np.zeros((2, 2), np.float32), "TIFF"))


def test_png_bytes_round_trip_and_refusal():
    for image in (pictures(1, side=8)[0], pictures(1, side=8, channels=1)[0]):
        again = decode(Row(name="r", image=png_bytes(torch.from_numpy(image)), label=0), Decoding())
        assert np.array_equal(again, image)
    with pytest.raises(ValueError, match=r"1×H×W or 3×H×W; got float64 of shape \(2, 2\)"):
        png_bytes(np.zeros((2, 2)))
