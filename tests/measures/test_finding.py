"""From what was found to mean average precision with bounds, its gap, and what corruptions leave of it."""

from __future__ import annotations

import numpy as np
import pytest
from test_average_precision import Rows, random_rows, table

from basestone.core.evidence import Measurement, NotMeasured
from basestone.measures import measure
from basestone.measures.average_precision import matched
from basestone.measures.finding import least_upper
from basestone.measures.placing import best_score, marked, telling_scenes
from basestone.measures.robustness import BOX_TYPES, FAMILIES, SEVERITIES


def detector(images: int, skill: float, seed: int = 0) -> Rows:
    """Two objects an image, each found with probability ``skill``, else an answer beside it."""
    draws, rows = np.random.default_rng(seed), []
    for image in range(images):
        for label, left in ((0, 10), (1, 100)):
            box = [left, 10, left + 40, 50]
            rows.append((image, "object", label, 1.0, box))
            moved = box if draws.random() < skill else [left, 90, left + 40, 130]
            rows.append((image, "answer", label, float(draws.random()), moved))
    return rows


def corrupted(rows: Rows, kept) -> dict:
    """``detected_corrupted``: the answers of ``rows``; ``kept(corruption, severity, image)``: those still right."""
    columns = {name: [] for name in ("index", "class", "score", "right", "corruption", "severity")}
    for kind in BOX_TYPES:
        for level in SEVERITIES:
            for image, what, label, score, box in rows:
                if what == "answer":
                    right = int(box[1] == 10 and kept(kind, level, image))
                    added = (image, label, score, right, kind, level)
                elif what == "object" and label == 0:
                    added = (image, -1, 0.0, 0, kind, level)
                else:
                    continue
                for name, value in zip(columns, added, strict=True):
                    columns[name].append(value)
    return {name: np.array(values, object if name == "corruption" else None) for name, values in columns.items()}


def measured(name: str, records) -> Measurement:
    found = measure(name, records)
    assert isinstance(found, Measurement), found
    return found


def test_every_object_found_is_one_and_cannot_carry_a_pass_by_itself(make_records):
    records = make_records(detected_test=table(detector(40, 1.0)))
    for name in ("map50", "map50_95"):
        found = measured(name, records)
        assert (found.value, found.interval.upper, found.n) == (1.0, 1.0, 40)
        assert 0.9 < found.interval.lower < 1  # one image more, of which nothing is found, may be drawn three times
        assert not found.interval.decidable  # nothing varies
        assert found.detail["by_class"] == [1.0, 1.0] and found.detail["objects"] == [40, 40]


def test_bounds_hold_the_value_and_narrow_with_the_images(make_records):
    widths = []
    for images in (40, 640):
        found = measured("map50", make_records(detected_test=table(detector(images, 0.8))))
        assert found.interval.lower < found.value < found.interval.upper and found.interval.decidable
        assert f"{images} clusters, 2000 draws" in found.interval.method
        widths.append(found.interval.upper - found.interval.lower)
    assert 2.5 < widths[0] / widths[1] < 6  # a quarter, by the root of 16


def test_one_sided_bounds_cover_the_truth_about_as_often_as_they_say(make_records):
    """Scores that say nothing of what is right are the worst case: the plain 5 % point covers 78 % of the time."""
    truth = measured("map50", make_records(detected_test=table(detector(4_000, 0.7, seed=999)))).value
    below = above = 0
    for seed in range(24):
        found = measured("map50", make_records(detected_test=table(detector(40, 0.7, seed=seed)))).interval
        below, above = below + (found.lower > truth), above + (found.upper < truth)
    assert below <= 5 and above <= 4  # 2 and 1 are expected; more would have a probability of 1 %


def test_fewer_than_thirty_images_decide_nothing(make_records):
    assert not measured("map50", make_records(detected_test=table(detector(29, 0.8)))).interval.decidable


def test_the_gap_is_training_minus_test(make_records):
    records = make_records(detected_train=table(detector(80, 0.95, 1)), detected_test=table(detector(60, 0.6, 2)))
    gap, test = measured("map_gap", records), measured("map50_95", records)
    assert gap.detail["test"] == pytest.approx(test.value)
    assert gap.value == pytest.approx(gap.detail["train"] - gap.detail["test"]) and gap.n == 60
    assert 0.3 < gap.interval.lower < gap.value < gap.interval.upper < 0.8
    same = make_records(detected_train=table(detector(80, 0.7, 1)), detected_test=table(detector(80, 0.7, 1)))
    none = measured("map_gap", same)
    assert none.value == 0 and none.interval.lower < 0 < none.interval.upper


def test_what_corruptions_leave_is_a_share_of_the_clean_value(make_records):
    rows = detector(60, 1.0)
    half = make_records(
        detected_test=table(rows),
        detected_corrupted=corrupted(rows, lambda kind, level, image: kind != "snow" or level <= 2),
    )
    mean, worst = (measured(name, half) for name in ("map_retention_mean", "map_retention_worst"))
    # under snow two severities of five leave everything, three nothing: 0.4; all others leave everything
    assert worst.value == pytest.approx(0.4) and worst.detail["worst"] == "snow"
    assert mean.value == pytest.approx((len(BOX_TYPES) - 1 + 0.4) / len(BOX_TYPES))
    assert mean.detail["clean_map50"] == 1.0 and len(mean.detail["curves"]) == len(BOX_TYPES) * 5
    snow = [row["accuracy"] for row in mean.detail["curves"] if row["corruption"] == "snow"]
    assert snow == [1.0, 1.0, 0.0, 0.0, 0.0]


def test_a_uniform_loss_has_bounds_about_it_and_the_worst_lies_lower(make_records):
    rows = detector(80, 1.0)
    lost = make_records(
        detected_test=table(rows),
        detected_corrupted=corrupted(rows, lambda kind, level, image: (image * 7 + len(kind) + level) % 10 < 8),
    )
    mean, worst = (measured(name, lost) for name in ("map_retention_mean", "map_retention_worst"))
    assert mean.interval.lower < mean.value < mean.interval.upper and mean.interval.decidable
    assert worst.value <= mean.value and worst.interval.lower <= worst.value


def test_what_moves_objects_off_their_boxes_is_left_out():
    every = {name for names in FAMILIES.values() for name in names}
    assert every - set(BOX_TYPES) == {"elastic_transform"}


def test_the_least_of_several_is_bounded_for_all_of_them_at_once():
    draws = np.random.default_rng(0).normal([0.5, 0.9], 0.05, (4_000, 2))
    # two independent ones at once: each at 0.95 ** 0.5, that is 1.955 standard errors
    assert least_upper(np.array([0.5, 0.9]), draws) == pytest.approx(0.5 + 1.955 * 0.05, abs=0.01)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda t: {k: v[t["corruption"] != "fog"] for k, v in t.items()}, "every image must be seen under fog"),
        (lambda t: t | {"index": t["index"] + 1}, "must have its clean answers in 'detected_test'"),
    ],
)
def test_records_with_holes_are_no_measurement(spoil, reason, make_records):
    rows = detector(40, 0.9)
    records = make_records(detected_test=table(rows), detected_corrupted=spoil(corrupted(rows, lambda *_: True)))
    found = measure("map_retention_mean", records)
    assert isinstance(found, NotMeasured) and reason in found.reason


def test_a_detector_that_finds_nothing_has_no_retention(make_records):
    rows = detector(40, 0.0)
    records = make_records(detected_test=table(rows), detected_corrupted=corrupted(rows, lambda *_: True))
    assert measured("map50", records).value == 0
    found = measure("map_retention_worst", records)
    assert isinstance(found, NotMeasured) and "which must be at least 0.05; it is 0.000" in found.reason


BOX = [0.0, 0, 20, 20]


@pytest.mark.parametrize(
    ("answer", "label", "mark"),
    [
        (BOX, 0, "right"),
        ([0.0, 0, 20, 8], 0, "placed"),  # 0.4 of it
        ([50.0, 50, 70, 70], 0, "false"),
        (BOX, 1, "class"),
    ],
)
def test_each_kind_of_answer_has_its_mark(answer, label, mark):
    found = marked(table([(0, "object", 0, 1.0, BOX), (0, "answer", label, 0.8, answer)]), least=0.5)
    assert [box["mark"] for box in found if box["score"] is not None] == [mark]
    assert [box["mark"] for box in found if box["score"] is None] == ([] if mark == "right" else ["missed"])


def test_a_second_answer_is_of_nothing_and_doubtful_ones_are_not_shown():
    rows: Rows = [(0, "object", 0, 1.0, BOX), *((0, "answer", 0, score, BOX) for score in (0.9, 0.8, 0.2))]
    assert [(box["mark"], round(box["score"], 1)) for box in marked(table(rows), least=0.5)] == [
        ("right", 0.9),
        ("false", 0.8),
    ]


def test_an_answer_in_a_region_to_ignore_is_not_shown():
    rows: Rows = [(0, "ignored", 0, 1.0, [0.0, 0, 90, 90]), (0, "answer", 0, 0.9, BOX)]
    assert marked(table(rows), least=0.5) == []


def test_the_score_that_is_shown_from_balances_precision_and_recall():
    # right at 0.9 and 0.6, wrong at 0.7 and below 0.5: F1 is 2/3 at 0.9, 4/5 at 0.6, less from there on
    rows: Rows = [(n, "object", 0, 1.0, BOX) for n in range(2)]
    rows += [(0, "answer", 0, 0.9, BOX), (1, "answer", 0, 0.6, BOX), (1, "answer", 0, 0.7, [50.0, 50, 70, 70])]
    rows += [(0, "answer", 0, 0.4 - n / 100, [50.0, 50, 70, 70]) for n in range(5)]
    assert best_score(matched(table(rows), (0.5,))) == pytest.approx(0.6, abs=1e-6)


def test_most_faults_come_first_and_one_in_four_has_none(make_records):
    scenes = telling_scenes(make_records(detected_test=table(detector(40, 0.7))), 8)
    faults = [scene["faults"] for scene in scenes]
    assert len(scenes) == 8 and faults[:6] == sorted(faults[:6], reverse=True) and faults[5] > 0
    assert faults[6:] == [0, 0]
    assert len(telling_scenes(make_records(detected_test=table(random_rows(1))), 500)) <= 40
