"""Profiles, declared thresholds and waivers: what is in force, and every fault in them at once."""

import json
import re
from datetime import date

import pytest
from standard_makers import CST_2, DECLARED, TODAY, RecipeWaiver, in_force

from basestone.core.errors import RecipeError
from basestone.standard import load_profile, profile_names
from basestone.standard.recorded import read_standard

TASK = "image_classification"


def said(declare=None, waivers=(), profile="foundation-1", task=TASK, today=TODAY, **kw):
    """Every fault in words; empty when the standard can be put in force."""
    try:
        in_force(profile, declare, waivers, task, today, **kw)
    except RecipeError as error:
        return [str(fault) for fault in error.faults]
    return []


def demands(standard):
    return {
        (entry.clause.id, demand.criterion.name): (demand.threshold, demand.origin)
        for entry in standard.clauses
        for demand in entry.demands
    }


@pytest.mark.parametrize("name", profile_names())
def test_every_shipped_profile_loads_and_speaks_both_languages(name):
    profile, clauses = load_profile(name)
    assert profile.id == name and set(profile.clauses) <= set(clauses)
    assert re.search("[一-鿿]", profile.title.zh) and re.search("[一-鿿]", profile.text.zh)
    for ask in profile.clauses.values():
        assert all(replaced.reason.en and replaced.reason.zh for replaced in ask.thresholds.values())


def test_foundation_1_binds_every_clause_at_its_own_threshold():
    standard = in_force()
    assert len(standard.clauses) == 18 and all(entry.binding for entry in standard.clauses)
    assert demands(standard)["ROB-1", "worst"] == (0.40, "standard")
    assert demands(standard)["LAT-1", "p99"] == (0.1, "standard")


def test_the_demo_needs_no_more_than_the_digits_recipe_declares():
    standard = in_force("demo", {"GEN-1": 0.9})
    assert demands(standard)["GEN-1", "accuracy"] == (0.9, "recipe")
    assert demands(standard)["CST-2", "energy"][1] == "profile"
    assert all(entry.binding for entry in standard.clauses)


def test_a_number_means_the_only_criterion_or_the_only_declared_one():
    found = demands(in_force(declare={"GEN-1": 0.8, "GEN-2": 0.05, "CST-2": CST_2, "ROB-1": {"worst": 0.5}}))
    assert found["GEN-1", "accuracy"] == (0.8, "recipe")
    assert found["GEN-1", "over_baseline"] == (0, "standard")
    assert found["GEN-2", "gap"] == (0.05, "recipe")
    assert found["ROB-1", "worst"] == (0.5, "recipe") and found["ROB-1", "mean"] == (0.7, "standard")


def test_the_recipe_overrules_the_profile():
    found = demands(in_force("demo", {"GEN-1": 0.9, "CST-2": {"energy": 7}}))
    assert found["CST-2", "energy"] == (7, "recipe") and found["CST-2", "flops"][1] == "profile"


def test_undeclared_thresholds_name_the_path_and_what_to_write():
    assert said(declare={}) == [
        "stages.audit.declare.GEN-1: the recipe must declare the threshold of accuracy (fraction), as no number suits "
        "every task; write GEN-1: NUMBER.",
        "stages.audit.declare.CST-2: the recipe must declare the threshold of flops (FLOP) and memory (B) and energy "
        "(J), as no number suits every task; write CST-2: {flops: NUMBER, memory: NUMBER, energy: NUMBER}.",
    ]
    assert said(declare={"GEN-1": 0.9, "CST-2": {"flops": 1, "energy": 1}}, stage="check-it") == [
        "stages.check-it.declare.CST-2: the recipe must declare the threshold of memory (B), as no number suits every "
        "task; write CST-2: {memory: NUMBER}."
    ]


@pytest.mark.parametrize(
    ("declare", "expected"),
    [
        ({"GEN-11": 0.9}, "declare.GEN-11: there is no clause 'GEN-11'. Did you mean 'GEN-1'?"),
        (
            {"GEN-1": {"acuracy": 0.9}},
            "GEN-1.acuracy: there is no criterion of GEN-1 'acuracy'. Did you mean 'accuracy'?",
        ),
        ({"GEN-1": 90}, "declare.GEN-1: must be a fraction from 0 to 1, never percent; got 90."),
        ({"ROB-1": 0.5}, "ROB-1 has several criteria, so say which one is meant: ROB-1: {mean: …, worst: …}."),
        (
            {"CST-1": {"complete": 0.5}},
            "declare.CST-1.complete: CST-1 (complete) is normative and must stay at least 1; got 0.5. It may only be "
            "tightened; to set the clause aside, waive it with an owner, a reason and an expiry.",
        ),
    ],
)
def test_faults_in_declare(declare, expected):
    assert any(expected in fault for fault in said(declare=DECLARED | declare)), said(declare=DECLARED | declare)


def test_conventions_may_be_loosened_and_say_where_that_came_from():
    found = demands(in_force(declare=DECLARED | {"GEN-4": 0.2}))
    assert found["GEN-4", "error"] == (0.2, "recipe")


@pytest.mark.parametrize(
    ("waiver", "expected"),
    [
        (
            RecipeWaiver(clause="ROB-7"),
            "stages.audit.waive.0.clause: there is no clause 'ROB-7'. Did you mean 'ROB-1'?",
        ),
        (
            RecipeWaiver(expires="2026-11-23"),
            "stages.audit.waive.0.expires: the waiver of ROB-1 expired on 2026-11-23, before 2026-11-24; "
            "renew it or remove it.",
        ),
        (
            RecipeWaiver(expires="2026-02-30"),
            "waive.0.expires: must be a day of the calendar, YYYY-MM-DD; got '2026-02-30'.",
        ),
        (RecipeWaiver(owner="  "), "waive.0.owner: a waiver must name the person who answers for it; write a name."),
        (RecipeWaiver(reason=" "), "waive.0.reason: a waiver must say why the clause is set aside; write a reason."),
    ],
)
def test_faults_in_waivers(waiver, expected):
    found = said(waivers=[waiver])
    assert len(found) == 1 and expected in found[0]


def test_a_waiver_holds_through_its_last_day_and_may_not_be_given_twice():
    last_day = date(2027, 1, 1)
    assert said(waivers=[RecipeWaiver()], today=last_day) == []
    assert said(waivers=[RecipeWaiver(), RecipeWaiver()])[0].endswith("ROB-1 is waived twice; keep one waiver.")


def test_a_waived_or_inapplicable_clause_asks_for_no_threshold():
    assert said(declare={"GEN-1": 0.9}, waivers=[RecipeWaiver(clause="CST-2")]) == []
    assert said(declare={"CST-2": CST_2}, task="segmentation") == []
    assert "map50" in said(declare={"CST-2": CST_2}, task="detection")[0]
    assert "bits_per_byte" in said(declare={"CST-2": CST_2}, task="language_modelling")[0]


def test_all_faults_come_at_once_and_resolve_raises_the_same():
    waivers = [RecipeWaiver(clause="XYZ-9", expires="2020-01-01")]
    declare = {"GEN-1": 2, "GEN-9": 1}
    found = said(declare=declare, waivers=waivers)
    assert len(found) == 5
    with pytest.raises(RecipeError) as caught:
        in_force(declare=declare, waivers=waivers)
    assert [str(fault) for fault in caught.value.faults] == found
    assert caught.value.exit_code == 2


def test_an_unknown_profile_and_a_profile_for_another_task():
    assert said(profile="foundation1") == [
        "stages.audit.profile: there is no profile 'foundation1'. Did you mean 'foundation-1'? "
        "A file of your own ends in .yaml and must exist."
    ]
    assert "stages.audit.profile: profile 'demo' is for image_classification, not speech; choose another." in said(
        declare={"GEN-1": 0.9}, profile="demo", task="speech"
    )


HOUSE = """\
id: house
standard: house-rules
sources: [foundation-1, rules]
title: {en: House, zh: 内部}
text: {en: Ours., zh: 本单位。}
tasks: ["*"]
clauses:
  HSE-1: {}
  GEN-2:
    thresholds:
      gap: {value: 0.05, reason: {en: We can., zh: 能做到。}}
"""
RULE = """\
id: HSE-1
title: {en: House rule, zh: 内部规则}
text: {en: It holds., zh: 必须成立。}
tasks: ["*"]
level: L2
criteria:
  - {name: it, label: {en: It, zh: 该项}, measure: accuracy, direction: at_least, threshold: 0.5, unit: fraction,
     sampling: proportion, basis: {kind: normative, source: the house}}
records: [clean_test]
references: [the house]
"""


def house(tmp_path, text=HOUSE):
    (tmp_path / "rules").mkdir(exist_ok=True)
    (tmp_path / "rules" / "HSE-1.yaml").write_text(RULE)
    path = tmp_path / "house.yaml"
    path.write_text(text)
    return path


def test_a_users_profile_brings_its_own_clauses(tmp_path):
    standard = in_force(str(house(tmp_path)), {})
    assert (standard.standard, standard.profile) == ("house-rules", "house")
    assert demands(standard) == {("HSE-1", "it"): (0.5, "standard"), ("GEN-2", "gap"): (0.05, "profile")}
    assert standard.measures == ("accuracy", "accuracy_gap") and standard.records == ("clean_test", "clean_train")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("HSE-1: {}", "HSE-11: {}", "house.yaml:8: clauses.HSE-11: there is no clause 'HSE-11'. Did you mean 'HSE-1'?"),
        (
            "      gap:",
            "      gaps:",
            "house.yaml:11: clauses.GEN-2.thresholds.gaps: there is no criterion of GEN-2 'gaps'.",
        ),
        (
            "HSE-1: {}",
            "HSE-1: {bindng: true}",
            "house.yaml:8: clauses.HSE-1.bindng: there is no key 'bindng' here. Did you mean 'binding'?",
        ),
        (
            ", reason: {en: We can., zh: 能做到。}",
            "",
            "house.yaml:11: clauses.GEN-2.thresholds.gap.reason: 'reason' must be given and is missing",
        ),
        (
            "HSE-1: {}",
            "HSE-1: {thresholds: {it: {value: 0.4, reason: {en: a, zh: 甲}}}}",
            "HSE-1 (it) is normative and must stay at least 0.5; got 0.4.",
        ),
    ],
)
def test_faults_in_a_profile_name_the_line(tmp_path, old, new, expected):
    assert old in HOUSE
    found = said(declare={}, profile=house(tmp_path, HOUSE.replace(old, new)))
    assert any(expected in fault for fault in found), found


def test_a_clause_may_not_ask_for_a_measure_that_does_not_exist(tmp_path):
    found = said(declare={}, profile=house(tmp_path), known_measures={"accuracy", "accuracy_gaps"})
    assert found == [
        "GEN-2.criteria.measure: there is no measure 'accuracy_gap'. Did you mean 'accuracy_gaps'?",
        "GEN-2.criteria.measure: there is no measure 'bits_gap'. Known: accuracy, accuracy_gaps.",
        "GEN-2.criteria.measure: there is no measure 'map_gap'. Known: accuracy, accuracy_gaps.",
        "GEN-2.criteria.measure: there is no measure 'r_squared_gap'. Known: accuracy, accuracy_gaps.",
    ]


def test_the_digest_changes_with_every_demand():
    same, other = in_force(), in_force(declare=DECLARED | {"GEN-1": 0.91})
    assert same.digest == in_force().digest
    assert len({same.digest, other.digest, in_force(waivers=[RecipeWaiver()]).digest}) == 3


def test_the_digest_does_not_depend_on_the_day():
    assert in_force().digest == in_force(today=date(2027, 5, 5)).digest


def test_what_was_in_force_can_be_read_again():
    # verify judges an old run by what was written then, not by today's files and today's date.
    standard = in_force("demo", {"GEN-1": 0.9, "GEN-2": 0.2}, [RecipeWaiver()])
    again = read_standard(json.loads(json.dumps(standard.to_json())))
    assert again == standard and again.digest == standard.digest
    assert next(entry for entry in again.clauses if entry.waiver).waiver.expires == date(2027, 1, 1)


def test_a_normative_threshold_may_be_tightened(tmp_path):
    assert demands(in_force(str(house(tmp_path)), {"HSE-1": 0.6}))["HSE-1", "it"] == (0.6, "recipe")
    assert "normative and must stay at least 0.5; got 0.4" in said({"HSE-1": 0.4}, profile=house(tmp_path))[0]


def test_the_description_explains_every_clause_to_a_report():
    described = in_force(waivers=[RecipeWaiver()]).to_json()
    rob = next(clause for clause in described["clauses"] if clause["id"] == "ROB-1")
    assert rob["title"]["zh"] == "抵御常见扰动" and rob["references"] and rob["criteria"][0]["label"]["en"]
    assert rob["waiver"]["owner"] == "A. Reviewer"
    assert rob["in_force"]["worst"] == {"threshold": 0.40, "origin": "standard", "reason": None}
