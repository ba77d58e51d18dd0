"""Norm maps: the places are those that the clauses' own references name, and a user's standard has them too."""

from __future__ import annotations

import re

import pytest

from basestone.core.errors import RecipeError, UsageError
from basestone.standard import load_clauses
from basestone.standard.clause import NORMS
from basestone.standard.norms import clause_rows, clauses_of, norm_map

NAMED = {  # how a reference names each norm
    "gbt-45288": r"GB/T 45288",
    "gbt-45654": r"GB/T 45654",
    "iso-24029": r"24029",
    "iso-25059": r"25059",
    "nist-rmf": r"NIST AI 100-1",
    "eu-ai-act": r"AI Act",
}
PROFILE = """\
id: ours
standard: house
sources: [foundation-1, clauses/]
title: {en: Ours, zh: 本单位}
text: {en: Ours., zh: 本单位。}
tasks: ["*"]
clauses: {ROB-1: {}, HSE-1: {binding: false}}
"""
CLAUSE = """\
id: HSE-1
title: {en: House rule, zh: 内部规则}
text: {en: It holds., zh: 必须成立。}
tasks: ["*"]
level: L2
criteria:
  - name: it
    label: {en: Accuracy, zh: 准确率}
    measure: accuracy
    direction: at_least
    threshold: 0.5
    unit: fraction
    sampling: proportion
    basis: {kind: convention, source: the house}
records: [clean_test]
references: [the house]
maps:
  eu-ai-act: [Article 15(1)]
"""


@pytest.mark.parametrize("clause", load_clauses(), ids=lambda clause: clause.id)
def test_a_place_is_claimed_where_a_reference_names_the_norm_and_nowhere_else(clause):
    text = "\n".join(clause.references)
    assert {norm for norm, named in NAMED.items() if re.search(named, text)} == set(clause.maps)
    for place in (*clause.maps.get("nist-rmf", ()), *clause.maps.get("eu-ai-act", ())):
        assert place in text or place.removeprefix("Annex ") in text, place


def test_every_norm_has_clauses_and_speaks_both_languages():
    for norm, words in NORMS.items():
        found = norm_map(norm, load_clauses())
        assert found["title"] == {"en": words.en, "zh": words.zh}
        placed = [bool(row["place"]) for row in found["rows"]]
        assert placed == sorted(placed, reverse=True) and any(placed)
        assert len(found["rows"]) == len(load_clauses())


def test_a_row_says_what_is_asked():
    rows = {row["clause"]: row for row in clause_rows(load_clauses())}
    assert rows["GEN-1"]["limit"][:2] == ["≥ …", "> 0"] and rows["HUM-1"]["limit"] == ["≤ 0.5"]
    assert rows["LAT-1"]["limit"] == ["≤ 0.1 s", "≤ 1", "≤ 1"]


def test_an_unknown_norm_is_told_with_the_nearest():
    with pytest.raises(
        UsageError, match=r"^There is no norm 'eu-ai'\. Did you mean 'eu-ai-act'\? There are: gbt-45288,"
    ):
        norm_map("eu-ai", load_clauses())


def test_a_users_standard_has_clauses_of_its_own_beside_the_shipped(tmp_path):
    (tmp_path / "clauses").mkdir()
    (tmp_path / "clauses" / "house.yaml").write_text(CLAUSE)
    (tmp_path / "ours.yaml").write_text(PROFILE)
    clauses = clauses_of(str(tmp_path / "ours.yaml"))
    assert [clause.id for clause in clauses] == ["HSE-1", "ROB-1"]
    places = {row["clause"]: row["place"] for row in norm_map("eu-ai-act", clauses)["rows"]}
    assert places == {"HSE-1": ["Article 15(1)"], "ROB-1": ["Article 15(4)"]}


def test_a_norm_that_there_is_not_is_a_fault_of_the_clause(tmp_path):
    (tmp_path / "clauses").mkdir()
    (tmp_path / "clauses" / "house.yaml").write_text(CLAUSE.replace("eu-ai-act", "eu-act"))
    (tmp_path / "ours.yaml").write_text(PROFILE)
    with pytest.raises(RecipeError, match=r"house\.yaml:18: maps\.eu-act.*Did you mean 'eu-ai-act'"):
        clauses_of(str(tmp_path / "ours.yaml"))
