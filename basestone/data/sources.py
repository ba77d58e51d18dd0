"""Where images come from: what a recipe may say under ``data.source``.

Each function describes one kind of source and opens nothing heavy before it is called; the readers behind them live in
``basestone.data.readers``. Paths are relative to the working directory.
"""

from __future__ import annotations

from typing import Literal

from basestone.core.registry import Fraction, NaturalInt, Registry
from basestone.data.readers.contract import Source, SplitName


def sklearn_digits() -> Source:
    """The 1,797 handwritten digits that scikit-learn ships: grey, 8×8, ten classes, no splits of their own."""
    from basestone.data.readers.digits import DigitsSource

    return DigitsSource()


def shortcut_digits(
    *,
    plant: Literal["corner", "watermark", "colour", "none"] = "corner",
    share: Fraction = 0.98,
    seed: NaturalInt = 0,
) -> Source:
    """The same digits with a mark that gives the class away in training (``share`` of the images) and not elsewhere.

    Splits train, validation and test, and a group ``mark`` (agrees, differs): to see what a shortcut does, and mend it.
    """
    from basestone.data.readers.shortcut_digits import ShortcutDigits

    return ShortcutDigits(plant, share, seed)


def parquet(
    *,
    files: dict[SplitName, str],
    image: str = "image",
    label: str = "label",
    class_names: list[str] | None = None,
) -> Source:
    """Parquet files with an image column as the Hugging Face hub has them ({bytes, path} or bytes).

    ``files`` names a path or a glob for each split. Labels are integers (their names are ``class_names``, else those of
    the files' own ``huggingface`` metadata) or strings.
    """
    from basestone.data.readers.parquet import ParquetSource

    return ParquetSource(files=files, image=image, label=label, class_names=class_names)


def folder(*, root: str) -> Source:
    """A folder of class folders: ``root/train/CLASS/name.png`` with splits, or ``root/CLASS/name.png`` without."""
    from basestone.data.readers.folder import FolderSource

    return FolderSource(root)


def hub(
    *,
    path: str,
    name: str | None = None,
    revision: str | None = None,
    splits: dict[SplitName, str] | None = None,
    image: str = "image",
    label: str = "label",
) -> Source:
    """A data set of the Hugging Face hub, or a local folder that ``datasets`` can load. Uses the network.

    ``splits`` says which of its splits is which; None takes train, validation (also: valid, val, dev) and test.
    ``revision`` pins a commit, so that the same recipe finds the same data later.
    """
    from basestone.data.readers.hub import HubSource, HubTable

    table = HubTable(path=path, name=name, revision=revision, splits=splits)
    return HubSource(table, image=image, label=label)


def cifar_binary(*, root: str, labels: Literal["fine", "coarse"] = "fine") -> Source:
    """CIFAR-10 or CIFAR-100, binary version: the folder with ``data_batch_1.bin`` … or ``train.bin``."""
    from basestone.data.readers.cifar import BinaryCifarSource

    return BinaryCifarSource(root, labels)


def cifar_python(*, root: str, labels: Literal["fine", "coarse"] = "fine") -> Source:
    """CIFAR-10 or CIFAR-100, python version, read without running anything that its pickles may hold."""
    from basestone.data.readers.cifar import PythonCifarSource

    return PythonCifarSource(root, labels)


SOURCES: Registry[Source] = Registry(
    "source",
    {
        "sklearn_digits": sklearn_digits,
        "shortcut_digits": shortcut_digits,
        "parquet": parquet,
        "folder": folder,
        "hub": hub,
        "cifar_binary": cifar_binary,
        "cifar_python": cifar_python,
    },
)
