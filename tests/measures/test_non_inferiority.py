import numpy as np
import pytest

from basestone.core.evidence import RecordsMissing
from basestone.measures.non_inferiority import quality_retention, retention_interval, score

Z = 1.6448536269514722


def test_the_estimate_is_the_ratio_of_accuracies():
    # child right on 80 + 5, parent on 80 + 10 of 100
    value, interval = retention_interval(80, 5, 10, 100)
    assert value == pytest.approx(85 / 90)
    assert interval.lower < value < interval.upper


@pytest.mark.parametrize("counts", [(80, 5, 10, 100), (900, 3, 9, 1000), (40, 20, 1, 70)])
def test_bounds_are_where_the_score_test_just_rejects(counts):
    _, interval = retention_interval(*counts)
    assert score(interval.lower, *counts) == pytest.approx(Z, abs=1e-6)
    assert score(interval.upper, *counts) == pytest.approx(-Z, abs=1e-6)


@pytest.mark.parametrize("ratio", [0.9, 0.99, 1.0, 1.1])
def test_the_variance_is_that_of_the_constrained_likelihood(ratio):
    """A search over all cell probabilities that the hypothesis allows finds what the closed form says."""
    both, child, parent, n = 80, 5, 10, 100
    right = (both + child + parent) / n  # p00 keeps its observed share
    p01 = np.linspace(1e-6, right / (1 + ratio) - 1e-6, 500_000)
    p11 = (right - (1 + ratio) * p01) / ratio
    p10 = (ratio - 1) * p11 + ratio * p01
    allowed = p10 > 0
    likelihood = np.full(len(p01), -np.inf)
    likelihood[allowed] = both * np.log(p11[allowed]) + child * np.log(p10[allowed]) + parent * np.log(p01[allowed])
    best = likelihood.argmax()
    expected = (both + child - ratio * (both + parent)) / np.sqrt(n * ratio * (p10[best] + p01[best]))
    assert score(ratio, both, child, parent, n) == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_models_that_agree_on_every_sample_still_have_a_bound():
    value, interval = retention_interval(9000, 0, 0, 10_000)
    assert value == 1
    assert 0.999 < interval.lower < 1 < interval.upper < 1.001
    assert retention_interval(140, 0, 0, 144)[1].lower < 0.99  # too few samples to show 99 %


def test_swapping_the_models_inverts_the_interval():
    _, one = retention_interval(80, 5, 10, 100)
    _, other = retention_interval(80, 10, 5, 100)
    assert other.lower == pytest.approx(1 / one.upper, rel=1e-6)
    assert other.upper == pytest.approx(1 / one.lower, rel=1e-6)


@pytest.mark.parametrize(("p11", "p10", "p01"), [(0.88, 0.02, 0.03), (0.6, 0.05, 0.05), (0.95, 0.004, 0.012)])
def test_each_bound_covers_the_truth_in_95_percent(p11, p10, p01):
    generator = np.random.default_rng(0)
    truth = (p11 + p10) / (p11 + p01)
    draws = generator.multinomial(1000, [p11, p10, p01, 1 - p11 - p10 - p01], size=600)
    intervals = [retention_interval(*map(int, draw[:3]), 1000)[1] for draw in draws]
    for covered in ([found.lower <= truth for found in intervals], [found.upper >= truth for found in intervals]):
        assert 0.93 <= np.mean(covered) <= 0.975


def test_a_child_that_is_never_right_retains_nothing():
    value, interval = retention_interval(0, 0, 90, 100)
    assert value == interval.lower == 0
    assert 0 < interval.upper < 0.1


class Recorded:
    def __init__(self, child, parent, labels, index=None):
        index = np.arange(len(labels)) if index is None else index
        self.tables = {
            name: {
                "index": index if name == "clean_test" else np.arange(len(labels)),
                "label": labels,
                "prediction": found,
                "confidence": np.ones(len(labels)),
                "loss": np.zeros(len(labels)),
            }
            for name, found in (("clean_test", child), ("parent_test", parent))
        }

    def table(self, name):
        return self.tables[name]


def test_the_measure_counts_pairs():
    labels = np.zeros(10, np.int64)
    child, parent = labels.copy(), labels.copy()
    child[:2] = 1  # two that only the parent has right
    parent[9] = 1  # one that only the child has right
    found = quality_retention(Recorded(child, parent, labels))
    assert found.value == pytest.approx(8 / 9)
    assert (found.detail["only_parent_right"], found.detail["only_child_right"]) == (2, 1)
    assert found.detail["same_prediction"] == pytest.approx(0.7)


def test_other_samples_are_refused():
    labels = np.zeros(4, np.int64)
    with pytest.raises(RecordsMissing, match="same samples"):
        quality_retention(Recorded(labels, labels, labels, index=np.arange(1, 5)))


def test_a_parent_that_is_never_right_leaves_nothing_to_retain():
    labels = np.zeros(4, np.int64)
    with pytest.raises(RecordsMissing, match="nothing to retain"):
        quality_retention(Recorded(labels, labels + 1, labels))
