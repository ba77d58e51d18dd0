"""The attacks: against scipy, by hand, and on members that are there or are not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import norm

from basestone.core.evidence import NotMeasured
from basestone.measures import measure
from basestone.measures.privacy.attacks import Shadowed, lira_offline, lira_online, logit_of_truth, rmia
from basestone.measures.privacy.membership import membership_tpr


def drawn(shift, members=400, others=600, shadows=16, seed=0):
    """φ is a sample's own difficulty, higher by ``shift`` for whoever saw it, and noise."""
    generator = np.random.default_rng(seed)
    member = np.arange(members + others) < members
    difficulty = generator.normal(0, 3, len(member))
    saw = generator.random((len(member), shadows)).argsort(1).argsort(1) < shadows // 2
    noise = generator.normal(0, 1, (len(member), shadows + 1))
    table = {
        "index": np.arange(len(member)),
        "member": member.astype(int),
        "target": difficulty + shift * member + noise[:, -1],
    }
    table |= {f"shadow_{k}": difficulty + shift * saw[:, k] + noise[:, k] for k in range(shadows)}
    return table | {f"saw_{k}": saw[:, k].astype(int) for k in range(shadows)}


def test_the_logit_of_the_truth_is_that_of_its_probability():
    logits, labels = np.random.default_rng(0).normal(0, 3, (50, 4)), np.arange(50) % 4
    p = torch.from_numpy(logits).softmax(1)[torch.arange(50), torch.from_numpy(labels)].numpy()
    assert logit_of_truth(logits, labels) == pytest.approx(np.log(p / (1 - p)))
    sure = logit_of_truth(np.array([[900.0, 0.0]]), np.array([0]))
    assert sure == pytest.approx(900)  # where p is 1 to the last digit
    assert logits.shape == (50, 4) and np.isfinite(logits).all()  # the caller's own are left alone


def test_lira_by_scipy():
    """Two shadows saw each sample and two did not; one deviation for all: √(Σ of squares / Σ of (n − 1))."""
    target, seen, unseen = np.array([3.0, 0.0]), np.array([[2.0, 4.0], [1.0, 1.0]]), np.array([[0.0, 1.0], [0.0, 2.0]])
    saw = np.array([[True, True, False, False]] * 2)
    found = Shadowed(target=target, shadows=np.hstack([seen, unseen]), saw=saw)
    inside, outside = np.sqrt((1 + 1 + 0 + 0) / 2), np.sqrt((0.25 + 0.25 + 1 + 1) / 2)
    mean_in, mean_out = np.array([3.0, 1.0]), np.array([0.5, 1.0])
    expected = norm.logpdf(target, mean_in, inside) - norm.logpdf(target, mean_out, outside)
    assert lira_online(found) == pytest.approx(expected)
    assert lira_offline(found) == pytest.approx((target - mean_out) / outside)


def test_rmia_is_the_probability_over_its_average():
    phi = np.random.default_rng(0).normal(0, 4, (20, 5))
    p = 1 / (1 + np.exp(-phi))
    found = Shadowed(target=phi[:, 0], shadows=phi[:, 1:], saw=np.ones((20, 4), bool))
    assert rmia(found) == pytest.approx(np.log(p[:, 0] / p[:, 1:].mean(1)))


def test_members_that_the_model_gives_away_are_found(make_records):
    found = membership_tpr(make_records(membership=drawn(shift=4)))
    assert found.interval.lower > 0.05 and found.value > 0.5 and found.n == 600
    assert found.detail["members"] == 400 and found.detail["shadows"] == 16
    assert found.detail["attacks"]["lira_online"]["at_0.001"] is None  # 600 cannot show one in a thousand
    assert found.interval.lower <= found.value <= found.interval.upper


def test_a_model_that_gives_nothing_away_is_left_alone(make_records):
    found = membership_tpr(make_records(membership=drawn(shift=0, members=2_000, others=3_000)))
    assert found.interval.upper <= 0.05 and found.interval.lower < 0.01
    assert found.detail["attacks"]["rmia"]["at_0.001"]["value"] < 0.01


def test_no_single_attack_can_hide_another(make_records):
    found = membership_tpr(make_records(membership=drawn(shift=2)))
    each = found.detail["attacks"]
    assert found.value == max(one["value"] for one in each.values()) == each[found.detail["strongest"]]["value"]
    assert found.interval.upper == max(one["upper"] for one in each.values())
    assert found.interval.lower < max(one["lower"] for one in each.values())  # which is for three at once


def test_too_few_held_out_samples_are_refused_with_the_number(make_records):
    found = measure("membership_tpr", make_records(membership=drawn(shift=4, others=298)))
    assert isinstance(found, NotMeasured)
    assert "needs at least 299 held-out samples" in found.reason and "there are 298" in found.reason


def test_few_shadows_never_pass(make_records):
    assert not membership_tpr(make_records(membership=drawn(shift=0, shadows=8))).interval.decidable


def test_what_is_not_a_number_or_tells_nothing_is_not_measured(make_records):
    table = drawn(shift=0)
    table["shadow_3"][7] = np.nan
    assert "must be finite" in measure("membership_tpr", make_records(membership=table)).reason
    table = drawn(shift=0)
    table |= {f"saw_{k}": np.ones(1_000, int) for k in range(16)}
    assert (
        "in the training data of some shadow models" in measure("membership_tpr", make_records(membership=table)).reason
    )


def test_what_was_not_asked_for_is_told_apart_from_what_failed(make_records):
    asked = make_records(facts={"failures": {"membership": "the disk was full"}})
    found = measure("membership_tpr", asked)
    assert isinstance(found, NotMeasured) and found.asked and found.reason == "the disk was full"
    left_out = make_records(facts={"not_asked": {"membership": "write audit.privacy"}})
    found = measure("membership_tpr", left_out)
    assert isinstance(found, NotMeasured) and not found.asked
    assert found.to_json() == {"measure": "membership_tpr", "reason": "write audit.privacy", "asked": False}
