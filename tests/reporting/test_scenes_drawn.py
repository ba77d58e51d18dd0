"""Photographs with boxes drawn over them: all marks are there, nothing of the user's breaks out, pages stay small."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

from basestone.reporting.detection_charts import class_precision
from basestone.reporting.scenes import LARGEST_SCENES, MARKS, Scene, drawn, read_scene, shown_scenes, words
from basestone.reporting.strings import TEXTS


def box(mark: str, label: str = "cat", score: float | None = 0.5) -> dict[str, Any]:
    return {"mark": mark, "label": label, "score": score, "corners": [10.0, 20.0, 40.0, 60.0]}


SCENE = Scene(
    jpeg=b"picture",
    size=(320, 240),
    row="test <b>&7",
    faults=4,
    boxes=(*(box(mark) for mark in MARKS if mark != "missed"), box("missed", "<script>", None)),
)


def test_every_box_is_drawn_once_with_faults_over_what_is_right():
    root = ElementTree.fromstring(str(drawn(SCENE)))
    rects = [child for child in root if child.tag == "rect"]
    assert [rect.get("class") for rect in rects] == ["right", "class", "placed", "false", "missed"]
    assert all(
        (rect.get("x"), rect.get("y"), rect.get("width"), rect.get("height")) == ("10.0", "20.0", "30.0", "40.0")
        for rect in rects
    )
    named = [child.text for child in root if child.tag == "text"]
    assert named == ["cat 0.50", "cat 0.50", "cat 0.50", "<script>"]
    assert root.get("viewBox") == "0 0 320 240" and "test <b>&7" in str(root.get("aria-label"))
    assert "<script>" not in str(drawn(SCENE))


def test_the_words_count_each_kind():
    told = words(replace(SCENE, boxes=(box("right"), box("right"), box("missed"))))
    assert told["en"] == "2 right, 1 missed, 0 false, 0 badly placed, 0 of the wrong class"
    assert told["zh"].startswith("正确 2，漏检 1")
    assert all(f"mark_{mark}" in TEXTS for mark in MARKS)


def test_no_more_photographs_than_the_page_has_room_for():
    large = replace(SCENE, jpeg=b"x" * (LARGEST_SCENES * 3 // 4 // 2))
    assert len(shown_scenes((large,) * 5)) == 2


def test_a_scene_names_its_classes():
    told = {"jpeg": b"", "size": [4, 3], "row": 7, "faults": 1, "boxes": [box("false") | {"class": 1}]}
    found = read_scene(told, ["cat", "dog"])
    assert (found.boxes[0]["label"], found.size, found.row) == ("dog", (4, 3), "7")


def test_a_class_without_objects_has_no_bar():
    measured = {"map50": {"detail": {"by_class": [0.875, None]}}, "map50_95": {"detail": {"by_class": [0.5, None]}}}
    chart = class_precision(measured, ["cat", "dog"], "en")
    assert "0.875" in chart and "0.500" in chart and "cat" in chart and "nan" not in chart.lower()
