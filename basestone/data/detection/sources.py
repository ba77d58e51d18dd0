"""Where photographs with boxes come from: what a recipe may say under ``data.source`` of a detection task.

Paths are relative to the working directory.
"""

from __future__ import annotations

from typing import Annotated

from annotated_types import Interval, Len

from basestone.core.registry import NaturalInt, PositiveInt, Registry
from basestone.data.detection.contract import BoxSource
from basestone.data.readers.contract import SplitName

ClassNames = Annotated[list[str], Len(min_length=1)]


def scenes(
    *,
    train: PositiveInt = 1_200,
    test: PositiveInt = 300,
    side: Annotated[int, Interval(ge=48, le=1024)] = 96,
    objects: Annotated[int, Interval(ge=1, le=20)] = 5,
    scene_seed: NaturalInt = 0,
) -> BoxSource:
    """Scenes of our own: circles, triangles, rings and handwritten digits on textures, up to ``objects`` in each.

    ``side``: pixels; ``scene_seed`` fixes all of them. The digits are scikit-learn's; those of the test scenes are in
    no other.
    """
    from basestone.data.detection.scenes import Scenes

    return Scenes(train=train, test=test, side=side, objects=objects, seed=scene_seed)


def coco(*, files: dict[SplitName, str], images: dict[SplitName, str] | str) -> BoxSource:
    """COCO JSON: ``files`` names each split's annotations, ``images`` the folder (or one a split) of photographs."""
    from basestone.data.detection.readers import CocoBoxes

    return CocoBoxes(files, images)


def voc(
    *,
    root: str,
    splits: dict[SplitName, str] = {"train": "train", "validation": "val", "test": "test"},  # noqa: B006  never changed
    class_names: ClassNames | None = None,
    one_based: bool = False,
) -> BoxSource:
    """Pascal VOC: ``root`` holds Annotations, JPEGImages and ImageSets/Main; ``splits`` names the lists.

    ``one_based``: corners count pixels from 1, as VOC's own files do and most others' do not. ``class_names`` fixes
    the classes and their order; None takes those that occur.
    """
    from basestone.data.detection.readers import VocBoxes

    return VocBoxes(root, splits, class_names, one_based)


def yolo_text(
    *,
    root: str,
    class_names: ClassNames,
    splits: dict[SplitName, str] = {"train": "train", "validation": "val", "test": "test"},  # noqa: B006  as above
) -> BoxSource:
    """YOLO text: ``root/images/SPLIT`` with photographs and ``root/labels/SPLIT`` with one text file each."""
    from basestone.data.detection.readers import YoloBoxes

    return YoloBoxes(root, class_names, splits)


BOX_SOURCES: Registry[BoxSource] = Registry(
    "box source", {"scenes": scenes, "coco": coco, "voc": voc, "yolo": yolo_text}
)
