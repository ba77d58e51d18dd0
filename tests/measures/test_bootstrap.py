import numpy as np
import pytest

from basestone.measures.bootstrap import (
    DRAWS,
    bias_corrected,
    cluster_bootstrap,
    cluster_totals,
    ratio_draws,
    ratio_interval,
    resampled_totals,
)


def mean(totals):
    return totals[..., 0] / totals[..., 1]


def rows(values):
    return np.column_stack([values, np.ones(len(values))])


def test_totals_by_hand():
    # clusters 3 and 7: 1 + 2 = 3 and 4; the columns are summed apart
    assert cluster_totals([[1, 10], [4, 20], [2, 30]], [3, 7, 3]).tolist() == [[3, 40], [4, 20]]


def test_the_standard_error_is_the_clusters_not_the_rows():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=100)
    values, clusters = np.repeat(centres, 50), np.repeat(np.arange(100), 50)
    value, found = cluster_bootstrap(mean, rows(values), clusters)
    expected = 2 * 1.645 * centres.std() / np.sqrt(100)
    assert value == pytest.approx(centres.mean())
    assert found.upper - found.lower == pytest.approx(expected, rel=0.1)
    _, naive = cluster_bootstrap(mean, rows(values), np.arange(len(values)), draws=200)
    assert naive.upper - naive.lower < 0.25 * (found.upper - found.lower)


def test_every_draw_holds_as_many_clusters_as_the_sample():
    draws = resampled_totals(np.ones((37, 1)), seed=3, draws=601)
    assert draws.shape == (601, 1)
    assert (draws == 37).all()


def test_draws_depend_on_the_seed_alone_and_the_method_names_it():
    values, clusters = rows(np.random.default_rng(1).random(60)), np.arange(60)
    first, again, other = (cluster_bootstrap(mean, values, clusters, seed=seed)[1] for seed in (5, 5, 6))
    assert first == again
    assert (first.lower, first.upper) != (other.lower, other.upper)
    assert first.method == "cluster bootstrap, 60 clusters, 2000 draws, seed 5"
    assert DRAWS >= 2_000


@pytest.mark.parametrize(("values", "carries"), [(np.arange(29), False), (np.arange(30), True), (np.ones(50), False)])
def test_few_clusters_or_no_variance_are_not_decidable(values, carries):
    assert cluster_bootstrap(mean, rows(values), np.arange(len(values)))[1].decidable is carries


def test_the_added_cluster_gives_the_rule_of_three():
    right = np.ones((100, 1))
    # all 100 right: Clopper-Pearson's bound is 0.05^(1/100) = 0.9705, i.e. about 3 failures
    low = np.quantile(ratio_draws(right, right[:, 0], add=0, seed=0), 0.05)
    assert low == pytest.approx(1 - 3 / 101, abs=0.003)
    assert np.quantile(ratio_draws(right, right[:, 0], add=1, seed=0), 0.95) == 1.0


def test_a_ratio_near_its_normal_approximation():
    rng = np.random.default_rng(2)
    clean = (rng.random(3_000) < 0.9).astype(float)
    corrupted = clean * (rng.random(3_000) < 0.6)
    value = corrupted.sum() / clean.sum()
    low, high = (ratio_draws(corrupted[:, None], clean, add=add, seed=0)[:, 0] for add in (0, 1))
    found = ratio_interval(low, high, corrupted - value * clean, seed=0)
    error = (corrupted - value * clean).std() / clean.mean() / np.sqrt(3_000)  # delta method
    assert value - found.lower == pytest.approx(1.645 * error, rel=0.1)
    assert found.upper - value == pytest.approx(1.645 * error, rel=0.1)


def test_rows_without_a_cluster_are_refused():
    with pytest.raises(ValueError, match="every row needs its cluster; got 2 rows and 3 cluster labels"):
        cluster_totals([1, 2], [0, 1, 2])


def test_a_bias_corrected_quantile_of_unbiased_draws_is_the_plain_one():
    draws = np.random.default_rng(0).normal(2.0, 1.0, 20_001)
    assert bias_corrected(draws, float(np.median(draws)), 0.05) == pytest.approx(np.quantile(draws, 0.05), abs=1e-3)


def test_draws_that_lie_too_high_are_moved_down_by_twice_the_bias():
    # normal draws about 0.5 of a sample whose own value is 0: z0 = −0.5, so the 5 % point becomes that of −1 − 1.645,
    # which in these draws is 0.5 − 2.645
    draws = np.random.default_rng(0).normal(0.5, 1.0, 200_001)
    assert bias_corrected(draws, 0.0, 0.05) == pytest.approx(0.5 - 2.645, abs=0.02)
    assert bias_corrected(np.ones(100), 0.0, 0.05) == 1.0
