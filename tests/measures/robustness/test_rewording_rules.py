"""How a word may be written: by hand, and what holds of every way."""

import re
import unicodedata

import pytest

from basestone.measures.robustness.rewording.forms import forms, spellings
from basestone.measures.robustness.rewording.rules import RULES, candidates

USED = "rain rains rained raining stop stopped stopping city cities make making makes run running"
KNOWN = frozenset(USED.split())
WORDS = ["Rain", "stopping", "cities", "don't", "colour", "国", "NATO", "4th", "2024", "a", "naïve", "of"]


def by_rule(word):
    found = {}
    for rule, other in candidates(word, KNOWN):
        found.setdefault(rule, []).append(other)
    return found


def test_every_way_to_write_a_short_word():
    assert by_rule("rain") == {
        "form": ["rained", "raining", "rains"],
        "slip": ["rian", "rin", "raain", "rsin", "ran", "raiin", "raon"],
        "look-alike": ["r\u0430in", "ra\u0456n"],
        "gap": ["ra in"],
        "case": ["RAIN", "Rain"],
    }


@pytest.mark.parametrize(
    ("word", "others"),
    [
        ("rained", {"rain", "rains", "raining"}),
        ("stopping", {"stop", "stopped"}),
        ("city", {"cities"}),
        ("cities", {"city"}),
        ("making", {"make", "makes"}),
        ("runs", {"run", "running"}),
        ("is", set()),
    ],
)
def test_forms_are_words_that_the_data_use(word, others):
    assert set(forms(word, KNOWN)) == others


@pytest.mark.parametrize(
    ("word", "other"), [("colour", "color"), ("color", "colour"), ("don't", "do not"), ("can't", "cannot")]
)
def test_spellings(word, other):
    assert list(spellings(word)) == [other]


def test_case_is_kept_where_it_says_something():
    assert "Colour" in by_rule("Color")["spelling"] and "COLOUR" in by_rule("COLOR")["spelling"]
    assert by_rule("Don’t")["spelling"] == ["Do not"]
    assert by_rule("国") == {"character": ["國"]} and by_rule("國") == {"character": ["国"]}


@pytest.mark.parametrize("word", WORDS)
def test_every_way_is_another_and_comes_once(word):
    others = [other for _, other in candidates(word, KNOWN)]
    assert word not in others and len(set(others)) == len(others)


@pytest.mark.parametrize("word", WORDS)
def test_a_slip_leaves_both_ends_and_moves_one_letter(word):
    for other in by_rule(word).get("slip", []):
        assert (other[0], other[-1]) == (word[0], word[-1]) and abs(len(other) - len(word)) <= 1
        assert sum(a != b for a, b in zip(other, word, strict=False)) > 0


def test_numbers_are_left_alone():
    assert candidates("2024", KNOWN) == [] and set(by_rule("4th")) == {"look-alike", "case"}


def test_a_look_alike_is_one_letter_of_another_script():
    for word in ("space", "ECHO"):
        for other in by_rule(word)["look-alike"]:
            strange = [letter for letter in other if "CYRILLIC" in unicodedata.name(letter)]
            assert len(strange) == 1 and len(other) == len(word)


def test_a_gap_is_read_over():
    assert by_rule("stopping")["gap"][0] == "st opping"
    assert all(other.replace(" ", "") == "stopping" for other in by_rule("stopping")["gap"])
    assert all(re.fullmatch(r"\w{2,} \w{2,}", other) for other in by_rule("stopping")["gap"])


def test_every_rule_has_a_word_of_its_own():
    told = {rule for word in WORDS for rule in by_rule(word)}
    assert told == set(RULES)
