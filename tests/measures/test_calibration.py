import numpy as np
import pytest

from basestone.measures import measure
from basestone.measures.calibration import bin_totals, l2_error_bounds, reliability_bins


def test_debiased_l2_by_hand():
    # one bin, 4 of 5 right at confidence 0.6: d = 0.2, variance of d is 0.8 * 0.2 / 4 = 0.04, 0.04 - 0.04 = 0
    value, lower, _ = l2_error_bounds(np.array([4.0]), np.array([3.0]), np.array([5.0]))
    assert float(value) == pytest.approx(0, abs=1e-9)
    assert float(lower) == 0
    # 90 of 100 at 0.6: d^2 = 0.09, variance 0.9 * 0.1 / 99; sqrt(0.09 - 0.0009091)
    value, _, _ = l2_error_bounds(np.array([90.0]), np.array([60.0]), np.array([100.0]))
    assert float(value) == pytest.approx((0.09 - 0.09 / 99) ** 0.5)


def test_the_estimate_is_unbiased_where_the_plug_in_is_not():
    rng = np.random.default_rng(0)
    count = np.full(15, 40.0)
    rate = np.linspace(0.3, 0.95, 15)
    right = rng.binomial(40, rate, size=(20_000, 15)).astype(float)
    shift = 0.08
    confidence_sum = count * (rate - shift)
    plug_in = np.sum((right - confidence_sum) ** 2 / count, 1) / 600
    spread = right * (count - right) / count**2 * count / (count - 1)
    assert (plug_in - spread.sum(1) / 600).mean() == pytest.approx(shift**2, rel=0.01)
    assert plug_in.mean() > 1.5 * shift**2


def test_one_bin_has_wilsons_bounds():
    from basestone.measures.interval import wilson

    # every confidence 0.99, 880 of 1000 right: the bound of |p - 0.99| from the far Wilson limit of p
    _, _, upper = l2_error_bounds(np.array([880.0]), np.array([990.0]), np.array([1000.0]))
    assert float(upper) == pytest.approx(0.99 - wilson(880, 1000).lower, abs=2e-3)


def test_equal_mass_bins_keep_ties_together_and_one_in_the_last():
    confidence = np.array([0.5] * 500 + [1.0] * 500)
    right, total, count = bin_totals(confidence, np.ones(1000))
    assert count.tolist() == [500, 500]
    assert total.tolist() == [250, 500]
    assert right.tolist() == [500, 500]
    _, _, count = bin_totals(np.linspace(0.1, 1, 1500), np.ones(1500))
    assert count.tolist() == [100] * 15


def test_reliability_bins_hold_confidence_one():
    found = reliability_bins([0.0, 0.05, 0.1, 0.95, 1.0], [0, 1, 1, 1, 0], num_bins=10)
    assert found["count"].tolist() == [2, 1, 0, 0, 0, 0, 0, 0, 0, 2]
    assert found["accuracy"][0] == 0.5
    assert found["confidence"][-1] == pytest.approx(0.975)
    assert np.isnan(found["accuracy"][4])
    assert found["upper"][-1] == 1.0


def predictions(clean, confidence, correct):
    label = np.zeros(len(confidence), int)
    return clean(label, np.where(correct, 0, 1), confidence)


@pytest.mark.parametrize(("sharpen", "fails"), [(1.0, False), (4.0, True)])
def test_an_over_confident_model_is_caught_and_a_calibrated_one_is_not(sharpen, fails, make_records, clean):
    rng = np.random.default_rng(0)
    truth = rng.uniform(0.5, 1, 2_000)
    odds = (truth / (1 - truth)) ** sharpen  # a temperature of 1/sharpen
    found = measure(
        "calibration_error",
        make_records(clean_test=predictions(clean, odds / (1 + odds), rng.random(2_000) < truth)),
    )
    assert (found.interval.lower > 0.05) == fails
    assert (found.interval.upper <= 0.05) == (not fails)
    assert found.detail["bins"] == 15
    assert (found.detail["over_confidence"] > 0.1) == fails


def test_impossible_confidences_are_not_measured(make_records, clean):
    found = measure("calibration_error", make_records(clean_test=clean([0, 1], [0, 1], [0.5, 1.5])))
    assert "a confidence must lie in 0–1; got 0.5 to 1.5" in found.reason
    with pytest.raises(ValueError, match="equally long and not empty"):
        reliability_bins([], [])
