"""CIFAR-10 and CIFAR-100 in their own two formats (Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html).

Binary: records of one label byte (CIFAR-100: coarse, then fine) and 3,072 pixel bytes, C×H×W. Python: pickled
dictionaries with the same pixels as one N×3072 array, read by ``restricted_pickle``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from basestone.core.errors import DataError
from basestone.data.readers.contract import SPLITS, Row, SplitName, content_digest, no_groups
from basestone.data.readers.restricted_pickle import read_arrays

PIXELS = 3 * 32 * 32
TEN: dict[SplitName, list[str]] = {"train": [f"data_batch_{i}" for i in range(1, 6)], "test": ["test_batch"]}
HUNDRED: dict[SplitName, list[str]] = {"train": ["train"], "test": ["test"]}

Labels = Literal["fine", "coarse"]
Content = tuple[NDArray[np.uint8], Sequence[int]]  # N×3072 pixels, N labels


class _CifarSource(ABC):
    """What both formats share: which files there are and how their rows are named."""

    kind = ""
    suffix = ""

    def __init__(self, root: str, labels: Labels) -> None:
        self.root, self.labels = Path(root), labels
        self.hundred = (self.root / f"train{self.suffix}").is_file()
        if labels == "coarse" and not self.hundred:
            raise DataError("data.source.labels: coarse needs CIFAR-100; CIFAR-10 has only 'fine'.")
        if missing := [path.name for paths in self.files.values() for path in paths if not path.is_file()]:
            raise DataError(
                f"data.source.root must hold CIFAR's {self.kind.removeprefix('cifar_')} files; '{root}' lacks "
                f"{', '.join(missing)}. Unpack the archive and name the folder inside it."
            )

    @property
    def files(self) -> dict[SplitName, list[Path]]:
        names = HUNDRED if self.hundred else TEN
        return {
            split: [self.root / f"{name}{self.suffix}" for name in names[split]] for split in SPLITS if split in names
        }

    def identity(self) -> dict[str, Any]:
        """SHA-256 of every file."""
        paths = [*(path for paths in self.files.values() for path in paths), *self.name_files()]
        files = [[path.name, content_digest(path)] for path in paths if path.is_file()]
        return {"kind": self.kind, "files": files, "labels": self.labels}

    def counts(self) -> dict[SplitName, int]:
        """Images by split."""
        return {split: sum(map(self.count, paths)) for split, paths in self.files.items()}

    def rows(self, split: SplitName, groups: Sequence[str]) -> Iterator[Row]:
        """The images of one split in the files' order."""
        no_groups(self.kind, groups)
        for path in self.files[split]:
            pixels, labels = self.read(path)
            for number, (image, label) in enumerate(zip(pixels.reshape(-1, 3, 32, 32), labels, strict=True)):
                yield Row(name=f"{path.name} record {number}", image=image, label=label)

    @abstractmethod
    def name_files(self) -> list[Path]: ...

    @abstractmethod
    def count(self, path: Path) -> int: ...

    @abstractmethod
    def read(self, path: Path) -> Content: ...


class BinaryCifarSource(_CifarSource):
    """The binary version."""

    kind = "cifar_binary"
    suffix = ".bin"

    @property
    def class_names(self) -> Sequence[str] | None:
        """The lines of the names file beside the data; None when it is not there."""
        path = self.name_files()[0]
        return tuple(path.read_text(encoding="utf-8").split()) if path.is_file() else None

    def name_files(self) -> list[Path]:
        """``batches.meta.txt``, or CIFAR-100's two lists."""
        return [self.root / (f"{self.labels}_label_names.txt" if self.hundred else "batches.meta.txt")]

    def count(self, path: Path) -> int:
        """Whole records, from the file's size."""
        size, record = path.stat().st_size, PIXELS + 1 + self.hundred
        if size % record or not size:
            raise DataError(
                f"{path} must be whole records of {record} bytes; it has {size} bytes. It is cut off or another "
                "version of CIFAR: unpack the archive again."
            )
        return size // record

    def read(self, path: Path) -> Content:
        """One file's pixels and labels."""
        records = np.fromfile(path, dtype=np.uint8).reshape(self.count(path), -1)
        column = 1 if self.hundred and self.labels == "fine" else 0
        return records[:, -PIXELS:], records[:, column].tolist()


class PythonCifarSource(_CifarSource):
    """The python version."""

    kind = "cifar_python"

    @property
    def class_names(self) -> Sequence[str] | None:
        """The names in ``batches.meta`` or ``meta``; None when the file is not there."""
        path = self.name_files()[0]
        if not path.is_file():
            return None
        names = read_arrays(path).get(f"{self.labels}_label_names" if self.hundred else "label_names")
        return tuple(str(name) for name in names) if names else None

    def name_files(self) -> list[Path]:
        """``batches.meta``, or CIFAR-100's ``meta``."""
        return [self.root / ("meta" if self.hundred else "batches.meta")]

    def count(self, path: Path) -> int:
        """The number of labels."""
        return len(self.read(path)[1])

    def read(self, path: Path) -> Content:
        """One file's pixels and labels."""
        content = read_arrays(path)
        key = f"{self.labels}_labels" if self.hundred else "labels"
        pixels, labels = content.get("data"), content.get(key)
        if not isinstance(pixels, np.ndarray) or not isinstance(labels, list) or pixels.shape != (len(labels), PIXELS):
            raise DataError(
                f"{path} must hold 'data' (N×{PIXELS} uint8) and '{key}' (N integers); found {sorted(content)}. "
                "It is another version of CIFAR or damaged: unpack the archive again."
            )
        return pixels, labels
