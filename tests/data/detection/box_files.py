"""The same two photographs with the same boxes in the three formats, written out by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

VOC = """<annotation><size><width>{w}</width><height>{h}</height><depth>3</depth></size>{objects}</annotation>"""
OBJECT = (
    "<object><name>{name}</name><difficult>{difficult}</difficult><bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin>"
    "<xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>"
)
NAMES = ["cat", "dog"]
# photograph → width, height, boxes of (class, x1, y1, x2, y2)
SCENES = {
    "a": (80, 40, [(0, 10, 5, 30, 25), (1, 40, 0, 80, 40)]),
    "b": (60, 60, [(1, 0, 0, 30, 15)]),
}


def photograph(folder: Path, name: str, width: int, height: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(len(name) + width).integers(0, 255, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / f"{name}.png")


def write_voc(root: Path, scenes=SCENES, splits=None) -> Path:
    for name, (width, height, boxes) in scenes.items():
        photograph(root / "JPEGImages", name, width, height)
        objects = "".join(
            OBJECT.format(name=NAMES[c], difficult=0, x1=x1, y1=y1, x2=x2, y2=y2) for c, x1, y1, x2, y2 in boxes
        )
        (root / "Annotations").mkdir(exist_ok=True)
        (root / "Annotations" / f"{name}.xml").write_text(VOC.format(w=width, h=height, objects=objects))
    lists = root / "ImageSets" / "Main"
    lists.mkdir(parents=True, exist_ok=True)
    for split, names in (splits or {"train": list(scenes)}).items():
        (lists / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))
    return root


def write_coco(root: Path, scenes=SCENES) -> Path:
    images, annotations = [], []
    for number, (name, (width, height, boxes)) in enumerate(scenes.items(), 7):
        photograph(root / "images", name, width, height)
        images.append({"id": number, "file_name": f"{name}.png", "width": width, "height": height})
        for c, x1, y1, x2, y2 in boxes:
            box = [x1, y1, x2 - x1, y2 - y1]
            annotations.append({"id": len(annotations), "image_id": number, "category_id": 10 * c + 3, "bbox": box})
    categories = [{"id": 10 * c + 3, "name": name} for c, name in enumerate(NAMES)]
    told = {"images": images, "annotations": annotations, "categories": categories[::-1]}
    (root / "train.json").write_text(json.dumps(told))
    return root


def write_yolo(root: Path, scenes=SCENES) -> Path:
    for name, (width, height, boxes) in scenes.items():
        photograph(root / "images" / "train", name, width, height)
        lines = [
            f"{c} {(x1 + x2) / 2 / width} {(y1 + y2) / 2 / height} {(x2 - x1) / width} {(y2 - y1) / height}\n"
            for c, x1, y1, x2, y2 in boxes
        ]
        (root / "labels" / "train").mkdir(parents=True, exist_ok=True)
        (root / "labels" / "train" / f"{name}.txt").write_text("".join(lines))
    return root
