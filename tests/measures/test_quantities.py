"""R² from records: by hand, against scikit-learn, by the laws of a ratio, and how often its bounds hold the truth."""

import numpy as np
import pytest
from sklearn.metrics import r2_score

from basestone.core.evidence import Measurement, NotMeasured
from basestone.measures import measure
from basestone.measures.quantities import compare_quantities, explained_shares, telling_quantities


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def table(target, prediction, baseline=None):
    target = np.asarray(target, float)
    baseline = target.mean() if baseline is None else baseline
    return {
        "index": np.arange(len(target)),
        "target": target,
        "prediction": np.asarray(prediction, float),
        "baseline": np.full(len(target), baseline),
    }


def taken(make_records, *columns, **options):
    return measure("r_squared", make_records(quantities_test=table(*columns, **options)))


def test_by_hand(make_records):
    # squared errors 1, 0, 4 → 5; squared distances to the training mean 1: 1, 4, 9 → 14
    found = taken(make_records, [0.0, 3.0, 4.0], [1.0, 3.0, 2.0], baseline=1.0)
    assert isinstance(found, Measurement)
    assert found.value == pytest.approx(1 - 5 / 14)
    assert found.detail["root_mean_squared_error"] == pytest.approx((5 / 3) ** 0.5)
    assert found.detail["mean_absolute_error"] == pytest.approx(1.0)
    assert not found.interval.decidable  # three documents carry no verdict


def test_is_scikit_learns_where_the_baseline_is_the_test_mean(make_records, rng):
    target, noise = rng.normal(5, 3, 200), rng.normal(0, 1, 200)
    found = taken(make_records, target, target + noise)
    assert found.value == pytest.approx(r2_score(target, target + noise))
    assert found.interval.lower < found.value < found.interval.upper


def test_saying_the_training_mean_explains_nothing(make_records, rng):
    target = rng.normal(5, 3, 100)
    found = taken(make_records, target, np.full(100, 4.0), baseline=4.0)
    assert found.value == 0
    assert not found.interval.decidable


def test_the_unit_changes_nothing(make_records, rng):
    target, noise = rng.normal(5, 3, 100), rng.normal(0, 1, 100)
    plain = taken(make_records, target, target + noise)
    scaled = taken(make_records, 1e3 * target, 1e3 * (target + noise))
    assert scaled.value == pytest.approx(plain.value)
    assert scaled.interval.lower == pytest.approx(plain.interval.lower)


def test_what_samples_add_averages_to_r_squared(rng):
    target, noise = rng.normal(0, 2, 80), rng.normal(0, 1, 80)
    assert explained_shares(target + noise, target, target.mean()).mean() == pytest.approx(
        r2_score(target, target + noise)
    )
    with pytest.raises(ValueError, match="none does"):
        explained_shares([1.0], [2.0], 2.0)


def test_the_gap_is_that_of_the_two(make_records, rng):
    target = rng.normal(0, 2, 150)
    good, bad = target + rng.normal(0, 0.5, 150), target + rng.normal(0, 1.5, 150)
    held = make_records(quantities_train=table(target, good), quantities_test=table(target, bad))
    found = measure("r_squared_gap", held)
    assert found.value == pytest.approx(r2_score(target, good) - r2_score(target, bad))
    assert found.interval.lower < found.value < found.interval.upper


def test_the_bounds_hold_the_truth(make_records):
    truth, held = 1 - 1 / (1 + 4), 0  # noise of variance 1 beside a signal of variance 4
    for draw in range(150):
        generator = np.random.default_rng(draw)
        signal = generator.normal(0, 2, 120)
        target = signal + generator.normal(0, 1, 120)
        found = taken(make_records, target, signal, baseline=0.0)
        held += found.interval.lower <= truth
    assert held / 150 >= 0.90  # 95 % nominal; three standard errors below are 89.7 %


def test_no_samples_are_no_number(make_records):
    assert isinstance(taken(make_records, [], [], baseline=0.0), NotMeasured)


def test_a_replay_is_relative_to_the_largest_answer():
    before = {"index": np.arange(2), "prediction": np.array([100.0, -200.0])}
    found = compare_quantities(before, {"index": np.arange(2), "prediction": np.array([100.0, -200.02])})
    assert found["max_abs_diff"].tolist() == pytest.approx([0, 1e-4])


def test_the_largest_errors_are_told_first(make_records):
    held = make_records(quantities_test=table([0.0, 3.0, 4.0], [0.5, 3.0, 1.0]))
    assert [(row["index"], row["label"], row["prediction"]) for row in telling_quantities(held, 2)] == [
        (2, "4", "1"),
        (0, "0", "0.5"),
    ]
