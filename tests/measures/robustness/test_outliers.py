"""Telling foreign images from one's own: AUROC and its bounds, the scores, and images that are surely foreign."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors
from torch import nn

from basestone.core.evidence import NotMeasured
from basestone.measures import measure
from basestone.measures.robustness.outlier_scores import (
    RIDGE,
    Seen,
    collect_outliers,
    generated,
    mahalanobis,
    nearest,
    scores_of,
)
from basestone.measures.robustness.outliers import accepted_at_95, auroc, auroc_bounds
from basestone.measures.subject import Subject
from basestone.standard.rule import decide


def test_auroc_equals_scikit_learns_ties_included():
    rng = np.random.default_rng(0)
    own, foreign = rng.integers(3, 12, 80), rng.integers(0, 9, 50)
    truth = np.r_[np.ones(80), np.zeros(50)]
    assert auroc(own, foreign) == pytest.approx(roc_auc_score(truth, np.r_[own, foreign]))
    # By hand: 2 beats 1 and ties 2, 3 beats both: (1 + 0.5 + 1 + 1) / 4
    assert auroc(np.array([2, 3]), np.array([1, 2])) == 0.875


def test_the_false_share_at_95_percent_by_hand():
    # Of 1 … 100 the 5 % point is 5; the foreign 0, 4, 5, 9 are half as high or higher.
    assert accepted_at_95(np.arange(1, 101), np.array([0, 4, 5, 9])) == 0.5


def test_bounds_cover_and_perfect_separation_has_one_below_1():
    rng, truth = np.random.default_rng(1), 0.921350396474857  # Φ(2/√2): own scores N(2, 1), foreign N(0, 1)
    bounds = np.array([auroc_bounds(auroc(rng.normal(2, 1, 60), rng.normal(0, 1, 60)), 60, 60) for _ in range(600)])
    assert (bounds[:, 0] <= truth).mean() >= 0.93 and (bounds[:, 1] >= truth).mean() >= 0.93
    lower, upper = auroc_bounds(1.0, 100, 100)
    assert 0.96 < lower < 1 and upper == 1
    low, high = auroc_bounds(0.5, 100, 100)
    assert low == pytest.approx(1 - high) and low < 0.5 < high


def table(**kinds):
    rows = [(kind, place, score) for kind, scores in kinds.items() for place, score in enumerate(scores)]
    kind, index, score = zip(*rows, strict=True)
    return {"kind": list(kind), "index": list(index), "energy": list(score), "score": list(score)}


def test_the_worst_kind_decides(make_records):
    rng = np.random.default_rng(0)
    own, far, near = rng.normal(5, 1, 300), rng.normal(0, 1, 300), rng.normal(4.5, 1, 300)
    found = measure("outlier_auroc", make_records(outliers=table(test=own, noise=far, textures=near)))
    assert found.detail["worst"] == "textures" and found.value == pytest.approx(auroc(own, near))
    assert decide(found.interval, 0.9, "at_least") == "fail"
    assert found.detail["scores"]["energy"]["noise"]["auroc"] > 0.99
    good = measure("outlier_auroc", make_records(outliers=table(test=own, noise=far)))
    assert decide(good.interval, 0.9, "at_least") == "pass" and good.n == 300
    few = measure("outlier_auroc", make_records(outliers=table(test=own[:20], noise=far)))
    assert not few.interval.decidable
    alone = measure("outlier_auroc", make_records(outliers=table(test=own)))
    assert isinstance(alone, NotMeasured) and "there are none" in alone.reason


def test_energy_and_the_largest_logit_by_hand():
    found = scores_of(np.array([[0.0, 0.0], [3.0, -1000.0]]), None, None, np.array([0]))
    assert found["energy"] == pytest.approx([np.log(2), 3.0]) and found["max_logit"].tolist() == [0, 3]
    assert set(found) == {"energy", "max_logit"}


def test_the_tenth_neighbour_is_scikit_learns():
    rng = np.random.default_rng(0)
    features, known = rng.normal(size=(8, 5)), rng.normal(size=(40, 5))
    unit = [value / np.linalg.norm(value, axis=1, keepdims=True) for value in (features, known)]
    distances, _ = NearestNeighbors(n_neighbors=10).fit(unit[1]).kneighbors(unit[0])
    assert nearest(features, known) == pytest.approx(-distances[:, -1])


def test_mahalanobis_measures_in_units_of_the_common_covariance():
    rng = np.random.default_rng(0)
    labels = np.repeat([3, 7], 5_000)
    known = rng.normal(size=(10_000, 2)) * [1.0, 3.0] + np.where(labels == 3, 0.0, 10.0)[:, None] * [1, 0]
    found = mahalanobis(np.array([[2.0, 0.0], [10.0, 6.0]]), known, labels)
    assert found == pytest.approx([-4, -4], rel=0.1 + RIDGE)  # 2 and 6/3 deviations from the nearer mean


def test_foreign_images_are_their_own_whatever_is_read_with_them():
    for kind in ("noise", "textures"):
        raw = generated(kind, (3, 8, 8), seed=0)
        images = raw(np.arange(6))
        assert images.shape == (6, 3, 8, 8) and images.dtype == torch.uint8
        assert torch.equal(raw(np.array([4, 1])), images[[4, 1]])
        assert not torch.equal(images[0], images[1]) and images.float().std() > 20


def test_features_are_what_the_head_reads_and_a_score_without_them_is_refused():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    images = torch.rand(30, 1, 2, 2)
    raw = lambda index: images[torch.as_tensor(index)]  # noqa: E731
    subject, every = Subject(model=model), np.arange(30)
    logits, features = Seen(subject, "3", 7).of(raw, every)
    assert features == pytest.approx(model[:3](images).detach().numpy(), abs=1e-6)
    assert logits == pytest.approx(model(images).detach().numpy(), abs=1e-6)

    def collected(head, score):
        foreign = {"noise": (generated("noise", (1, 2, 2), 0), np.arange(5))}
        train = raw, every, every % 2
        return collect_outliers(Seen(subject, head, 7), (raw, every), foreign, train, score=score, own_name="test")

    columns = collected("3", "nearest")
    assert columns["kind"].tolist() == ["test"] * 30 + ["noise"] * 5
    assert np.array_equal(columns["score"], columns["nearest"]) and len(columns["index"]) == 35
    with pytest.raises(ValueError, match="the score 'nearest' reads features, and this runtime gives none"):
        collected(None, "nearest")
    assert set(collected(None, "energy")) == {"kind", "index", "energy", "max_logit", "score"}
