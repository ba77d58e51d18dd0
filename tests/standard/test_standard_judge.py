"""Measurements to verdicts.json: composition, headline, outcome, waivers, wording, and the schema."""

import json
import math
from dataclasses import replace
from datetime import date
from itertools import product

import jsonschema
import pytest
from standard_makers import DECLARED, RecipeWaiver, good_measurements, in_force, made

from basestone.core.evidence import NotMeasured
from basestone.standard import judge
from basestone.standard.clause import SHIPPED

SCHEMA = json.loads((SHIPPED.parent / "verdicts.schema.json").read_text())
SUBJECT = {"stage": "pretrain", "sha256": "ab" * 32}
MEAN = {
    "pass": made("corruption_retention_mean", 0.8, 0.77, 0.83, unit="1"),
    "fail": made("corruption_retention_mean", 0.6, 0.57, 0.63, unit="1"),
    "inconclusive": made("corruption_retention_mean", 0.71, 0.67, 0.75, unit="1"),
    "error": NotMeasured(measure="corruption_retention_mean", reason="the disk was full"),
}
WORST = {
    "pass": made("corruption_retention_worst", 0.5, 0.45, 0.55, unit="1"),
    "fail": made("corruption_retention_worst", 0.3, 0.25, 0.35, unit="1"),
    "inconclusive": made("corruption_retention_worst", 0.42, 0.36, 0.48, unit="1"),
    "error": NotMeasured(measure="corruption_retention_worst", reason="the disk was full"),
}


def judged(*changed, standard=None, evidence=None, drop=()):
    found = good_measurements() | {one.measure: one for one in changed}
    document = judge(
        standard or in_force(),
        {name: one for name, one in found.items() if name not in drop},
        subject=SUBJECT,
        evidence=evidence,
    )
    again = json.loads(json.dumps(document, allow_nan=False))
    jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker()).validate(again)
    return again


def clause(document, name):
    return next(row for row in document["verdicts"] if row["clause"] == name)


def test_the_schema_is_itself_valid_and_refuses_what_it_should():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    validator = jsonschema.Draft202012Validator(SCHEMA)
    good = judged()
    assert validator.is_valid(good)
    assert not validator.is_valid(good | {"outcome": "passed"})
    assert not validator.is_valid(good | {"extra": 1})
    without_value = json.loads(json.dumps(good))
    without_value["verdicts"][0]["criteria"][0]["value"] = None
    assert not validator.is_valid(without_value)
    stray = json.loads(json.dumps(good))
    stray["verdicts"][0]["criteria"][0]["note"] = "x"
    assert not validator.is_valid(stray)


def test_a_good_model_meets_the_standard():
    document = judged()
    assert document["outcome"] == "met" and document["open"] == [] and document["waived"] == []
    verdicts = {row["clause"]: row["verdict"] for row in document["verdicts"]}
    assert verdicts.pop("GEN-6") == "not_applicable"  # nobody compressed it
    assert verdicts.pop("GEN-3") == "not_applicable"  # it was trained with one seed
    assert verdicts.pop("PRV-2") == "not_applicable"  # it claims no privacy
    for writes in ("PRV-3", "PRV-4", "DAT-1", "SAF-1", "SAF-2", "SAF-3", "SAF-4", "SAF-5"):
        assert verdicts.pop(writes) == "not_applicable"  # it writes no text
    assert verdicts.pop("FAI-1") == "not_applicable"  # its data name no groups
    assert verdicts.pop("FAI-2") == verdicts.pop("FAI-3") == "not_applicable"  # nothing is allotted, nothing is read
    for served in ("HUM-2", "HUM-4", "INT-6", "LAT-2"):
        assert verdicts.pop(served) == "not_applicable"  # an audit serves nothing
        assert clause(document, served)["reason"] == "The clause is about a running service: basestone drill judges it."
    assert set(verdicts.values()) == {"pass"}
    assert (document["standard"], document["profile"], document["judged_on"]) == (
        "foundation-1",
        "foundation-1",
        "2026-11-24",
    )
    assert document["subject"] == SUBJECT and document["demands_sha256"] == in_force().digest


def test_what_was_not_asked_for_is_undecided_and_what_failed_is_an_error():
    unasked = NotMeasured(measure="adversarial_retention", reason="Write attack: {epsilon: 0.03}.", asked=False)
    row = clause(judged(unasked), "ROB-3")
    assert (row["verdict"], row["value"], row["n"]) == ("inconclusive", None, None)
    assert row["reason"].endswith("could not be judged: Write attack: {epsilon: 0.03}.")
    assert judged(unasked)["outcome"] == "not_met" and judged(unasked)["open"] == ["ROB-3"]
    assert clause(judged(replace(unasked, asked=True)), "ROB-3")["verdict"] == "error"


def test_a_measurement_may_say_itself_why_it_decides_nothing():
    said = {"undecided": {"en": "It was cut short.", "zh": "攻击被缩短。"}}
    found = replace(made("adversarial_retention", 0.9, 0.0, 0.95, decidable=False), detail=said)
    row = clause(judged(found), "ROB-3")
    assert row["verdict"] == "inconclusive" and row["needed_n"] is None
    assert row["reason"].endswith("is at least 0.5. It was cut short.") and row["reason_zh"].endswith("攻击被缩短。")


@pytest.mark.parametrize(("mean", "worst"), list(product(MEAN, WORST)))
def test_intersection_union_of_two_criteria(mean, worst):
    row = clause(judged(MEAN[mean], WORST[worst]), "ROB-1")
    # By hand: fail if any fails, else error if any errs, else inconclusive if any is, else pass.
    both = {mean, worst}
    expected = next(word for word in ("fail", "error", "inconclusive", "pass") if word in both)
    assert row["verdict"] == expected
    assert [one["verdict"] for one in row["criteria"]] == [mean, worst]
    deciding = "corruption_retention_mean" if mean == expected else "corruption_retention_worst"
    assert row["measure"] == deciding


@pytest.mark.parametrize("kind", ["fail", "error", "inconclusive"])
def test_one_open_binding_clause_denies_the_outcome(kind):
    document = judged(MEAN[kind])
    assert document["outcome"] == "not_met" and document["open"] == ["ROB-1"]


def test_what_the_recipe_did_not_ask_for_is_open_and_no_error():
    unasked = NotMeasured(measure="membership_tpr", reason="Write audit.privacy: {shadows: 16}", asked=False)
    document = judged(unasked)
    row = clause(document, "PRV-1")
    assert row["verdict"] == "inconclusive" and row["value"] is None and "shadows: 16" in row["reason"]
    assert document["outcome"] == "not_met" and document["open"] == ["PRV-1"]
    assert clause(judged(replace(unasked, asked=True)), "PRV-1")["verdict"] == "error"


def test_a_clause_that_does_not_bind_denies_nothing():
    demo = in_force("demo")
    entries = [replace(entry, binding=entry.clause.id != "ROB-1") for entry in demo.clauses]
    document = judged(MEAN["fail"], standard=replace(demo, clauses=tuple(entries)))
    assert clause(document, "ROB-1")["verdict"] == "fail" and not clause(document, "ROB-1")["binding"]
    assert document["outcome"] == "met"


def test_an_undecided_proportion_names_the_exact_n_that_would_decide():
    from scipy.stats import beta

    # 330 of 360 correct against 0.9: Clopper-Pearson gives 0.8887 ... 0.9394, which holds the threshold.
    bounds = beta.ppf([0.05, 0.95], [330, 331], [31, 30])
    row = clause(judged(made("accuracy", 330 / 360, *bounds)), "GEN-1")
    n = row["needed_n"]
    assert row["verdict"] == "inconclusive" and row["criteria"][0]["needed_n_exact"]
    assert f"If the value stayed the same, n = {n} would decide." in row["reason"]
    assert f"若数值保持不变，需 n = {n} 方可判定。" in row["reason_zh"]
    correct = round(n * 330 / 360)
    assert beta.ppf(0.05, correct, n - correct + 1) >= 0.9  # and at that n it does


def test_needed_n_of_a_clause_is_enough_for_all_its_open_criteria():
    row = clause(judged(MEAN["inconclusive"], WORST["inconclusive"]), "ROB-1")
    # 360 * (0.04/0.01)^2 = 5760 for the mean, 360 * (0.06/0.02)^2 = 3240 for the worst family.
    assert [one["needed_n"] for one in row["criteria"]] == pytest.approx([5760, 3240], abs=1)
    assert row["needed_n"] == pytest.approx(5760, abs=1)
    at_threshold = made("corruption_retention_worst", 0.4, 0.36, 0.48)
    assert clause(judged(MEAN["inconclusive"], at_threshold), "ROB-1")["needed_n"] is None
    assert clause(judged(), "ROB-1")["needed_n"] is None


def test_not_measured_is_an_error_with_its_reason_and_no_number():
    row = clause(judged(NotMeasured(measure="inference_energy", reason="this machine has no energy counter")), "CST-2")
    assert row["verdict"] == "error" and row["value"] is None and row["interval"] is None and row["n"] is None
    assert row["reason"] == "Energy per sample could not be judged: this machine has no energy counter."
    assert row["reason_zh"] == "无法判定单样本能耗：this machine has no energy counter。"


def test_a_measurement_that_nobody_made_is_an_error():
    row = clause(judged(drop=["accuracy"]), "GEN-1")
    assert row["verdict"] == "error" and "the audit made no measurement 'accuracy'" in row["reason"]


@pytest.mark.parametrize(
    "broken",
    [
        made("latency_p99", 10, 9, 20, n=1000, unit="ms"),
        made("latency_p99", math.nan, 0.1, 0.2, n=1000, unit="s"),
        made("latency_p99", 0.01, 0.009, 0.02, n=1000, unit="s", confidence=0.9),
    ],
)
def test_a_number_that_cannot_be_judged_is_an_error(broken):
    assert clause(judged(broken), "LAT-1")["verdict"] == "error"


def test_too_few_samples_decide_nothing_either_way():
    for value in (0.01, 5.0):
        row = clause(judged(made("latency_p99", value, value / 2, math.inf, n=298, unit="s")), "LAT-1")
        assert row["verdict"] == "inconclusive" and row["needed_n"] == 299
        assert row["reason"] == (
            f"99th percentile of latency is {value:g} s, but from n = 298; the clause decides only from 299 on."
        )
        assert row["interval"]["upper"] is None  # JSON has no infinity


def test_undecidable_data_never_pass():
    row = clause(judged(made("corruption_retention_mean", 0.9, 0.9, 0.9, decidable=False)), "ROB-1")
    assert row["verdict"] == "inconclusive" and "cannot carry a pass" in row["reason"]


def test_equality_does_not_show_that_anything_was_learnt():
    assert clause(judged(made("accuracy_over_baseline", 0.02, 0.0, 0.04)), "GEN-1")["verdict"] == "inconclusive"
    assert clause(judged(made("accuracy_over_baseline", 0.0, 0.0, 0.0)), "GEN-1")["verdict"] == "fail"


def test_a_clause_for_other_tasks_is_not_applicable_and_does_not_block():
    document = judged(standard=in_force(task="segmentation", declare={"CST-2": DECLARED["CST-2"]}))
    row = clause(document, "ROB-1")
    assert row["verdict"] == "not_applicable" and row["value"] is None and row["evidence"] == []
    assert row["reason"] == "The clause does not apply to segmentation." and "不适用" in row["reason_zh"]
    assert document["outcome"] == "met"


def test_a_waiver_shows_the_value_and_what_it_hides_and_never_passes():
    document = judged(MEAN["fail"], standard=in_force(waivers=[RecipeWaiver()]))
    row = clause(document, "ROB-1")
    assert (row["verdict"], row["without_waiver"], row["value"]) == ("waived", "fail", 0.6)
    assert row["reason"].startswith(
        "Waived by A. Reviewer until 2027-01-01: the camera sees no weather. Without the waiver: Mean retention over "
    )
    assert document["outcome"] == "met" and document["open"] == []
    assert document["waived"] == [row["waiver"]]
    assert [one["verdict"] for one in row["criteria"]] == ["fail", "pass"]


def test_waiving_everything_meets_nothing():
    names = [entry.clause.id for entry in in_force().clauses]
    document = judged(standard=in_force(waivers=[RecipeWaiver(clause=name) for name in names]))
    applying = sum(entry.applies for entry in in_force().clauses)
    assert document["outcome"] == "not_met" and len(document["waived"]) == applying


def test_evidence_names_each_file_behind_the_clause_once():
    facts = {"path": "facts.json", "sha256": "cd" * 32}
    corrupted = {"path": "samples/corrupted.parquet", "sha256": "ef" * 32}
    document = judged(evidence={"corrupted": corrupted, "training_cost": facts, "clean_test": facts})
    assert clause(document, "ROB-1")["evidence"] == [corrupted, facts]
    assert clause(document, "GEN-5")["evidence"] == []


def test_a_replaced_threshold_says_where_it_came_from():
    row = clause(judged(standard=in_force(declare=DECLARED | {"GEN-4": 0.2})), "GEN-4")
    assert (row["threshold"], row["default_threshold"], row["threshold_origin"]) == (0.2, 0.05, "recipe")
    assert row["threshold_reason"] == {"en": "declared in the recipe", "zh": "由配方声明"}


@pytest.mark.parametrize(
    ("changed", "name", "en", "zh"),
    [
        (
            made("accuracy", 0.95, 0.92, 0.97),
            "GEN-1",
            "Accuracy on the test split is 0.95 (n = 360), and its 95 % lower bound 0.92 is at least 0.9.",
            "测试集准确率为 0.95（n = 360），其 95% 单侧下界 0.92 已达到 0.9。",
        ),
        (
            made("accuracy", 0.85, 0.82, 0.88),
            "GEN-1",
            "Accuracy on the test split is 0.85 (n = 360), and even its 95 % upper bound 0.88 is below 0.9.",
            "测试集准确率为 0.85（n = 360），即便取其 95% 单侧上界 0.88，仍未达到 0.9。",
        ),
        (
            made("accuracy_gap", 0.3, 0.25, 0.35),
            "GEN-2",
            "Training accuracy minus test accuracy is 0.3 (n = 360), and even its 95 % lower bound 0.25 is above 0.1.",
            "训练准确率与测试准确率之差为 0.3（n = 360），即便取其 95% 单侧下界 0.25，仍未控制在 0.1 以内。",
        ),
        (
            made("leakage_rate", 0.01),
            "GEN-5",
            "Share of test samples with a copy in training is 0.01 (n = 360), with no sampling error; it must be at "
            "most 0.001, and it is not.",
            "与训练数据重复的测试样本占比为 0.01（n = 360），无抽样误差；要求控制在 0.001 以内，不符合。",
        ),
        (
            made("accuracy_gap", 0.08, 0.04, 0.12),
            "GEN-2",
            "Training accuracy minus test accuracy is 0.08 (n = 360); its 95 % bounds 0.04 and 0.12 do not decide "
            "whether it is at most 0.1. If the value stayed the same, about n = 1440 would decide.",
            "训练准确率与测试准确率之差为 0.08（n = 360），95% 单侧界限为 0.04 与 0.12，"
            "尚不能判定其是否控制在 0.1 以内。若数值保持不变，约需 n = 1440 方可判定。",
        ),
    ],
)
def test_reasons_are_sentences_in_both_languages(changed, name, en, zh):
    row = clause(judged(changed), name)
    assert (row["reason"], row["reason_zh"]) == (en, zh)


def test_a_number_just_off_the_threshold_is_not_rounded_onto_it():
    row = clause(judged(made("leakage_rate", 0.00100004)), "GEN-5")
    assert "is 0.00100004 (n" in row["reason"] and row["verdict"] == "fail"


def test_a_waiver_that_expired_is_judged_again_as_of_the_day_of_the_audit():
    standard = in_force(waivers=[RecipeWaiver()], today=date(2026, 12, 31))
    assert judged(standard=standard)["judged_on"] == "2026-12-31"


def test_a_level_one_clause_asks_only_for_a_valid_number():
    standard = in_force()
    entries = tuple(
        replace(entry, clause=entry.clause.model_copy(update={"level": "L1"})) if entry.clause.id == "ROB-1" else entry
        for entry in standard.clauses
    )
    standard = replace(standard, clauses=entries)
    row = clause(judged(MEAN["fail"], standard=standard), "ROB-1")
    assert (
        row["verdict"] == "pass" and row["level"] == "L1" and row["reason"].endswith("asks only that it be measured.")
    )
    assert clause(judged(MEAN["error"], standard=standard), "ROB-1")["verdict"] == "error"
    few = made("corruption_retention_mean", 0.9, 0.8, 0.95, n=29)
    assert clause(judged(few, standard=standard), "ROB-1")["verdict"] == "inconclusive"


def test_judging_again_gives_the_same_bytes():
    assert json.dumps(judged()) == json.dumps(judged())
