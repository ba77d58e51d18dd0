"""From photographs of any size to one size, boxes along with them; and boxes that cannot be right."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from box_files import SCENES, write_voc

from basestone.core.contracts import View
from basestone.core.errors import DataError, UsageError
from basestone.data.dataset import open_split, prepare
from basestone.data.detection.checked import Counts, Rules, checked
from basestone.data.detection.contract import BoxRow
from basestone.data.detection.letterbox import GREY, Fit
from basestone.data.detection.options import BoxData
from basestone.data.detection.scenes import CLASSES, Scenes
from basestone.data.recognise import cache_present, fingerprint

CLIP = Rules(outside="clip", empty_box="drop")


def row(boxes, labels=None, **more) -> BoxRow:
    boxes = np.array(boxes, float).reshape(-1, 4)
    labels = ["cat"] * len(boxes) if labels is None else labels
    return BoxRow(name="train a", image=b"", boxes=boxes, labels=labels, ignored=np.zeros(len(boxes), bool), **more)


def options(root, **changes) -> BoxData:
    source = {"kind": "voc", "root": str(root), "splits": {"train": "train", "test": "test"}}
    return BoxData.model_validate({"source": source, "image_size": [32, 64], "split": {"validation": None}} | changes)


def test_a_wide_photograph_fills_the_width_and_leaves_grey_above_and_below():
    # 80 × 40 into 32 high, 48 wide: scale 48 / 80 = 0.6, so 48 × 24, 4 rows free above and below
    fit = Fit.of((80, 40), (32, 48))
    assert (fit.scale, fit.left, fit.top, fit.width, fit.height) == (0.6, 0, 4, 48, 24)
    np.testing.assert_allclose(fit.boxes(np.array([[10.0, 5, 30, 25]])), [[6, 7, 18, 19]])
    white = fit.pixels(np.full((3, 40, 80), 255, np.uint8), (32, 48))
    assert white[:, :4].max() == white[:, 28:].max() == GREY and white[:, 4:28].min() == 255


def test_a_painted_box_lies_where_its_corners_went():
    pixels = np.zeros((1, 90, 60), np.uint8)
    pixels[0, 30:60, 15:45] = 255
    fit = Fit.of((60, 90), (64, 64))
    seen = fit.pixels(pixels, (64, 64))[0]
    seen[:, : fit.left] = seen[:, fit.left + fit.width :] = 0
    rows, columns = (np.flatnonzero((seen > 127).any(axis)) for axis in (1, 0))
    box = fit.boxes(np.array([[15.0, 30, 45, 60]]))[0]
    np.testing.assert_allclose([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], box, atol=1)


def test_what_reaches_over_is_cut_off_and_counted():
    counts = Counts()
    found = checked(row([[-5, -3, 20, 10], [70, 30, 90, 50], [0, 0, 80, 40]]), (80, 40), None, CLIP, counts)
    assert found.boxes.tolist() == [[0, 0, 20, 10], [70, 30, 80, 40], [0, 0, 80, 40]]
    assert counts.counts == {"clipped": 2, "dropped": 0, "background": 0, "ignored": 0}
    assert counts.rows["clipped"] == ["train a"]


def test_what_cannot_be_seen_is_left_out_and_counted():
    counts = Counts()
    boxes = [[5, 5, 5, 20], [5, 5, 20, 5.5], [100, 0, 120, 10], [1, 1, 9, 9]]
    assert checked(row(boxes), (80, 40), None, CLIP, counts).boxes.tolist() == [[1, 1, 9, 9]]
    assert checked(row(boxes[:1]), (80, 40), None, CLIP, counts).labels == []
    assert checked(row([]), (80, 40), None, CLIP, counts).labels == []
    assert counts.counts == {"clipped": 0, "dropped": 4, "background": 2, "ignored": 0}


@pytest.mark.parametrize(
    ("found", "rules", "message"),
    [
        (row([[20, 5, 10, 15]]), CLIP, r"train a: box 1 must run .* found \(20, 5, 10, 15\)"),
        (row([[0, 0, 5, 5], [0, 0, np.nan, 5]]), CLIP, r"box 2 must run .* \(0, 0, nan, 5\)"),
        (row([[0, 0, 5, 5]], ["cow"]), CLIP, r"train a has the label 'cow', which is no class"),
        (row([[0, 0, 5, 5]], [2]), CLIP, r"train a has the label 2; there are 2 classes"),
        (row([[0, 0, 5, 5]], size=(40, 80)), CLIP, r"annotation is of 40×80 pixels and the photograph has 80×40"),
        (row([[0, 0, 81, 5]]), Rules(outside="refuse", empty_box="drop"), r"must lie in the photograph of 80×40"),
        (row([[5, 5, 5, 9]]), Rules(outside="clip", empty_box="refuse"), r"at least a pixel wide and high"),
    ],
)
def test_what_nobody_can_mend_is_refused_with_row_and_reason(found, rules, message):
    with pytest.raises(DataError, match=message):
        checked(found, (80, 40), ["cat", "dog"], rules, Counts())


@pytest.fixture
def prepared(tmp_path):
    scenes = SCENES | {"c": (80, 40, [(0, -10, 0, 20, 20), (1, 5, 5, 5, 9)]), "d": (40, 40, [])}
    root = write_voc(tmp_path / "voc", scenes, {"train": ["a", "b", "d"], "test": ["c"]})
    folder = tmp_path / "made"
    folder.mkdir()
    card = prepare(options(root), seed=0, folder=folder, cache_root=tmp_path / "cache")
    return card, lambda split: open_split(folder, tmp_path / "cache", split, view=View(kind="boxes")), tmp_path


def test_the_card_counts_boxes_by_class_and_what_was_done_about_the_others(prepared):
    card, _, folder = prepared
    assert card["splits"]["train"]["classes"] == {"cat": 1, "dog": 2}
    assert card["splits"]["test"]["classes"] == {"cat": 1, "dog": 0}
    faults = card["boxes"]["faults"]
    assert card["boxes"]["total"] == 4
    assert faults["counts"] == {"clipped": 1, "dropped": 1, "background": 1, "ignored": 0}
    assert faults["first"]["dropped"] == ["test c"] and faults["first"]["background"] == ["train d"]
    assert card["spec"]["head"] == "boxes" and card["spec"]["class_names"] == ["cat", "dog"]
    assert cache_present(folder / "made", folder / "cache")


def test_a_batch_holds_padded_boxes_in_the_fitted_pixels(prepared):
    _, split, _ = prepared
    batch = split("train").batch(np.array([0, 1, 2]))
    assert batch.inputs.shape == (3, 3, 32, 64) and batch.targets.shape == (3, 2, 5)
    # 'a', 80 × 40 into 32 × 64: scale 0.8; 'b', 60 × 60: scale 32 / 60, 16 columns free at the left
    assert batch.targets[0].tolist() == [[8, 4, 24, 20, 0], [32, 0, 64, 32, 1]]
    torch.testing.assert_close(batch.targets[1, 0], torch.tensor([16.0, 0, 32, 8, 1]))
    assert batch.targets[1, 1].tolist() == [0, 0, 0, 0, -1]
    assert (batch.targets[2, :, 4] == -1).all()
    assert split("train").targets.tolist() == [2, 1, 0]


def test_regions_to_ignore_train_nothing_and_stay_in_the_records(tmp_path):
    root = write_voc(tmp_path / "voc", splits={"train": ["a", "b"]})
    file = root / "Annotations" / "a.xml"
    file.write_text(file.read_text().replace("<difficult>0", "<difficult>1", 1))
    said = options(root, split={"validation": None, "test": None})
    said = said.model_copy(update={"source": said.source.model_copy(update={"splits": {"train": "train"}})})
    (tmp_path / "voc" / "Annotations" / "b.xml").write_text(
        (tmp_path / "voc" / "Annotations" / "b.xml").read_text().replace("dog", "cat")
    )
    folder = tmp_path / "made"
    folder.mkdir()
    card = prepare(said, seed=0, folder=folder, cache_root=tmp_path / "cache")
    split = open_split(folder, tmp_path / "cache", "train", view=View(kind="boxes"))
    assert split.batch(np.array([0])).targets[0, :, 4].tolist() == [1.0]
    assert split.boxes["ignored"].tolist() == [True, False, False]
    assert card["splits"]["train"]["classes"] == {"cat": 1, "dog": 1}


def test_the_fingerprint_follows_the_rules_and_the_size(tmp_path):
    root = write_voc(tmp_path, splits={"train": ["a"], "test": ["b"]})
    first = fingerprint(options(root))
    assert first == fingerprint(options(root))
    assert first != fingerprint(options(root, outside="refuse"))
    assert first != fingerprint(options(root, image_size=64))


def test_a_class_without_an_object_in_training_is_refused(tmp_path):
    root = write_voc(tmp_path / "voc", splits={"train": ["b"], "test": ["a"]})
    (tmp_path / "made").mkdir()
    with pytest.raises(DataError, match=r"Every class must have an object in the split 'train'; cat has none"):
        prepare(options(root), seed=0, folder=tmp_path / "made", cache_root=tmp_path / "cache")


def test_boxes_are_read_for_detection_alone(prepared):
    _, _, folder = prepared
    with pytest.raises(UsageError, match=r"cannot be read as 'labels'. Choose the objective detection"):
        open_split(folder / "made", folder / "cache", "train")


def test_scenes_are_theirs_alone_and_their_boxes_hold_what_was_painted():
    scenes = Scenes(train=12, test=3, side=64, objects=4, seed=3)
    rows, again = (list(scenes.rows("train")) for _ in range(2))
    for one, other in zip(rows, again, strict=True):
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.boxes, other.boxes)
    assert {label for row in rows for label in row.labels} == {*range(len(CLASSES))}
    for found in rows:
        assert len(found.boxes) == len(found.labels) >= 1
        assert (found.boxes >= 0).all() and (found.boxes <= 64).all()
        assert (found.boxes[:, 2:] - found.boxes[:, :2] >= 4).all()
    other_seed = Scenes(train=12, test=3, side=64, objects=4, seed=4)
    assert other_seed.identity() != scenes.identity()
    assert not np.array_equal(next(iter(other_seed.rows("train"))).image, rows[0].image)


def test_a_box_of_a_scene_is_the_extent_of_what_stands_out():
    from basestone.data.detection.scenes import _mask, _paint  # the law between the two

    draws = np.random.default_rng(0)
    for label in range(len(CLASSES)):
        mask = _mask(draws, label, 24, np.full((1, 8, 8), 255, np.uint8))
        canvas = np.zeros((3, 48, 48))
        box = np.array([10, 6, 10 + mask.shape[1], 6 + mask.shape[0]], float)
        _paint(draws, canvas, mask, box)
        seen = np.abs(canvas).max(0)
        rows, columns = (np.flatnonzero((seen > seen.max() / 2.05).any(axis)) for axis in (1, 0))
        assert [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1] == box.tolist()
