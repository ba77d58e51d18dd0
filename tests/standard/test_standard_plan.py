"""The forecast: the smallest margin that decides, its probability, the cost, and how it is scored afterwards."""

import json
import math
from statistics import NormalDist

import numpy as np
import pytest
from scipy.stats import binomtest
from standard_makers import DECLARED, good_measurements, in_force, made

from basestone.standard import CostModel, judge, plan, score_forecast

AVAILABLE = {"clean_test": 360, "clean_train": 720, "corrupted": 100, "latency": 1000, "replay": 256, "artifacts": 5}
AVAILABLE |= {"attacked": 0, "outliers": 0, "unseen": 0}
COSTS = CostModel(
    seconds_per_image=0.01,
    seconds_single=0.02,
    bytes_model=1000,
    bytes_per_image=10,
    batch_size=32,
    fixed_seconds={"duplicates": 3.0},
)


def planned(available=AVAILABLE, expected=None, standard=None, costs=COSTS):
    found = plan(standard or in_force(), available, costs, expected=expected)
    return json.loads(json.dumps(found, allow_nan=False))


def row(found, clause, criterion):
    return next(one for one in found["rows"] if (one["clause"], one["criterion"]) == (clause, criterion))


def test_every_criterion_in_force_has_a_row():
    in_use = [entry for entry in in_force().clauses if entry.applies]
    wanted = [(entry.clause.id, demand.criterion.name) for entry in in_use for demand in entry.demands]
    assert [(one["clause"], one["criterion"]) for one in planned()["rows"]] == wanted and len(wanted) > 16


def test_the_margin_of_a_proportion_is_the_indifference_zone():
    found = row(
        planned({"clean_test": 300}, standard=in_force(declare=DECLARED | {"GEN-1": 0.95})), "GEN-1", "accuracy"
    )
    assert (found["passes_count"], found["fails_count"]) == (292, 278)  # standard.md
    assert found["passes_from"] == pytest.approx(292 / 300) and found["fails_to"] == pytest.approx(278 / 300)
    assert found["margin"] == pytest.approx(292 / 300 - 0.95) and not found["approximate"]
    thousand = planned({"clean_test": 1000}, standard=in_force(declare=DECLARED | {"GEN-1": 0.95}))
    assert row(thousand, "GEN-1", "accuracy")["passes_count"] == 962


def test_360_digits_pass_a_floor_of_nine_tenths_from_334_on():
    found = row(planned(), "GEN-1", "accuracy")
    assert found["passes_count"] == 334
    assert (
        binomtest(334, 360).proportion_ci(0.9, "exact").low >= 0.9 > binomtest(333, 360).proportion_ci(0.9, "exact").low
    )


def test_passes_of_a_record_may_be_others_than_usual():
    costs = CostModel(seconds_per_image=0.01, passes={"attacked": 7})
    assert costs.seconds("attacked", 10) == pytest.approx(0.7) and costs.seconds("clean_test", 10) == pytest.approx(0.1)


def test_probability_to_decide_agrees_with_simulation():
    found = row(planned(expected={"accuracy": 0.93}), "GEN-1", "accuracy")
    drawn = np.random.default_rng(0).binomial(360, 0.93, 200_000)
    assert found["p_pass"] == pytest.approx(np.mean(drawn >= found["passes_count"]), abs=0.005)
    assert found["p_fail"] == pytest.approx(np.mean(drawn <= found["fails_count"]), abs=0.005)
    assert found["p_decide"] == pytest.approx(found["p_pass"] + found["p_fail"])
    assert found["assumption"]["en"] == "as the user expects"


def test_without_an_expectation_the_middle_is_assumed_and_said():
    found = planned()
    assert row(found, "GEN-1", "accuracy")["expected"] == pytest.approx(0.95)
    assert row(found, "GEN-2", "gap")["expected"] == pytest.approx(0.05)
    assert row(found, "GEN-2", "gap")["assumption"]["en"] == "assumed halfway from the threshold to the ideal"


def test_the_margin_of_a_gap_by_hand():
    # Accuracy 0.9 has variance 0.09; two groups of 360 and 720: error sqrt(0.09/360 + 0.09/720) = 0.019365.
    found = row(planned(expected={"accuracy": 0.9, "accuracy_gap": 0.1}), "GEN-2", "gap")
    assert found["margin"] == pytest.approx(1.644854 * 0.0193649, rel=1e-4) and found["approximate"]
    assert found["passes_from"] < 0.1 < found["fails_to"]
    assert (found["p_pass"], found["p_fail"]) == pytest.approx((0.05, 0.05), abs=1e-6)  # at the threshold itself


def test_a_mean_over_clusters_is_reckoned_with_the_largest_variance():
    found = row(planned(), "ROB-1", "mean")
    assert found["n"] == 100 and found["margin"] == pytest.approx(1.644854 * 0.5 / math.sqrt(100), rel=1e-5)
    error = 0.05
    assert found["p_pass"] == pytest.approx(NormalDist().cdf((0.85 - 0.7) / error - 1.644854), abs=1e-5)


@pytest.mark.parametrize(("n", "late"), [(299, 0), (472, 0), (473, 1), (1000, 4)])
def test_p99_says_how_many_runs_may_be_late(n, late):
    # Independent arithmetic: j late runs pass iff P(X <= j; n, 0.01) <= 0.05.
    def tail(j):
        return sum(math.comb(n, i) * 0.01**i * 0.99 ** (n - i) for i in range(j + 1))

    found = row(planned(AVAILABLE | {"latency": n}), "LAT-1", "p99")
    assert found["passes_count"] == late and tail(late) <= 0.05 < tail(late + 1)
    assert found["passes_from"] == 0.1 and found["p_decide"] is None
    assert found["assumption"]["en"] == "none: the distribution of latency is not known"


def test_fewer_samples_than_the_rule_asks_for_decide_nothing():
    found = row(planned(AVAILABLE | {"latency": 298}), "LAT-1", "p99")
    assert found["p_decide"] == 0 and found["passes_from"] is None and found["min_n"] == 299


def test_what_is_examined_in_full_always_decides():
    found = row(planned(), "CST-2", "flops")
    assert found["margin"] == 0 and found["p_decide"] == 1 and found["expected"] is None
    leak = row(planned(expected={"leakage_rate": 0.5}), "GEN-5", "leakage")
    assert (leak["p_pass"], leak["p_fail"]) == (0, 1)


def test_a_count_where_less_is_better_is_mirrored(tmp_path):
    text = """\
id: HSE-1
title: {en: Flips are rare, zh: 翻转少见}
text: {en: It holds., zh: 必须成立。}
tasks: ["*"]
level: L2
criteria:
  - {name: flips, label: {en: Flips, zh: 翻转率}, measure: flips, direction: at_most, threshold: 0.05, unit: fraction,
     sampling: proportion, basis: {kind: convention, source: us}}
records: [clean_test]
references: [us]
"""
    (tmp_path / "rule.yaml").write_text(text)
    profile = tmp_path / "house.yaml"
    profile.write_text(
        "id: house\nstandard: house\nsources: [rule.yaml]\ntitle: {en: H, zh: 内}\ntext: {en: H, zh: 内}\n"
        'tasks: ["*"]\nclauses: {HSE-1: {}}\n'
    )
    found = row(planned({"clean_test": 300}, standard=in_force(str(profile), {})), "HSE-1", "flips")
    # The mirror of 292 and 278 good ones out of 300: at most 8 bad ones pass, 22 and more fail.
    assert (found["passes_count"], found["fails_count"]) == (8, 22)
    assert found["passes_from"] < 0.05 < found["fails_to"] and found["expected"] == 0.025


def test_costs_by_hand_and_shared_passes_are_counted_once():
    found = planned()
    seconds = {record["record"]: record["seconds"] for record in found["records"]}
    assert seconds["clean_test"] == pytest.approx(3.6)
    assert seconds["corrupted"] == pytest.approx(100 * 75 * 0.01)
    assert seconds["latency"] == pytest.approx(1000 * 0.02)  # one image at a time
    assert seconds["duplicates"] == 3.0 and seconds["training_cost"] == 0
    # 3.6 + 7.2 + 75 + 20 + 2.56 + 3, and one pass for members: the clean pass serves four clauses but is paid once.
    # Explanations: one sample each of 41 + 60 + 90 + 300 + 512 passes, as nobody says how many there are.
    assert found["total_seconds"] == pytest.approx(111.37 + 10.03)
    assert row(found, "GEN-2", "gap")["seconds"] == pytest.approx(3.6 + 7.2)
    assert found["peak_bytes"] == 1000 + 32 * 10
    assert row(found, "LAT-1", "p99")["bytes"] == 1010 and row(found, "GEN-5", "leakage")["bytes"] == 0


def test_the_forecast_is_scored_against_what_happened():
    found = planned(expected={"accuracy": 0.97})
    unsure = made("accuracy", 0.91, 0.88, 0.94)
    document = judge(in_force(), good_measurements() | {"accuracy": unsure}, subject={"stage": "s"})
    scored = score_forecast(found, document, {"clean_test": 7.2, "corrupted": 75.0})
    accuracy = next(one for one in scored["rows"] if one["criterion"] == "accuracy")
    assert accuracy["p_decide"] > 0.9 and accuracy["decided"] is False and accuracy["as_forecast"] is False
    assert next(one for one in scored["rows"] if one["criterion"] == "p99")["as_forecast"] is None
    assert [one["ratio"] for one in scored["times"]] == pytest.approx([2.0, 1.0])
    assert scored["time_ratio"] == pytest.approx((7.2 + 75) / (3.6 + 75))
    known = [one for one in scored["rows"] if one["p_decide"] is not None]
    assert scored["brier"] == pytest.approx(np.mean([(one["p_decide"] - one["decided"]) ** 2 for one in known]))


def test_scoring_says_nothing_where_nothing_was_forecast():
    found = planned({"clean_test": 360}, costs=CostModel(seconds_per_image=0))
    document = judge(in_force(), good_measurements(), subject={"stage": "s"})
    scored = score_forecast(found, document, {"clean_test": 1.0})
    assert scored["times"][0]["ratio"] is None and scored["time_ratio"] is None


def test_of_the_expected_errors_the_plan_says_how_many_may_be_kept():
    """At an accuracy of 0.9, 1000 samples have 100 errors; of these at most as many as show that 40 % are not kept."""
    from scipy.stats import beta

    found = row(planned(expected={"accuracy": 0.9}, available=AVAILABLE | {"clean_test": 1_000}), "HUM-1", "risk")
    kept = found["passes_count"]
    assert beta.ppf(0.95, kept + 1, 100 - kept) <= 0.4 < beta.ppf(0.95, kept + 2, 99 - kept)
    assert found["passes_from"] == pytest.approx(kept / 100 / 0.8)
    assert found["sampling"] == "errors" and found["approximate"]


def test_what_is_screened_may_hold_less_by_what_is_missed(tmp_path):
    """None flagged of n: 1 − 0.05^(1/n) must be at most 0.001 · 0.85, which takes 3,523; of a plain count 2,995."""
    found = {
        n: row(planned({"outputs": n, "detector": 1}, standard=in_force(task="language_modelling")), "PRV-4", "outputs")
        for n in (3_522, 3_523)
    }
    assert found[3_522]["passes_count"] is None and found[3_523]["passes_count"] == 0
    assert found[3_523]["approximate"]


def test_a_criterion_with_records_of_its_own_counts_those():
    found = planned({"verbatim": 3_000, "exposure": 200}, standard=in_force(task="language_modelling"))
    assert [row(found, "PRV-3", name)["n"] for name in ("recited", "exposed")] == [3_000, 200]
