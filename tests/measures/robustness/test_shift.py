"""ROB-2 from its records: the worst group that a training never saw."""

from functools import lru_cache

import numpy as np
import pytest

from basestone.core.evidence import NotMeasured
from basestone.measures import measure
from basestone.measures.non_inferiority import retention_interval
from basestone.measures.robustness import shift
from basestone.standard.rule import decide


def rows(group, both, only_unseen, only_seen, neither, *, left_out=True):
    """One group's samples of class 0, from how many each of two models has right."""
    seen = [0] * both + [1] * only_unseen + [0] * only_seen + [1] * neither
    unseen = [0] * (both + only_unseen) + [1] * (only_seen + neither)
    return [(group, s, u if left_out else -1) for s, u in zip(seen, unseen, strict=True)]


def table(*groups):
    found = [row for group in groups for row in group]
    return {
        "index": np.arange(len(found)),
        "label": np.zeros(len(found), int),
        "column": ["speaker"] * len(found),
        "group": [group for group, _, _ in found],
        "seen": [seen for _, seen, _ in found],
        "unseen": [unseen for _, _, unseen in found],
    }


def measured(make_records, *groups):
    return measure("unseen_group_retention", make_records(unseen=table(*groups)))


def test_the_worst_group_decides(make_records):
    found = measured(make_records, rows("a", 90, 2, 4, 4), rows("b", 60, 0, 30, 10))
    # a: 92 of 94 kept; b: 60 of 90.
    assert found.value == pytest.approx(60 / 90) and found.n == 200 and found.detail["worst"] == "b"
    assert found.detail["groups"]["a"]["retention"] == pytest.approx(92 / 94)
    assert found.detail["groups"]["a"]["seen"]["accuracy"] == 0.94
    assert decide(found.interval, 0.85, "at_least") == "fail"


def test_one_group_alone_is_a_paired_comparison(make_records):
    found = measured(make_records, rows("a", 90, 2, 4, 4))
    value, interval = retention_interval(90, 2, 4, 100)
    assert (found.value, found.interval.lower, found.interval.upper) == (value, interval.lower, interval.upper)


def test_more_groups_never_make_the_bounds_sharper(make_records):
    one = measured(make_records, rows("a", 90, 2, 4, 4)).interval
    two = measured(make_records, rows("a", 90, 2, 4, 4), rows("b", 90, 2, 4, 4)).interval
    assert two.lower == one.lower and two.upper > one.upper


def test_groups_that_were_not_left_out_keep_it_from_passing(make_records):
    kept = rows("a", 100, 0, 0, 0)
    whole = measured(make_records, kept, rows("b", 100, 0, 0, 0))
    part = measured(make_records, kept, rows("b", 100, 0, 0, 0, left_out=False))
    assert decide(whole.interval, 0.85, "at_least") == "pass"
    assert decide(part.interval, 0.85, "at_least") == "inconclusive" and part.n == 100
    assert part.detail["undecided"]["en"] == (
        "Only 1 of 2 groups were left out, and the others may do worse: raise audit.shift.groups."
    )
    lost = measured(make_records, rows("a", 20, 0, 80, 0), rows("b", 100, 0, 0, 0, left_out=False))
    assert decide(lost.interval, 0.85, "at_least") == "fail"


def test_a_small_group_is_named_and_shows_nothing(make_records):
    found = measured(make_records, rows("a", 200, 0, 0, 0), rows("b", 29, 0, 0, 0))
    assert not found.interval.decidable
    assert found.detail["too_small"] == [{"group": "speaker=b", "n": 29, "needed": 30}]


@pytest.mark.parametrize(
    ("groups", "reason"),
    [
        ([rows("a", 50, 0, 0, 0, left_out=False)], "no group was left out of a training"),
        ([rows("a", 0, 5, 0, 45)], "the audited model has no sample of the group 'a' right"),
    ],
)
def test_what_cannot_be_compared_is_no_number(groups, reason, make_records):
    found = measured(make_records, *groups)
    assert isinstance(found, NotMeasured) and reason in found.reason


def test_what_was_not_asked_for_says_what_to_write(make_records):
    from basestone.measures.robustness.shift_options import NOT_ASKED

    found = measure("unseen_group_retention", make_records(facts={"not_asked": {"unseen": NOT_ASKED}}))
    assert isinstance(found, NotMeasured) and not found.asked
    assert "write e.g. shift: {column: speaker} into the audit stage" in found.reason


@pytest.mark.parametrize("kept", [(0.95, 0.95, 0.95), (1.0, 0.9, 0.8)])
def test_the_bounds_of_the_worst_group_cover(kept, monkeypatch):
    """A model that never saw a group has each sample right that the other has with the group's chance, and no other."""
    monkeypatch.setattr(shift, "retention_interval", lru_cache(maxsize=None)(retention_interval))
    draws, inside, n = np.random.default_rng(len(set(kept))), np.zeros(2), 80
    for _ in range(400):
        found = []
        for name, share in zip("abc", kept, strict=True):
            seen = int(draws.binomial(n, 0.9))
            both = int(draws.binomial(seen, share))
            found += rows(name, both, 0, seen - both, n - seen)
        columns = {key: np.asarray(values) for key, values in table(found).items()}
        groups, _ = shift.held_out(columns)
        strict = 1 - 0.05 / 3
        lower = min(one.bounds()[1].lower for one in groups)
        upper = min(one.bounds(strict)[1].upper for one in groups)
        inside += (lower <= min(kept), upper >= min(kept))
    assert (inside / 400 >= 0.93).all(), inside / 400
