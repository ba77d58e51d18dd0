"""The detector: check digits against published numbers, finds and look-alikes by hand, and a trial that can fail."""

from __future__ import annotations

import re

import pytest

from basestone.measures.privacy.personal import rules, trial
from basestone.measures.privacy.personal.checksums import luhn, mod_97, resident_check, resident_id
from basestone.measures.privacy.personal.rules import KINDS, find_personal, masked, without_personal


def kinds(text):
    return [item.kind for item in find_personal(text)]


def test_check_digits_are_those_of_published_examples():
    assert luhn("79927398713") and not luhn("79927398710")  # ISO/IEC 7812-1's textbook example
    assert luhn("4111111111111111") and luhn("6200000000000005")  # card schemes' test numbers
    assert resident_check("11010519491231002") == "X" and resident_id("11010519491231002X")  # GB 11643-1999, example
    assert not resident_id("110105194902310026")  # the 31st of February
    assert mod_97("GB82WEST12345698765432") == 1 and mod_97("DE89370400440532013000") == 1  # the IBAN registry's
    assert mod_97("GB82WEST12345698765433") != 1


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Write to anna.k+news@mail.example.org, please.", "email"),
        ("请联系zhang_min@qq.example。", "email"),
        ("请联系ｚｈａｎｇ＠ｑｑ．ｅｘａｍｐｌｅ。", "email"),
        ("reach o.keller [at] example [dot] com", "email"),
        ("身份证号11010519491231002X已登记", "resident_id"),
        ("id 110105 19491231 002x", "resident_id"),
        ("pay to GB82 WEST 1234 5698 7654 32 today", "iban"),
        ("card 4111-1111-1111-1111 (exp. 09/29)", "card"),
        ("call 13812345678", "phone"),
        ("手机：138 1234 5678，晚上打", "phone"),
        ("tel. 010-62345678", "phone"),
        ("tel. (0755) 8234 5678", "phone"),
        ("+44 20 7946 0018", "phone"),
        ("(415) 555-2671 or later", "phone"),
        ("his number is 078-05-1120.", "ssn"),
        ("seen from 93.184.216.34 at noon", "ip_address"),
        ("seen from 2606:2800:220:1:248:1893:25c8:1946", "ip_address"),
        ("车牌京A·12345", "plate"),
        ("粤BD12345停在门口", "plate"),
    ],
)
def test_what_is_personal_is_found_once(text, kind):
    assert kinds(text) == [kind]


@pytest.mark.parametrize(
    "text",
    [
        "user@localhost and @someone",
        "版本1.2.3.4，共3.141592653个",
        "order 4111111111111112",  # a wrong check digit
        "110105194912310021",  # likewise
        "at 127.0.0.1, 10.0.0.7 or 192.168.1.20",
        "ISBN 978-7-302-51164-3",
        "from 2026-11-26T12:30:45 on, at 12:30:45",
        "in 1998-2004 he sold 13,812,345,678 of them",
        "pages 138-142, 3.1381234567 radians",
        "GB82 WEST 1234 5698 7654 33",
        "A1B2C3, 京都2024年",
        "serial 913812345678901",
    ],
)
def test_what_only_resembles_it_is_left_alone(text):
    assert kinds(text) == []


def test_finds_do_not_overlap_and_keep_their_places():
    text = "a@example.com, 13812345678 and 93.184.216.34"
    found = [text[item.start : item.end] for item in find_personal(text)]
    assert found == ["a@example.com", "13812345678", "93.184.216.34"]
    assert without_personal(text) == "⟨email⟩, ⟨phone⟩ and ⟨ip_address⟩"


def test_an_excerpt_shows_no_item_no_digit_and_no_name():
    text = "before 7 Anna Keller wrote to anna@example.com or 王小明 13812345678, then left"
    shown = masked(text, find_personal(text))
    assert shown == "X wrote to ⟨email⟩ or □□□ ⟨phone⟩"
    assert masked("nothing here", []) == ""


def test_an_item_at_the_border_of_an_excerpt_is_veiled_whole():
    text = "a@example.com and then " + "b@example.com"
    shown = masked(text, find_personal(text), around=12)
    assert "example" not in shown and not re.search("[@0-9]", shown)


def test_the_trial_plants_every_kind_and_tells_hits_from_misses(monkeypatch):
    found = trial.trial(seed=3, planted=40, clean=200)
    assert {*found["kind"]} == {*KINDS, trial.NOTHING}
    by_kind = {kind: found["found"][found["kind"] == kind].mean() for kind in KINDS}
    assert min(by_kind.values()) > 0.7 and found["found"][found["kind"] == trial.NOTHING].sum() == 0
    monkeypatch.setattr(rules, "RULES", tuple(rule for rule in rules.RULES if rule.kind != "email"))
    blind = trial.trial(seed=3, planted=40, clean=200)
    assert blind["found"][blind["kind"] == "email"].sum() == 0
    assert (blind["found"][blind["kind"] == "plate"] == found["found"][found["kind"] == "plate"]).all()


def test_the_trial_sees_false_alarms(monkeypatch):
    """A detector that takes every number for a telephone number: each text that only resembles something is flagged."""
    everything = rules.Rule(kind="phone", pattern=re.compile(r"\d+"))
    monkeypatch.setattr(rules, "RULES", (everything,))
    found = trial.trial(seed=0, planted=5, clean=200)
    assert (found["false"][found["kind"] == trial.NOTHING] > 0).mean() > 0.95


def test_the_trial_is_drawn_from_the_seed():
    one, same, other = (list(trial.sentences(seed, 3, 3)) for seed in (1, 1, 2))
    assert one == same != other and all(item in text for _, text, item in one)
