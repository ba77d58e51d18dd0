import numpy as np
import pytest

from basestone.core.evidence import NotMeasured
from basestone.measures import measure
from basestone.measures.robustness import FAMILIES, SEVERITIES
from basestone.measures.robustness.retention import TYPES, correctness


def corrupted_table(index, correct):
    """``correct``: N×15×5 to the columns of ``corrupted``, shuffled."""
    family = {name: family for family, names in FAMILIES.items() for name in names}
    rows = [
        (index[i], family[kind], kind, level, int(correct[i, t, s]))
        for i in range(len(index))
        for t, kind in enumerate(TYPES)
        for s, level in enumerate(SEVERITIES)
    ]
    rows = [rows[i] for i in np.random.default_rng(0).permutation(len(rows))]
    return {
        name: list(column)
        for name, column in zip(
            ("index", "family", "corruption", "severity", "correct"), zip(*rows, strict=True), strict=True
        )
    }


@pytest.fixture
def audit(make_records, clean):
    """100 clean predictions, 80 right; of the first 50 the corrupted copies: right as clean, but fog always wrong."""
    prediction = np.array([0] * 40 + [1] * 10 + [0] * 40 + [1] * 10)
    table = clean(np.zeros(100), prediction)
    correct = np.repeat((prediction[:50] == 0)[:, None, None], 15, 1).repeat(5, 2).astype(int)
    correct[:, TYPES.index("fog")] = 0
    return make_records(clean_test=table, corrupted=corrupted_table(np.arange(50), correct))


def test_by_hand(audit):
    mean, worst = (measure(f"corruption_retention_{name}", audit) for name in ("mean", "worst"))
    assert mean.value == pytest.approx(14 / 15)  # 14 types keep everything, fog nothing
    assert worst.value == 0.0
    assert worst.detail["worst"] == "fog"
    assert mean.n == worst.n == 50  # source images, not 3 750 rows
    assert mean.unit == "fraction"
    assert mean.interval.lower <= mean.value <= mean.interval.upper
    assert "50 clusters, 2000 draws, seed 0" in mean.interval.method


def test_the_clean_accuracy_is_that_of_the_same_images(make_records, clean):
    # 30 images that are right clean and corrupted, and 70 others that are wrong clean: nothing is lost
    table = clean(np.zeros(100), np.array([0] * 30 + [1] * 70), index=np.arange(100)[::-1].copy())
    correct = np.ones((30, 15, 5))
    records = make_records(clean_test=table, corrupted=corrupted_table(np.arange(99, 69, -1), correct))
    found = measure("corruption_retention_mean", records)
    assert found.value == 1.0
    assert not found.interval.decidable  # no variance at all


def test_a_type_that_fails_alone_is_found_and_the_bounds_surround_it(make_records, clean):
    rng = np.random.default_rng(0)
    right = rng.random(400) < 0.9
    correct = np.repeat((right[:, None] & (rng.random((400, 15)) < 0.9))[:, :, None], 5, 2)
    correct[:, 7] = (right & (rng.random(400) < 0.3))[:, None]
    records = make_records(
        clean_test=clean(np.zeros(400), ~right), corrupted=corrupted_table(np.arange(400), correct.astype(int))
    )
    found = measure("corruption_retention_worst", records)
    assert found.detail["worst"] == TYPES[7] == "snow"
    assert found.interval.lower < 0.3 < found.interval.upper < 0.4
    assert found.interval.decidable


def test_clean_and_corrupted_are_matched_by_index(audit):
    clean_right, corrupted = correctness(audit)
    assert clean_right.tolist() == [1] * 40 + [0] * 10
    assert corrupted.shape == (50, 15, 5)
    assert corrupted[:, TYPES.index("fog")].sum() == 0


def test_severities_keep_their_places(make_records, clean):
    correct = np.ones((24, 15, 5), int)
    correct[:, 2, 4] = 0
    table = clean(np.zeros(24), np.zeros(24))
    _, corrupted = correctness(make_records(clean_test=table, corrupted=corrupted_table(np.arange(24), correct)))
    assert np.array_equal(corrupted, correct)


@pytest.mark.parametrize("spoil", ["row", "name", "clean", "few"])
def test_spoilt_records_are_not_measured(spoil, make_records, clean):
    table, correct = clean(np.zeros(40), np.zeros(40)), np.ones((40, 15, 5), int)
    columns = corrupted_table(np.arange(40), correct)
    if spoil == "row":
        columns = {name: column[:-1] for name, column in columns.items()}
    if spoil == "name":
        columns["corruption"][0] = "rain"
    if spoil == "clean":
        table = {name: column[:39] for name, column in table.items()}
    if spoil == "few":
        table = clean(np.zeros(40), np.arange(40) >= 19)
    found = measure("corruption_retention_mean", make_records(clean_test=table, corrupted=columns))
    reasons = {
        "row": "1 of 3000 cells",
        "name": "also names ['rain']",
        "clean": "some have none",
        "few": "19 of 40 are",
    }
    assert isinstance(found, NotMeasured)
    assert reasons[spoil] in found.reason
