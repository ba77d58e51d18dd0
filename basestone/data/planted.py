"""Data with a known fault, made from scikit-learn's digits: the standard must find it (``standard selftest``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from basestone.core.artifact import write_atomically
from basestone.core.seed import numpy_generator
from basestone.data.export import png_bytes
from basestone.data.readers.digits import DigitsSource

TEST_SHARE = 0.2
LEAKED_SHARE = 0.25
LEFT_SHARE = 0.4
MIXED_UP = (3, 6)  # digits that do not look alike
WRONG_SHARE, FEW, OTHERS = 0.5, 150, 450
FAINT = 0.25  # contrast of a digit beside its decoy
TEXTURE_LEVELS = 5  # grey levels of 255; the mildest noise of the corruptions has a deviation of about 20


def leaked_digits(folder: Path) -> None:
    """Writes ``train.parquet`` and ``test.parquet``; a quarter of test also stands in train, half of that brighter."""
    images, labels = _digits()
    order = numpy_generator(0, "planted", "leaked").permutation(len(images))
    test, train = np.split(order, [round(TEST_SHARE * len(order))])
    leaked = test[: round(LEAKED_SHARE * len(test))]
    copies = images[leaked].copy()
    copies[::2] = np.clip(copies[::2].astype(np.int64) + 25, 0, 255).astype(np.uint8)
    _write(folder / "train.parquet", np.concatenate([images[train], copies]), labels[np.concatenate([train, leaked])])
    _write(folder / "test.parquet", images[test], labels[test])


def mislabelled_digits(folder: Path) -> None:
    """Writes the same two files, small: half of all labels are drawn by lot, so that only the heart can learn them."""
    generator = numpy_generator(0, "planted", "mislabelled")
    images, labels = _digits()
    labels = np.where(generator.random(len(labels)) < WRONG_SHARE, generator.integers(0, 10, len(labels)), labels)
    train, test, _ = np.split(generator.permutation(len(images)), [FEW, FEW + OTHERS])
    _write(folder / "train.parquet", images[train], labels[train])
    _write(folder / "test.parquet", images[test], labels[test])


def textured_digits(folder: Path) -> None:
    """Writes the same two files; here the label is only a faint texture, one a class, on a smooth random ground."""
    generator = numpy_generator(0, "planted", "textured")
    _, labels = _digits()
    textures = generator.choice([-TEXTURE_LEVELS, TEXTURE_LEVELS], size=(10, 8, 8))
    grounds = np.stack([_ground(generator) for _ in labels])
    images = np.clip(grounds + textures[labels], 0, 255).astype(np.uint8)[:, None]
    cut = round(TEST_SHARE * len(images))
    _write(folder / "train.parquet", images[cut:], labels[cut:])
    _write(folder / "test.parquet", images[:cut], labels[:cut])


def mixed_up_digits(folder: Path) -> None:
    """Writes the same two files; in train two digits were labelled the wrong way round, so that errors are sure."""
    images, labels = _digits()
    order = numpy_generator(0, "planted", "mixed up").permutation(len(images))
    test, train = np.split(order, [round(TEST_SHARE * len(order))])
    one, other = MIXED_UP
    wrong = np.where(labels == one, other, np.where(labels == other, one, labels))
    _write(folder / "train.parquet", images[train], wrong[train])
    _write(folder / "test.parquet", images[test], labels[test])


def unfair_digits(folder: Path) -> None:
    """Writes the same two files with a column ``hand``; what the left hand wrote is mirrored and absent from train."""
    _two_hands(folder, mirrored=True)


def two_handed_digits(folder: Path) -> None:
    """As ``unfair_digits``, but both hands write alike and both are in train: the healthy control."""
    _two_hands(folder, mirrored=False)


def decoy_digits(folder: Path) -> None:
    """Writes the same two files, 8×16: a faint digit on the left, on the right vivid squares that mean nothing."""
    images, labels = _digits()
    generator = numpy_generator(0, "planted", "decoy")
    faint = 96 + np.rint(images * FAINT).astype(np.int64)
    squares = generator.integers(0, 2, (len(images), 1, 8, 8)) * 255
    whole = np.concatenate([faint, squares], 3).astype(np.uint8)
    test, train = np.split(generator.permutation(len(images)), [round(TEST_SHARE * len(images))])
    for name, rows in (("train", train), ("test", test)):
        _write(folder / f"{name}.parquet", whole[rows], labels[rows])


def _two_hands(folder: Path, *, mirrored: bool) -> None:
    images, labels = _digits()
    generator = numpy_generator(0, "planted", "hands")
    test, train = np.split(generator.permutation(len(images)), [round(TEST_SHARE * len(images))])
    left = generator.random(len(images)) < LEFT_SHARE
    hands = np.where(left, "left", "right")
    if mirrored:
        images = np.where(left[:, None, None, None], images[..., ::-1], images)
        train = train[~left[train]]
    for name, rows in (("train", train), ("test", test)):
        _write(folder / f"{name}.parquet", images[rows], labels[rows], hand=hands[rows].tolist())


def _ground(generator: np.random.Generator) -> NDArray[np.int64]:
    coarse = Image.fromarray(generator.integers(40, 216, size=(3, 3), dtype=np.uint8))
    return np.asarray(coarse.resize((8, 8), Image.Resampling.BICUBIC)).astype(np.int64)


def _digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    rows = list(DigitsSource().rows("train", []))
    return np.stack([np.asarray(row.image) for row in rows]), np.array([row.label for row in rows], dtype=np.int64)


def _write(path: Path, images: NDArray[np.uint8], labels: NDArray[Any], **columns: list[str]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    cells = [{"bytes": png_bytes(image), "path": None} for image in images]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({"image": pa.array(cells, type=kind), "label": pa.array(labels), **columns})
    write_atomically(path, lambda temporary: pq.write_table(table, temporary))
