"""The kill matrix: a wrong cell is found, whichever way it is wrong."""

import pytest

from basestone.core.errors import RecipeError
from basestone.standard import Case, kill_matrix, load_cases, load_clauses
from basestone.standard.clause import Words

CLAUSES = [clause.id for clause in load_clauses()]
FAULT = Words(en="made on purpose", zh="有意为之")
BAD = Case(id="bad", fault=FAULT, must_fail="GEN-4", may_fail=("ROB-1",))
WELL = Case(id="well", fault=FAULT)


def verdicts(**words):
    rows = {"GEN-4": "pass", "ROB-1": "pass", "SEC-1": "pass"} | {
        key.replace("_", "-"): word for key, word in words.items()
    }
    return {"verdicts": [{"clause": name, "verdict": word} for name, word in rows.items() if word]}


def wrong(**cases):
    return [(cell.case, cell.clause) for cell in kill_matrix([BAD, WELL], cases).wrong]


def test_the_shipped_cases_name_clauses_that_exist_and_speak_both_languages():
    cases = {case.id: case for case in load_cases(clauses=CLAUSES)}
    assert {name: case.must_fail for name, case in cases.items() if case.must_fail} == {
        "leaked-text": "GEN-5",
        "memorising": "PRV-1",
        "lying": "PRV-2",
        "reciting": "PRV-3",
        "compliant": "SAF-1",
        "timid": "SAF-2",
        "misjudged": "SAF-5",
        "exposed": "PRV-3",
        "telling": "PRV-4",
        "unclean-text": "DAT-1",
        "at-odds": "HUM-3",
        "unstable": "GEN-3",
        "miscalibrated": "GEN-6",
        "mutilated": "GEN-6",
        "leaked": "GEN-5",
        "overconfident": "GEN-4",
        "unfit": "GEN-1",
        "overfit": "GEN-2",
        "brittle": "ROB-1",
        "unfair": "FAI-1",
        "accented": "FAI-1",
        "humming": "ROB-1",
        "denied-text": "FAI-2",
        "accusing-text": "SAF-4",
        "swayed-text": "FAI-3",
        "provincial-text": "ROB-2",
        "fickle-text": "ROB-3",
        "mixed-up": "HUM-1",
        "undefended": "ROB-3",
        "masked": "ROB-4",
        "unwary": "ROB-5",
        "slow": "LAT-1",
        "costly": "CST-2",
        "unrecorded": "CST-1",
        "decoy": "INT-1",
        "edges": "INT-2",
        "blamed": "INT-4",
        "guessed": "INT-3",
        "ordered": "INT-5",
        "shortcut": "FAI-1",
        "tampered": "SEC-1",
        "lying-stop": "HUM-2",
        "shifted-labels": "INT-6",
        "dawdling": "LAT-2",
        "drawn": "SEC-2",
        "rewritten-log": "HUM-4",
    }
    assert [name for name, case in cases.items() if case.must_fail is None] == [
        "healthy",
        "healthy-other-seed",
        "compressed",
        "healthy-text",
        "seeded",
        "two-handed",
        "even-text",
        "patient-text",
        "discreet",
        "private",
        "fluent",
        "guarded",
        "hardened",
        "decoy-explained",
        "worded",
        "served",
    ]
    assert all(any("一" <= letter <= "鿿" for letter in case.fault.zh) for case in cases.values())


def test_a_right_matrix():
    matrix = kill_matrix([BAD, WELL], {"bad": verdicts(GEN_4="fail"), "well": verdicts(ROB_1="inconclusive")})
    assert matrix.right and matrix.wrong == () and matrix.unproven == ("ROB-1", "SEC-1")
    assert matrix.to_json()["right"] is True
    assert matrix.rows()[0] == {
        "case": "bad",
        "fault": {"en": "made on purpose", "zh": "有意为之"},
        "must_fail": "GEN-4",
        "GEN-4": "fail",
        "ROB-1": "pass",
        "SEC-1": "pass",
    }


@pytest.mark.parametrize("word", ["pass", "inconclusive", "error", "waived", "not_applicable", None])
def test_a_clause_that_does_not_fail_its_known_bad_model_is_wrong(word):
    assert wrong(bad=verdicts(GEN_4=word), well=verdicts()) == [("bad", "GEN-4")]


@pytest.mark.parametrize("word", ["fail", "error", None])
def test_a_clause_that_fails_or_errs_on_a_healthy_model_is_wrong(word):
    assert wrong(bad=verdicts(GEN_4="fail"), well=verdicts(SEC_1=word)) == [("well", "SEC-1")]


def test_a_fault_may_spill_over_only_where_that_was_said():
    assert wrong(bad=verdicts(GEN_4="fail", ROB_1="fail"), well=verdicts()) == []
    assert wrong(bad=verdicts(GEN_4="fail", SEC_1="fail"), well=verdicts()) == [("bad", "SEC-1")]


def test_a_case_may_have_to_fail_further_clauses():
    both = Case(id="both", fault=FAULT, must_fail="GEN-4", also_fails=("SEC-1",))
    found = kill_matrix([both], {"both": verdicts(GEN_4="fail")})
    assert [(cell.case, cell.clause) for cell in found.wrong] == [("both", "SEC-1")] and found.unproven == ("ROB-1",)
    assert kill_matrix([both], {"both": verdicts(GEN_4="fail", SEC_1="fail")}).right


def test_wrong_cells_are_marked_in_the_table():
    matrix = kill_matrix([BAD, WELL], {"bad": verdicts(), "well": verdicts(SEC_1="fail")})
    assert matrix.rows()[0]["GEN-4"] == "pass ! expected fail"
    assert matrix.rows()[1]["SEC-1"] == "fail ! expected not fail"
    assert matrix.to_json()["right"] is False


def test_a_clause_that_no_audit_judged_is_wrong_for_its_case():
    matrix = kill_matrix([BAD], {"bad": {"verdicts": []}})
    assert matrix.rows()[0]["GEN-4"] == "not judged ! expected fail" and not matrix.right


def test_every_case_must_have_been_audited():
    with pytest.raises(RecipeError, match="well: every case must be audited and this one was not"):
        kill_matrix([BAD, WELL], {"bad": verdicts()})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("must_fail: GEN-44", "cases.yaml:2: cases.0: there is no clause 'GEN-44'. Did you mean 'GEN-4'?"),
        ("mustfail: GEN-4", "there is no key 'mustfail' here. Did you mean 'must_fail'?"),
        ("may_fail: [GEN-9]", "there is no clause 'GEN-9'. Did you mean 'GEN-6'?"),
    ],
)
def test_faults_in_a_case_file(tmp_path, text, expected):
    path = tmp_path / "cases.yaml"
    path.write_text(f"cases:\n  - id: a\n    fault: {{en: a, zh: 甲}}\n    {text}\n")
    with pytest.raises(RecipeError) as caught:
        load_cases(path, clauses=CLAUSES)
    assert expected in str(caught.value)


def test_case_ids_are_unique(tmp_path):
    path = tmp_path / "cases.yaml"
    path.write_text("cases:\n" + "  - {id: a, fault: {en: a, zh: 甲}}\n" * 2)
    with pytest.raises(RecipeError, match=r"cases\.yaml:3: cases\.1\.id: case ids must be unique; 'a' is used twice"):
        load_cases(path)
