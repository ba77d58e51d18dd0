"""Classes of one's own over boxes: what is named stays, in the same splits; of what is not, the photograph stays."""

from __future__ import annotations

import numpy as np
import pytest
from box_files import SCENES, write_voc
from pydantic import ValidationError

from basestone.core.artifact import read_json
from basestone.core.contracts import View
from basestone.core.errors import DataError
from basestone.core.evidence import read_records
from basestone.data.dataset import open_split, prepare
from basestone.data.detection.options import BoxData

MORE = SCENES | {"c": (60, 60, [(1, 5, 5, 25, 25)])}
DRAWN = {"kind": "scenes", "train": 60, "test": 5, "side": 48, "objects": 2}


def made(folder, options: BoxData):
    folder.mkdir()
    return prepare(options, seed=0, folder=folder, cache_root=folder.parent / "cache")


def voc(root, **changes) -> BoxData:
    source = {"kind": "voc", "root": str(root), "splits": {"train": "train", "test": "test"}}
    return BoxData.model_validate({"source": source, "image_size": [32, 64], "split": {"validation": None}} | changes)


@pytest.fixture
def one_class(tmp_path):
    root = write_voc(tmp_path / "voc", MORE, {"train": ["a", "b"], "test": ["c"]})
    card = made(tmp_path / "dogs", voc(root, classes={"hound": ["dog"]}))
    return card, lambda split: open_split(tmp_path / "dogs", tmp_path / "cache", split, view=View(kind="boxes"))


def test_boxes_of_other_classes_go_and_are_counted(one_class):
    card, split = one_class
    assert card["spec"]["class_names"] == ["hound"] and card["splits"]["train"]["classes"] == {"hound": 2}
    assert (card["boxes"]["total"], card["boxes"]["left_out"]) == (3, 1)
    batch = split("train").batch(np.array([0, 1]))
    # 'a' had a cat as well; its dog is the right half of an 80 × 40 photograph in 32 × 64
    assert batch.targets[0].tolist() == [[32, 0, 64, 32, 0]] and batch.targets[1, 0].tolist() == [16, 0, 32, 8, 0]
    assert split("train").targets.tolist() == [1, 1]


def test_classes_can_be_joined_and_put_in_another_order(tmp_path):
    root = write_voc(tmp_path / "voc", MORE, {"train": ["a", "b"], "test": ["c"]})
    card = made(tmp_path / "pets", voc(root, classes={"pet": ["dog", "cat"]}))
    assert card["splits"]["train"]["classes"] == {"pet": 3} and card["boxes"]["left_out"] == 0
    made(tmp_path / "turned", voc(root, classes={"dog": ["dog"], "cat": ["cat"]}))
    turned = open_split(tmp_path / "turned", tmp_path / "cache", "train", view=View(kind="boxes"))
    assert turned.batch(np.array([0])).targets[0, :, 4].tolist() == [1, 0]


def test_a_photograph_without_such_an_object_stays_as_background(tmp_path):
    made(tmp_path / "rings", BoxData.model_validate({"source": DRAWN, "image_size": 48, "classes": {"o": ["ring"]}}))
    train = open_split(tmp_path / "rings", tmp_path / "cache", "train", view=View(kind="boxes"))
    assert len(train) == 54 and set(train.targets.tolist()) >= {0, 1}
    assert set(train.boxes["class"].tolist()) == {0}


def test_no_photograph_changes_its_split_and_none_is_decoded_twice(tmp_path):
    plain = {"source": DRAWN | {"train": 60}, "image_size": 48, "split": {"validation": 0.25}}
    cards = [
        made(tmp_path / name, BoxData.model_validate(plain | more))
        for name, more in {"all": {}, "digits": {"classes": {"digit": ["digit"]}}}.items()
    ]
    assert cards[0]["cache"] == cards[1]["cache"]
    tables = [read_records(tmp_path / name / "samples.parquet") for name in ("all", "digits")]
    held = [dict(zip(table["name"].tolist(), table["split"].tolist(), strict=True)) for table in tables]
    assert held[0] == held[1] and {*held[0].values()} == {"train", "validation", "test"}


def test_few_photographs_are_drawn_with_and_without_the_class_as_they_occur(tmp_path):
    said = {"source": DRAWN, "image_size": 48, "classes": {"digit": ["digit"]}, "split": {"validation": None}}
    made(tmp_path / "whole", BoxData.model_validate(said))
    made(tmp_path / "few", BoxData.model_validate(said | {"limit": {"train": 20}}))
    whole, few = (
        open_split(tmp_path / name, tmp_path / "cache", "train", view=View(kind="boxes")) for name in ("whole", "few")
    )
    assert len(few) == 20
    assert (few.targets > 0).sum() == round(20 * float((whole.targets > 0).mean()))


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ({"a": ["bird"]}, r"data.classes must name classes of the source, and 'bird' is none. There are cat, dog"),
        ({"a": ["cat"], "b": ["cat"]}, r"must name a class of the source once, and 'cat' stands twice"),
    ],
)
def test_classes_that_are_not_there_are_refused(tmp_path, classes, message):
    root = write_voc(tmp_path / "voc", MORE, {"train": ["a", "b"], "test": ["c"]})
    with pytest.raises(DataError, match=message):
        made(tmp_path / "made", voc(root, classes=classes))


def test_a_class_must_hold_one(tmp_path):
    with pytest.raises(ValidationError, match="at least 1 item"):
        BoxData.model_validate({"source": DRAWN, "image_size": 48, "classes": {"a": []}})


def test_data_that_were_prepared_before_there_were_classes_can_be_opened(tmp_path, one_class):
    from basestone.core.artifact import write_json

    folder = tmp_path / "dogs"
    card = read_json(folder / "card.json")
    del card["options"]["classes"]
    write_json(folder / "card.json", card)
    train = open_split(folder, tmp_path / "cache", "train", view=View(kind="boxes"))
    assert train.targets.tolist() == [2, 1]
