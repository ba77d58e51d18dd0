"""A folder of class folders: the layout of ImageNet and of torchvision's ``ImageFolder``.

``root/train/CLASS/…`` with splits (``val``, ``valid`` and ``dev`` mean validation), or ``root/CLASS/…`` without. Hidden
files and files that are no images by their suffix are passed over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from basestone.core.errors import DataError
from basestone.core.evidence import digest_of
from basestone.data.readers.contract import SPLIT_ALIASES, SPLITS, Row, SplitName, content_digest, no_groups

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm"})


class FolderSource:
    """Each class is a folder; its name is the class's name."""

    def __init__(self, root: str, suffixes: Collection[str] = SUFFIXES) -> None:
        """``root`` holds class folders, or ``train`` (and validation, test) with class folders."""
        self.root, self._suffixes = Path(root), suffixes
        if not self.root.is_dir():
            raise DataError(f"data.source.root must be a folder; '{root}' is not (looked from {Path.cwd()}).")

    @cached_property
    def _splits(self) -> dict[SplitName, Path]:
        inside = _folders(self.root)
        if "train" not in {path.name for path in inside}:
            return {"train": self.root}
        strangers = [path.name for path in inside if path.name not in SPLIT_ALIASES]
        named: list[tuple[SplitName, Path]] = [
            (SPLIT_ALIASES[path.name], path) for path in inside if path.name in SPLIT_ALIASES
        ]
        if strangers or len({split for split, _ in named}) < len(named):
            raise DataError(
                f"{self.root} must hold either splits (train, validation, test; each once) or classes; "
                f"found {sorted(path.name for path in inside)}. Move what is neither."
            )
        return dict(named)

    @property
    def class_names(self) -> Sequence[str]:
        """The names of the class folders of all splits, sorted."""
        return tuple(sorted({path.name for split in self._splits.values() for path in _folders(split)}))

    @cached_property
    def _paths(self) -> dict[SplitName, list[Path]]:
        return {
            split: [path for name in _folders(self._splits[split]) for path in _files(name, self._suffixes)]
            for split in SPLITS
            if split in self._splits
        }

    def identity(self) -> dict[str, Any]:
        """One SHA-256 over every image's path below the root and bytes."""
        files = {
            split: [[path.relative_to(self.root).as_posix(), content_digest(path)] for path in paths]
            for split, paths in self._paths.items()
        }
        return {"kind": "folder", "class_names": list(self.class_names), "content": digest_of(files)}

    def counts(self) -> dict[SplitName, int]:
        """Image files by split."""
        return {split: len(paths) for split, paths in self._paths.items()}

    def rows(self, split: SplitName, groups: Sequence[str]) -> Iterator[Row]:
        """The images of one split, by class and then by path."""
        no_groups("a folder of class folders", groups)
        depth = len(self._splits[split].parts)
        for path in self._paths[split]:
            name = path.relative_to(self.root).as_posix()
            yield Row(name=name, image=path.read_bytes(), label=path.parts[depth])


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _files(folder: Path, suffixes: Collection[str]) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in suffixes and not path.name.startswith(".") and path.is_file()
    )
