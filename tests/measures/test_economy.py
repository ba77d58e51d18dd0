"""What an audit spared, against sums by hand."""

from __future__ import annotations

import numpy as np

from basestone.measures.economy import economy
from basestone.reporting.show import spared

PLAN = {
    "records": [
        {"record": "clean_test", "n": 100, "forwards": 100},
        {"record": "corrupted", "n": 10, "forwards": 750},  # as few as are likely to decide
        {"record": "attacked", "n": 20, "forwards": 60_000},
        {"record": "latency", "n": 1, "forwards": 0},
    ],
    "rows": [
        {"clause": "GEN-1", "records": ["clean_test"]},
        {"clause": "GEN-1", "records": ["clean_test", "training_labels"]},  # a clause collects for its criteria at once
        {"clause": "GEN-4", "records": ["clean_test"]},
        {"clause": "ROB-1", "records": ["clean_test", "corrupted"]},
        {"clause": "ROB-3", "records": ["attacked", "attack_checks"]},
        {"clause": "ROB-4", "records": ["attacked", "attack_checks"]},
    ],
}


def attacked(count=20):
    return {"index": np.arange(count), "forwards": np.full(count, 40), "backwards": np.full(count, 30)}


def test_every_way_of_sparing_is_counted_by_itself(make_records):
    """Of 40 images asked 30 were looked at; an attack of 40 + 2 · 30 passes stands for one of 10,700."""
    records = make_records(
        facts={"plan": PLAN, "attack_checks": {"norm": "linf"}, "sequential": {"corrupted": {"planned": 40}}},
        attacked=attacked(),
        corrupted={"index": np.repeat(np.arange(30), 75)},
    )
    found = economy(records)
    assert found == {
        "alone": 3 * 100 + 40 * 75 + 2 * 20 * 10_700,
        "shared": 100 + 40 * 75 + 20 * 10_700,
        "cascaded": 100 + 40 * 75 + 20 * 100,
        "done": 100 + 30 * 75 + 20 * 100,
    }
    assert spared(dict.fromkeys(found, 7)) == "passes   7 of 7 (100.0%)"
    assert spared(found) == "passes   4,350 of 431,300 (1.0%): clauses share 50%, cascade 2%, stopping 85%"


def test_words_have_no_published_attack_to_be_compared_with_and_an_attack_that_ended_early_counts_as_such(make_records):
    facts = {"plan": PLAN, "attack_checks": {"norm": "words"}}
    found = economy(make_records(facts=facts, attacked=attacked()))
    assert found["shared"] == found["cascaded"] == found["done"] == 100 + 750 + 60_000
    facts = {"plan": PLAN, "attack_checks": {"norm": "l2"}, "sequential": {"attacked": {"planned": 50}}}
    found = economy(make_records(facts=facts, attacked=attacked(20)))
    assert found["cascaded"] - found["done"] == 30 * 100 and found["shared"] == 100 + 750 + 50 * 10_700


def test_what_was_not_planned_or_has_no_model_to_pass_through_is_no_number(make_records):
    assert economy(make_records(facts={})) is None
    nothing = {"records": [{"record": "latency", "n": 1, "forwards": 0}], "rows": [{"clause": "A-1", "records": []}]}
    assert economy(make_records(facts={"plan": nothing})) is None
