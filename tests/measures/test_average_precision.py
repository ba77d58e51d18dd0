"""Average precision: by hand, against faster-coco-eval (which agrees with pycocotools), and by laws of its weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from basestone.measures.average_precision import OVERLAPS, average_precision, match, matched, mean_average_precision

Rows = list[tuple[int, str, int, float, list[float]]]


def table(rows: Rows) -> dict[str, np.ndarray[Any, Any]]:
    """(image, kind, class, score, corners) as the columns of ``detected_test``, with a row for each image."""
    rows = rows + [(image, "empty", -1, 0.0, [0, 0, 0, 0]) for image in sorted({row[0] for row in rows})]
    corners = np.array([row[4] for row in rows], np.float32)
    return {
        "index": np.array([row[0] for row in rows]),
        "kind": np.array([row[1] for row in rows], object),
        "class": np.array([row[2] for row in rows]),
        "score": np.array([row[3] for row in rows], np.float32),
        **{name: corners[:, place] for place, name in enumerate(("x1", "y1", "x2", "y2"))},
    }


def random_rows(seed: int, images: int = 40, classes: int = 3, regions: bool = True) -> Rows:
    draws = np.random.default_rng(seed)
    rows: Rows = []
    for image in range(images):
        there = []
        for _ in range(draws.integers(0, 9)):
            corner, label = draws.uniform(0, 200, 2), int(draws.integers(classes))
            box = [*corner, *(corner + draws.uniform(5, 60, 2))]
            there.append((label, box))
            ignored = regions and draws.random() < 0.15
            rows.append((image, "ignored" if ignored else "object", label, 1.0, box))
        for _ in range(draws.integers(0, 25)):
            if there and draws.random() < 0.7:
                label, box = there[draws.integers(len(there))]
                box = np.array(box) + draws.normal(0, 4, 4)
                box[2:] = np.maximum(box[2:], box[:2] + 1)
            else:
                corner, label = draws.uniform(0, 200, 2), int(draws.integers(classes))
                box = np.array([*corner, *(corner + draws.uniform(5, 60, 2))])
            score = round(float(draws.random()), 2)  # few values, so that many are equal
            rows.append((image, "answer", label, score, np.float32(box).tolist()))
    return rows


def apart(rows: Rows) -> Rows:
    """The same with no two scores alike, whose order would follow from that of the rows."""
    return [(*row[:3], row[3] + 1e-5 * place, row[4]) for place, row in enumerate(rows)]


def ones(count: int) -> np.ndarray[Any, Any]:
    return np.ones((1, count))


def value(rows: Rows, overlaps=OVERLAPS) -> float:
    return float(mean_average_precision(matched(table(rows), overlaps), ones(len({row[0] for row in rows})))[0])


BOX, ASIDE, AWAY = [0.0, 0, 10, 10], [0.0, 0, 10, 6], [50.0, 50, 60, 60]


def test_by_hand_two_objects_three_answers():
    # falling score: right (recall 1/2, precision 1), wrong, right (recall 1, precision 2/3).
    # Recalls 0, 0.01 … 0.50 read 1, the other 50 of 101 read 2/3: (51 + 50 · 2/3) / 101
    rows: Rows = [
        (0, "object", 0, 1, BOX),
        (1, "object", 0, 1, BOX),
        (0, "answer", 0, 0.9, BOX),
        (0, "answer", 0, 0.8, AWAY),
        (1, "answer", 0, 0.7, BOX),
    ]
    assert value(rows) == pytest.approx((51 + 50 * 2 / 3) / 101, abs=1e-12)


def test_by_hand_an_overlap_of_six_tenths():
    # 60 / 100 = 0.6: right at 0.5, 0.55 and 0.6, that is at three of ten overlaps
    rows: Rows = [(0, "object", 0, 1, BOX), (0, "answer", 0, 0.9, ASIDE)]
    assert value(rows) == pytest.approx(0.3)
    assert value(rows, (0.5,)) == 1.0


def test_a_second_answer_to_an_object_is_wrong_and_a_missed_object_bounds_recall():
    rows: Rows = [
        (0, "object", 0, 1, BOX),
        (0, "object", 0, 1, AWAY),
        (0, "answer", 0, 0.9, BOX),
        (0, "answer", 0, 0.8, BOX),
    ]
    assert value(rows) == pytest.approx(51 / 101)


def test_an_answer_on_an_ignored_region_counts_neither_way():
    rows: Rows = [(0, "object", 0, 1, BOX), (0, "answer", 0, 0.5, BOX), (0, "ignored", 0, 1, [40.0, 40, 90, 90])]
    assert value(rows) == 1.0
    assert value([*rows, (0, "answer", 0, 0.9, AWAY)]) == 1.0
    assert value([*rows, (0, "answer", 0, 0.9, [20.0, 20, 30, 30])]) == pytest.approx(0.5)


def test_of_two_free_objects_the_one_that_is_overlapped_most_is_taken():
    taken = match(np.array([[0.6, 0.8], [0.55, 0.7]]), np.array([False, False]), (0.5, 0.65))
    assert taken.tolist() == [[1, 0], [1, -1]]


def test_an_object_is_taken_once_and_a_region_to_ignore_as_often_as_it_is_met():
    shared, regions = np.array([[0.9, 0.9], [0.8, 0.9], [0.0, 0.7]]), np.array([False, True])
    assert match(shared, regions, (0.5,)).tolist() == [[0, 1, 1]]
    assert match(np.zeros((2, 0)), np.zeros(0, bool), (0.5, 0.75)).tolist() == [[-1, -1], [-1, -1]]


def reference(rows: Rows) -> tuple[float, float]:
    coco = pytest.importorskip("faster_coco_eval")
    images = sorted({row[0] for row in rows})
    names = sorted({row[2] for row in rows})
    annotations, found = [], []
    for image, kind, label, score, box in rows:
        told = {"image_id": image + 1, "category_id": label + 1}
        told["bbox"] = [float(box[0]), float(box[1]), float(box[2] - box[0]), float(box[3] - box[1])]
        if kind == "answer":
            found.append(told | {"score": float(np.float32(score))})
        else:
            area = told["bbox"][2] * told["bbox"][3]
            annotations.append(told | {"id": len(annotations) + 1, "area": area, "iscrowd": int(kind == "ignored")})
    truth = coco.COCO(
        {
            "images": [{"id": image + 1, "width": 400, "height": 400} for image in images],
            "annotations": annotations,
            "categories": [{"id": name + 1, "name": str(name)} for name in names],
        }
    )
    judged = coco.COCOeval_faster(truth, truth.loadRes(found), "bbox")
    judged.evaluate()
    judged.accumulate()
    judged.summarize()
    return float(judged.stats[0]), float(judged.stats[1])


@pytest.mark.parametrize("seed", range(8))
def test_it_is_what_faster_coco_eval_says(seed):
    rows = random_rows(seed, regions=seed % 2 == 0)
    rows = [(*row[:4], np.float32(row[4]).tolist()) for row in rows]
    all_overlaps, half = reference(rows)
    assert value(rows) == pytest.approx(all_overlaps, abs=1e-12)
    assert value(rows, (0.5,)) == pytest.approx(half, abs=1e-12)


def test_a_weight_of_two_is_the_image_twice_and_of_nought_its_absence():
    rows = apart(random_rows(3, images=12))
    weights = np.random.default_rng(0).integers(0, 3, (5, 12))
    there = sorted({row[0] for row in rows})
    weighed = mean_average_precision(matched(table(rows)), weights[:, : len(there)])
    for row, found in zip(weights[:, : len(there)], weighed, strict=True):
        written: Rows = []
        for image, times in zip(there, row.tolist(), strict=True):
            for copy in range(times):
                written += [(100 * image + copy, *rest) for number, *rest in rows if number == image]
        assert found == pytest.approx(value(written), abs=1e-12)


def test_order_of_rows_and_answers_beyond_the_hundredth_change_nothing():
    rows = apart(random_rows(5, regions=False))
    shuffled = [rows[place] for place in np.random.default_rng(0).permutation(len(rows))]
    assert value(shuffled) == pytest.approx(value(rows), abs=1e-12)
    crowd: Rows = [(0, "object", 0, 1, BOX), *((0, "answer", 0, 0.9 - n * 1e-3, AWAY) for n in range(100))]
    assert value([*crowd, (0, "answer", 0, 0.1, BOX)]) == 0.0


def test_a_class_without_objects_is_left_out_and_none_at_all_is_a_fault():
    rows: Rows = [(0, "object", 0, 1, BOX), (0, "answer", 0, 0.9, BOX), (0, "answer", 1, 0.9, BOX)]
    assert value(rows) == 1.0
    assert np.isnan(average_precision(matched(table(rows))[1], ones(1))).all()
    with pytest.raises(ValueError, match="needs at least one object"):
        value([(0, "answer", 0, 0.9, BOX)])
