"""Three formats, one set of boxes; and what an annotation may not do."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from box_files import NAMES, SCENES, write_coco, write_voc, write_yolo

from basestone.core.errors import DataError
from basestone.data.detection.sources import BOX_SOURCES
from basestone.data.detection.xml import read_xml


def source(kind: str, root: Path, **more):
    said = {
        "voc": {"root": str(root), "splits": {"train": "train"}},
        "coco": {"files": {"train": str(root / "train.json")}, "images": str(root / "images")},
        "yolo": {"root": str(root), "class_names": NAMES, "splits": {"train": "train"}},
    }[kind]
    return BOX_SOURCES.build(BOX_SOURCES.options(kind).model_validate({"kind": kind} | said | more))


WRITERS = {"voc": write_voc, "coco": write_coco, "yolo": write_yolo}


@pytest.mark.parametrize("kind", WRITERS)
def test_every_format_gives_the_boxes_that_were_written(kind, tmp_path):
    found = source(kind, WRITERS[kind](tmp_path))
    assert found.counts() == {"train": 2}
    for row, (width, height, boxes) in zip(found.rows("train"), SCENES.values(), strict=True):
        corners = row.boxes * [width, height, width, height] if row.relative else row.boxes
        np.testing.assert_allclose(corners, [box[1:] for box in boxes], atol=1e-9)
        labels = [label if isinstance(label, int) else NAMES.index(label) for label in row.labels]
        assert labels == [box[0] for box in boxes]
        assert row.size in (None, (width, height)) and not row.ignored.any()


@pytest.mark.parametrize("kind", WRITERS)
def test_identity_follows_content_and_not_paths(kind, tmp_path):
    one, two = (source(kind, WRITERS[kind](tmp_path / name)) for name in ("one", "two"))
    assert one.identity() == two.identity()
    photograph = next(path for path in (tmp_path / "two").rglob("a.png"))
    photograph.write_bytes(photograph.read_bytes() + b"\0")
    assert source(kind, tmp_path / "two").identity() != one.identity()


def test_voc_may_count_from_one(tmp_path):
    row = next(iter(source("voc", write_voc(tmp_path), one_based=True).rows("train")))
    assert row.boxes[0].tolist() == [9, 4, 30, 25]  # pixels 10 … 30 of a count from 1 begin at 9 and end at 30


def test_difficult_objects_and_crowds_are_regions_to_ignore(tmp_path):
    root = write_voc(tmp_path / "voc")
    file = root / "Annotations" / "a.xml"
    file.write_text(file.read_text().replace("<difficult>0", "<difficult>1", 1))
    assert next(iter(source("voc", root).rows("train"))).ignored.tolist() == [True, False]
    root = write_coco(tmp_path / "coco")
    told = json.loads((root / "train.json").read_text())
    told["annotations"][1]["iscrowd"] = 1
    (root / "train.json").write_text(json.dumps(told))
    assert next(iter(source("coco", root).rows("train"))).ignored.tolist() == [False, True]


def test_a_photograph_without_a_file_of_labels_is_background(tmp_path):
    root = write_yolo(tmp_path)
    (root / "labels" / "train" / "b.txt").unlink()
    assert [len(row.boxes) for row in source("yolo", root).rows("train")] == [2, 0]


@pytest.mark.parametrize(
    "document",
    [
        '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        "<a><b></a>",
    ],
)
def test_xml_may_declare_no_entities(document, tmp_path):
    path = tmp_path / "a.xml"
    path.write_bytes(document.encode("utf-16" if "utf-16" in document else "utf-8"))
    with pytest.raises(DataError, match=r"must be well-formed XML without a document type"):
        read_xml(path)
    path.write_text("<a><b>ü</b></a>")
    assert read_xml(path).findtext("b") == "ü"


def test_an_annotation_leads_nowhere_else(tmp_path):
    root = write_coco(tmp_path)
    told = json.loads((root / "train.json").read_text())
    told["images"][0]["file_name"] = "../train.json"
    (root / "train.json").write_text(json.dumps(told))
    with pytest.raises(DataError, match=r"must lie in .*images; .*train.json' does not"):
        source("coco", root).identity()


def spoil_coco(root: Path, change) -> None:
    told = json.loads((root / "train.json").read_text())
    change(told)
    (root / "train.json").write_text(json.dumps(told))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda told: told["annotations"][0].update(category_id=99),
            "a.png: annotation 0 has the category 99, which is",
        ),
        (lambda told: told["annotations"][0].update(image_id=99), "1 annotations of images that it does not list"),
        (
            lambda told: told["annotations"][0].update(bbox=[1, 2]),
            r"annotation 0 must have a bbox \[x, y, width, height\]",
        ),
        (lambda told: told.pop("images"), "must be COCO JSON with images, annotations and categories"),
        (lambda told: told["images"][0].update(file_name="c.png"), "c.png must exist, as .*train.json names it"),
    ],
)
def test_a_fault_of_coco_names_its_place(change, message, tmp_path):
    root = write_coco(tmp_path)
    spoil_coco(root, change)
    with pytest.raises(DataError, match=message):
        list(source("coco", root).rows("train"))


def test_a_fault_of_voc_names_its_place(tmp_path):
    root = write_voc(tmp_path)
    file = root / "Annotations" / "a.xml"
    whole = file.read_text()
    for old, new, message in (
        ("<xmin>10</xmin>", "", "every object must have 'bndbox/xmin', and one has none"),
        ("<xmin>10</xmin>", "<xmin>ten</xmin>", "a corner must be a number; found 'ten'"),
        ("<name>cat</name>", "<name/>", "every object must have 'name'"),
    ):
        file.write_text(whole.replace(old, new))
        with pytest.raises(DataError, match=message):
            list(source("voc", root).rows("train"))
    file.unlink()
    with pytest.raises(DataError, match=r"a.xml must exist"):
        list(source("voc", root).rows("train"))


def test_voc_lists_a_photograph_once(tmp_path):
    root = write_voc(tmp_path, splits={"train": ["a", "b"], "test": ["b"]})
    found = source("voc", root, splits={"train": "train", "test": "test"})
    with pytest.raises(DataError, match=r"must be listed once; 'b' is in train and in test"):
        found.counts()


@pytest.mark.parametrize("line", ["0 0.5 0.5 0.1", "zero 0.5 0.5 0.1 0.1", "0.5 0.5 0.5 0.1 0.1"])
def test_a_fault_of_yolo_names_file_and_line(line, tmp_path):
    root = write_yolo(tmp_path)
    (root / "labels" / "train" / "a.txt").write_text(f"0 0.5 0.5 0.1 0.1\n{line}\n")
    with pytest.raises(DataError, match=r"a.txt line 2 must be 'class centre_x centre_y width height'"):
        list(source("yolo", root).rows("train"))
