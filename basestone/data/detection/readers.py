"""COCO JSON, Pascal VOC XML and YOLO text: three ways to write down where objects are.

A photograph is named by its path below the source's root, so that a message leads to the file.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np

from basestone.core.errors import DataError
from basestone.core.evidence import digest_of
from basestone.data.detection.contract import BoxRow
from basestone.data.detection.xml import read_xml
from basestone.data.readers.contract import SPLITS, SplitName, content_digest
from basestone.data.readers.folder import SUFFIXES

Listed = dict[SplitName, list[Path]]


class CocoBoxes:
    """``instances_*.json``: boxes are [x, y, width, height] in pixels; crowds are regions to ignore."""

    def __init__(self, files: Mapping[SplitName, str], images: Mapping[SplitName, str] | str) -> None:
        """``images``: the folder that ``file_name`` is looked for in, one for all splits or one a split."""
        self._files: dict[SplitName, Path] = {split: Path(files[split]) for split in SPLITS if split in files}
        folders = dict.fromkeys(self._files, images) if isinstance(images, str) else images
        if missing := [split for split in self._files if split not in folders]:
            raise DataError(f"data.source.images must name a folder for the split '{missing[0]}', and does not.")
        self._folders = {split: Path(folders[split]) for split in self._files}

    @cached_property
    def _told(self) -> dict[SplitName, dict[str, Any]]:
        return {split: _coco(path) for split, path in self._files.items()}

    @property
    def class_names(self) -> Sequence[str]:
        """The categories in the order of their ids; the same in every file."""
        found = {
            split: sorted((one["id"], one["name"]) for one in told["categories"]) for split, told in self._told.items()
        }
        first, *others = found.items()
        for split, categories in others:
            if categories != first[1]:
                raise DataError(
                    f"The categories of '{split}' must be those of '{first[0]}', and are not. Mend the files."
                )
        return tuple(name for _, name in first[1])

    def identity(self) -> dict[str, Any]:
        """Digests of the annotations and of every photograph that they name."""
        content = {
            split: [content_digest(self._files[split]), *(content_digest(path) for path in self._paths(split))]
            for split in self._files
        }
        return {"kind": "coco", "content": digest_of(content)}

    def counts(self) -> dict[SplitName, int]:
        """Photographs by split; those without annotations are background."""
        return {split: len(told["images"]) for split, told in self._told.items()}

    def rows(self, split: SplitName) -> Iterator[BoxRow]:
        """In the order of the file."""
        told = self._told[split]
        number = {one["id"]: place for place, one in enumerate(sorted(told["categories"], key=lambda one: one["id"]))}
        objects: dict[Any, list[dict[str, Any]]] = defaultdict(list)
        for one in told["annotations"]:
            objects[one["image_id"]].append(one)
        if strangers := objects.keys() - {image["id"] for image in told["images"]}:
            raise DataError(
                f"{self._files[split]} has {sum(len(objects[one]) for one in strangers)} annotations of images that it "
                f"does not list (first: image_id {min(strangers, key=str)}). List them, or remove the annotations."
            )
        for image, path in zip(told["images"], self._paths(split), strict=True):
            mine = objects[image["id"]]
            name = f"{self._files[split].name} {image['file_name']}"
            corners = np.array([_corners(one, name) for one in mine], np.float64).reshape(-1, 4)
            yield BoxRow(
                name=name,
                image=path.read_bytes(),
                boxes=corners,
                labels=[_category(one, number, name) for one in mine],
                ignored=np.array([bool(one.get("iscrowd", 0)) for one in mine], np.bool_),
                size=(image["width"], image["height"]) if "width" in image and "height" in image else None,
            )

    def _paths(self, split: SplitName) -> list[Path]:
        root = self._folders[split]
        paths = [inside(root, root / str(image["file_name"])) for image in self._told[split]["images"]]
        return [must_exist(path, str(self._files[split])) for path in paths]


class VocBoxes:
    """Pascal VOC: ``Annotations/NAME.xml``, ``JPEGImages/NAME.jpg``, ``ImageSets/Main/SPLIT.txt`` with names."""

    def __init__(
        self, root: str, lists: Mapping[SplitName, str], class_names: Sequence[str] | None, one_based: bool
    ) -> None:
        """``one_based``: corners count pixels from 1 and the far one is inside the box, as in VOC itself."""
        self.root, self.class_names, self._one_based = Path(root), class_names, one_based
        if not (self.root / "Annotations").is_dir():
            raise DataError(f"data.source.root must hold the folder Annotations; '{root}' does not.")
        self._lists: dict[SplitName, Path] = {
            split: self.root / "ImageSets" / "Main" / f"{lists[split]}.txt" for split in SPLITS if split in lists
        }

    @cached_property
    def _names(self) -> dict[SplitName, list[str]]:
        found: dict[SplitName, list[str]] = {split: _lines(path) for split, path in self._lists.items()}
        first: dict[str, SplitName] = {}
        for split, names in found.items():
            for name in names:
                if name in first:
                    raise DataError(f"A photograph must be listed once; '{name}' is in {first[name]} and in {split}.")
                first[name] = split
        return found

    def identity(self) -> dict[str, Any]:
        """Digests of every annotation and photograph that the lists name."""
        content = {
            split: [
                [name, content_digest(self._annotation(name)), content_digest(self._photograph(name))] for name in names
            ]
            for split, names in self._names.items()
        }
        return {"kind": "voc", "one_based": self._one_based, "content": digest_of(content)}

    def counts(self) -> dict[SplitName, int]:
        """Names by list."""
        return {split: len(names) for split, names in self._names.items()}

    def rows(self, split: SplitName) -> Iterator[BoxRow]:
        """In the order of the list."""
        for name in self._names[split]:
            path = self._annotation(name)
            told = read_xml(path)
            objects = told.findall("object")
            boxes = np.array([self._corners(one, path) for one in objects], np.float64).reshape(-1, 4)
            yield BoxRow(
                name=f"{split} {name}",
                image=self._photograph(name).read_bytes(),
                boxes=boxes,
                labels=[_text(one, "name", path) for one in objects],
                ignored=np.array([one.findtext("difficult", "0").strip() == "1" for one in objects], np.bool_),
                size=_voc_size(told, path),
            )

    def _corners(self, item: Element, path: Path) -> list[float]:
        corners = [_number(_text(item, f"bndbox/{key}", path), path) for key in ("xmin", "ymin", "xmax", "ymax")]
        return [corners[0] - 1, corners[1] - 1, *corners[2:]] if self._one_based else corners

    def _annotation(self, name: str) -> Path:
        path = inside(self.root, self.root / "Annotations" / f"{name}.xml")
        return must_exist(path, str(self.root / "ImageSets"))

    def _photograph(self, name: str) -> Path:
        found = [path for path in (self.root / "JPEGImages").glob(f"{name}.*") if path.suffix.lower() in SUFFIXES]
        if len(found) != 1:
            raise DataError(f"{self.root / 'JPEGImages'} must hold one image '{name}'; it holds {len(found)}. Mend it.")
        return found[0]


class YoloBoxes:
    """YOLO text: ``images/SPLIT/NAME.jpg`` and ``labels/SPLIT/NAME.txt``, a line an object.

    A line holds the class, the centre and the size, the latter two as shares of the photograph's.

    A photograph without a file of labels is background, as that format has it.
    """

    def __init__(self, root: str, class_names: Sequence[str], splits: Mapping[SplitName, str]) -> None:
        """``splits`` names the folders of each split below ``images`` and ``labels``."""
        self.root, self.class_names = Path(root), class_names
        self._paths: Listed = {split: self._images(splits[split]) for split in SPLITS if split in splits}
        self._folders = splits

    def _images(self, folder: str) -> list[Path]:
        path = self.root / "images" / folder
        if not path.is_dir():
            raise DataError(f"data.source.root must hold the folder images/{folder}; '{self.root}' does not.")
        return sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)

    def identity(self) -> dict[str, Any]:
        """Digests of every photograph and its labels."""
        content = {
            split: [
                [path.name, content_digest(path), content_digest(label) if label.exists() else None]
                for path in paths
                for label in [self._labels(split, path)]
            ]
            for split, paths in self._paths.items()
        }
        return {"kind": "yolo", "class_names": list(self.class_names), "content": digest_of(content)}

    def counts(self) -> dict[SplitName, int]:
        """Photographs by split."""
        return {split: len(paths) for split, paths in self._paths.items()}

    def rows(self, split: SplitName) -> Iterator[BoxRow]:
        """By file name."""
        for path in self._paths[split]:
            labels = self._labels(split, path)
            lines = (
                [line.split() for line in labels.read_text().splitlines() if line.strip()] if labels.exists() else []
            )
            told = np.array([_five(line, labels, number) for number, line in enumerate(lines, 1)], np.float64).reshape(
                -1, 5
            )
            centre, half = told[:, 1:3], told[:, 3:] / 2
            yield BoxRow(
                name=f"{self._folders[split]}/{path.name}",
                image=path.read_bytes(),
                boxes=np.concatenate([centre - half, centre + half], axis=1),
                labels=told[:, 0].astype(int).tolist(),
                ignored=np.zeros(len(told), np.bool_),
                relative=True,
            )

    def _labels(self, split: SplitName, path: Path) -> Path:
        return self.root / "labels" / self._folders[split] / f"{path.stem}.txt"


def inside(root: Path, path: Path) -> Path:
    """``path`` unless it leads out of ``root``, which an annotation from elsewhere could be made to do."""
    if not path.resolve().is_relative_to(root.resolve()):
        raise DataError(f"A file that an annotation names must lie in {root}; '{path}' does not. Mend the annotation.")
    return path


def must_exist(path: Path, named_by: str) -> Path:
    """DataError when the file is not there."""
    if not path.is_file():
        raise DataError(f"{path} must exist, as {named_by} names it, and does not. Add it, or take the name off.")
    return path


def _coco(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text())
        return {key: list(told[key]) for key in ("images", "annotations", "categories")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} must be COCO JSON with images, annotations and categories, and is not ({type(error).__name__}: "
            f"{error}). Mend it, or name another file."
        ) from error


def _corners(one: Mapping[str, Any], name: str) -> list[float]:
    try:
        x, y, width, height = (float(value) for value in one["bbox"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{name}: annotation {one.get('id')} must have a bbox [x, y, width, height]. Mend it."
        ) from error
    return [x, y, x + width, y + height]


def _category(one: Mapping[str, Any], number: Mapping[Any, int], name: str) -> int:
    found = one.get("category_id")
    if found not in number:
        known = ", ".join(map(str, number))
        raise DataError(
            f"{name}: annotation {one.get('id')} has the category {found}, which is none of {known}. Mend it."
        )
    return number[found]


def _lines(path: Path) -> list[str]:
    """The first word of each line: VOC's lists by class have a second one."""
    if not path.is_file():
        raise DataError(f"{path} must list the photographs of a split, and is not there. See data.source.splits.")
    return [line.split()[0] for line in path.read_text().splitlines() if line.strip()]


def _text(item: Element, path: str, file: Path) -> str:
    found = (item.findtext(path) or "").strip()
    if not found:
        raise DataError(f"{file}: every object must have '{path}', and one has none. Mend or remove it.")
    return found


def _number(text: str, file: Path) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise DataError(f"{file}: a corner must be a number; found '{text}'. Mend it.") from error


def _voc_size(told: Element, file: Path) -> tuple[int, int] | None:
    width, height = (told.findtext(f"size/{key}") for key in ("width", "height"))
    if not width or not height:
        return None
    found = int(_number(width, file)), int(_number(height, file))
    return found if all(found) else None  # 0 is how some tools write that they do not know


def _five(line: Sequence[str], file: Path, number: int) -> list[float]:
    try:
        values = [float(word) for word in line]
        if len(values) != 5 or not values[0].is_integer():
            raise ValueError
    except ValueError as error:
        raise DataError(
            f"{file} line {number} must be 'class centre_x centre_y width height', a whole number and four shares; "
            f"found '{' '.join(line)}'. Mend or remove it."
        ) from error
    return values
