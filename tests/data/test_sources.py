import pickle
import subprocess
import sys

import numpy as np
import pytest
from image_samples import encoded, pictures, pngs, write_parquet

from basestone.core.errors import DataError
from basestone.data.sources import SOURCES


def build(kind, **options):
    return SOURCES.build(SOURCES.options(kind)(kind=kind, **options))


def test_the_table_is_read_without_heavy_imports():
    code = (
        "import sys, basestone.data, basestone.data.options; "
        "print(sorted({'torch','sklearn','pyarrow','datasets','PIL'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_digits_by_hand():
    """scikit-learn's first image starts 0, 0, 5, 13: 5·255/16 = 79.7 → 80, 13·255/16 = 207.2 → 207."""
    source = build("sklearn_digits")
    row = next(source.rows("train", []))
    assert source.counts() == {"train": 1797}
    assert (row.name, row.label, row.image.shape) == ("digits row 0", 0, (1, 8, 8))
    assert row.image[0, 0, :4].tolist() == [0, 0, 80, 207]
    with pytest.raises(DataError, match="no further columns"):
        next(source.rows("train", ["speaker"]))


@pytest.mark.parametrize("struct", [True, False])
def test_parquet_rows_names_classes_and_groups(tmp_path, struct):
    files = pngs(pictures(4, side=8))
    path = write_parquet(
        tmp_path / "train.parquet", files, [0, 1, 1, 0], names=["cat", "dog"], struct=struct, site=list("aabb")
    )
    source = build("parquet", files={"train": str(path)})
    rows = list(source.rows("train", ["site"]))
    assert source.class_names == ("cat", "dog") and source.counts() == {"train": 4}
    assert [row.image for row in rows] == files
    assert [(row.name, row.label, row.groups) for row in rows][3] == ("train.parquet row 3", 0, {"site": "b"})


def test_parquet_glob_names_rows_by_file_and_identity_follows_content_not_place(tmp_path):
    files = pngs(pictures(3, side=8))
    for place in ("a", "b"):
        for number in (0, 1):
            write_parquet(tmp_path / place / f"part-{number}.parquet", files[number:], [0] * (3 - number))
    one, two = (build("parquet", files={"train": str(tmp_path / place / "part-*.parquet")}) for place in "ab")
    assert [row.name for row in one.rows("train", [])][-1] == "part-1.parquet row 1"
    assert one.identity() == two.identity()
    write_parquet(tmp_path / "b" / "part-1.parquet", files[1:], [0, 1])
    assert build("parquet", files={"train": str(tmp_path / "b" / "part-*.parquet")}).identity() != one.identity()


def test_parquet_errors(tmp_path):
    path = write_parquet(tmp_path / "train.parquet", pngs(pictures(2, side=8)), [0, 1])
    with pytest.raises(DataError, match=r"data.source.files.train must name at least one.*matches none"):
        build("parquet", files={"train": str(tmp_path / "absent-*.parquet")})
    with pytest.raises(DataError, match=r"must have a column 'img' and has none\. Did you mean 'image'"):
        next(build("parquet", files={"train": str(path)}, image="img").rows("train", []))
    empty = write_parquet(tmp_path / "holes.parquet", [pngs(pictures(1, side=8))[0], None], [0, 1])
    with pytest.raises(DataError, match=r"holes.parquet row 1 must hold an image.*\{bytes, path\}"):
        list(build("parquet", files={"train": str(empty)}).rows("train", []))
    (tmp_path / "text.parquet").write_text("no parquet")
    with pytest.raises(DataError, match="must be a parquet file"):
        build("parquet", files={"train": str(tmp_path / "text.parquet")}).counts()


def plant_folder(root, splits=("train", "val")):
    for number, image in enumerate(pngs(pictures(8, side=8))):
        parts = [splits[number % len(splits)]] if splits else []
        path = root.joinpath(*parts, "dog" if number < 4 else "cat", f"{number}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image)
    return root


def test_folders_with_and_without_splits(tmp_path):
    source = build("folder", root=str(plant_folder(tmp_path / "split")))
    assert source.class_names == ("cat", "dog") and source.counts() == {"train": 4, "validation": 4}
    rows = list(source.rows("validation", []))
    assert (rows[0].name, rows[0].label) == ("val/cat/5.png", "cat")
    plain = build("folder", root=str(plant_folder(tmp_path / "plain", splits=())))
    assert plain.counts() == {"train": 8} and next(plain.rows("train", [])).name == "cat/4.png"
    (tmp_path / "split" / "extra").mkdir()
    with pytest.raises(DataError, match=r"either splits .* or classes; found \['extra', 'train', 'val'\]"):
        build("folder", root=str(tmp_path / "split")).counts()
    with pytest.raises(DataError, match="must be a folder"):
        build("folder", root=str(tmp_path / "nowhere"))


def test_hub_reads_a_local_folder_and_says_how_to_go_offline(tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))
    images = pngs(pictures(4, side=8))
    write_parquet(tmp_path / "set" / "train-0.parquet", images[:3], [0, 1, 1], site=list("abc"))
    write_parquet(tmp_path / "set" / "test-0.parquet", images[3:], [0], site=["a"])
    source = build("hub", path=str(tmp_path / "set"))
    assert source.counts() == {"train": 3, "test": 1}
    rows = list(source.rows("train", ["site"]))
    assert [row.image for row in rows] == images[:3] and rows[2].groups == {"site": "c"} and rows[2].label == 1
    assert source.identity() == build("hub", path=str(tmp_path / "set")).identity()
    with pytest.raises(DataError, match=r"must have the splits \['absent', 'train'\]; it has \['test', 'train'\]"):
        build("hub", path=str(tmp_path / "set"), splits={"train": "train", "test": "absent"}).counts()
    with pytest.raises(DataError, match=r"could not be loaded.*HF_HUB_OFFLINE=1.*kind: parquet"):
        build("hub", path=str(tmp_path / "nowhere")).counts()


def cifar_ten(root, suffix, write):
    pixels = pictures(12, side=32).reshape(6, 2, 3072)
    for name, part in zip([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"], pixels, strict=True):
        write(root / f"{name}{suffix}", part)
    return pixels


def test_cifar_binary(tmp_path):
    labels = np.array([[3], [9]], dtype=np.uint8)
    pixels = cifar_ten(tmp_path, ".bin", lambda path, part: path.write_bytes(np.hstack([labels, part]).tobytes()))
    (tmp_path / "batches.meta.txt").write_text("\n".join("abcdefghij") + "\n")
    source = build("cifar_binary", root=str(tmp_path))
    rows = list(source.rows("train", []))
    assert source.counts() == {"train": 10, "test": 2} and source.class_names == tuple("abcdefghij")
    assert rows[3].name == "data_batch_2.bin record 1" and rows[3].label == 9
    assert np.array_equal(rows[3].image, pixels[1, 1].reshape(3, 32, 32))
    with (tmp_path / "test_batch.bin").open("ab") as file:
        file.write(b"x")
    with pytest.raises(DataError, match=r"test_batch.bin must be whole records of 3073 bytes; it has 6147"):
        source.counts()
    with pytest.raises(DataError, match="coarse needs CIFAR-100"):
        build("cifar_binary", root=str(tmp_path), labels="coarse")
    with pytest.raises(DataError, match=r"lacks data_batch_1, .*Unpack the archive"):
        build("cifar_python", root=str(tmp_path))


def test_cifar_hundred_binary_has_two_labels(tmp_path):
    pixels = pictures(2, side=32).reshape(2, 3072)
    records = np.hstack([np.array([[4, 70], [5, 71]], dtype=np.uint8), pixels])
    for name in ("train", "test"):
        (tmp_path / f"{name}.bin").write_bytes(records.tobytes())
    fine = build("cifar_binary", root=str(tmp_path))
    coarse = build("cifar_binary", root=str(tmp_path), labels="coarse")
    assert [row.label for row in fine.rows("test", [])] == [70, 71] and fine.class_names is None
    assert [row.label for row in coarse.rows("test", [])] == [4, 5]


@pytest.mark.parametrize("protocol", [2, 4])
def test_cifar_python_equals_what_was_pickled(tmp_path, protocol):
    def write(path, part):
        content = {b"data": part, b"labels": [1, 0], b"batch_label": b"x"}
        path.write_bytes(pickle.dumps(content, protocol=protocol))

    pixels = cifar_ten(tmp_path, "", write)
    (tmp_path / "batches.meta").write_bytes(pickle.dumps({b"label_names": [b"cat", b"dog"]}, protocol=2))
    source = build("cifar_python", root=str(tmp_path))
    rows = list(source.rows("test", []))
    assert source.class_names == ("cat", "dog") and [row.label for row in rows] == [1, 0]
    assert np.array_equal(np.stack([row.image for row in rows]).reshape(2, -1), pixels[5])


class Attack:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def test_a_pickle_that_wants_to_run_something_is_refused(tmp_path):
    import os

    cifar_ten(tmp_path, "", lambda path, part: path.write_bytes(b""))
    marker = tmp_path / "ran"
    for attack in (
        Attack(os.system, f"touch {marker}"),
        Attack(eval, f"open({str(marker)!r}, 'w')"),
        Attack(np.fromfile, "x"),
    ):
        (tmp_path / "test_batch").write_bytes(pickle.dumps({b"data": attack}))
        with pytest.raises(DataError, match=r"asks for '.*', which no CIFAR file needs: .* nothing of it was run"):
            list(build("cifar_python", root=str(tmp_path)).rows("test", []))
    assert not marker.exists()


def test_damaged_pickles_are_data_errors(tmp_path):
    cifar_ten(tmp_path, "", lambda path, part: path.write_bytes(b""))
    rows = lambda: list(build("cifar_python", root=str(tmp_path)).rows("test", []))  # noqa: E731
    with pytest.raises(DataError, match="is no CIFAR python file"):
        rows()
    for content in (
        [1],
        {b"data": np.zeros((1, 3072)), b"labels": [1]},
        {b"data": np.zeros((2, 7), np.uint8), b"labels": [1]},
    ):
        (tmp_path / "test_batch").write_bytes(pickle.dumps(content, protocol=2))
        with pytest.raises(DataError, match="test_batch"):
            rows()


def test_encoded_helper_is_a_png():
    assert encoded(np.zeros((2, 2), np.uint8)).startswith(b"\x89PNG")
