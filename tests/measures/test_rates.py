"""Error rates and selection by group: by hand, against scikit-learn, and groups that are too small."""

from __future__ import annotations

import numpy as np
import pytest

from basestone.core.evidence import NotMeasured
from basestone.measures import measure
from basestone.measures.groups import group_fpr_gap, group_selection_ratio, group_tpr_gap
from basestone.measures.interval import moved_ratio_limits, newcombe

LOAN = {"fairness": {"classes": ["refused", "granted"], "positive": 1}}
ANY = {"fairness": {"classes": ["refused", "granted"], "positive": None}}


def loans(clean, counts):
    """``counts``: town → (granted of those who qualify, qualify, granted of the others, others)."""
    label, prediction, town = [], [], []
    for name, (right, able, wrong, others) in counts.items():
        label += [1] * able + [0] * others
        prediction += [1] * right + [0] * (able - right) + [1] * wrong + [0] * (others - wrong)
        town += [name] * (able + others)
    return clean(label, prediction) | {"town": np.array(town, dtype=object)}


TOWNS = {"ulm": (36, 40, 8, 80), "bonn": (20, 40, 4, 80), "kiel": (30, 40, 0, 60)}


def test_gaps_of_the_declared_class_by_hand(make_records, clean):
    """TPR: 36/40 − 20/40 = 0.4. FPR: 8/80 − 0/60 = 0.1."""
    held = make_records(facts=LOAN, clean_test=loans(clean, TOWNS))
    found, false = group_tpr_gap(held), group_fpr_gap(held)
    assert found.value == pytest.approx(0.4) and found.detail["widest"] == ["town", "ulm", "bonn", "granted"]
    assert false.value == pytest.approx(0.1) and false.detail["widest"] == ["town", "ulm", "kiel", "granted"]
    assert found.n == false.n == 340 and found.interval.decidable and found.detail["too_small"] == []
    assert found.interval.upper == pytest.approx(newcombe(36, 40, 20, 40).upper)
    assert 0 < found.interval.lower < newcombe(36, 40, 20, 40).lower  # all six pairs at once


def test_without_a_declared_class_every_class_stands_against_the_rest(make_records, clean):
    """Of two classes the true positive rate of one is the true negative rate of the other: FPR gap = TPR gap."""
    held = make_records(facts=ANY, clean_test=loans(clean, TOWNS))
    assert group_tpr_gap(held).value == pytest.approx(0.4)  # of 'granted'; of 'refused' it is 0.1
    assert group_fpr_gap(held).value == pytest.approx(0.4)  # of 'refused': those who qualify and are refused
    assert group_fpr_gap(held).detail["widest"][-1] == "refused"


def test_rates_agree_with_scikit_learn(make_records, clean):
    from sklearn.metrics import confusion_matrix

    table = loans(clean, TOWNS)
    held = make_records(facts=LOAN, clean_test=table)
    cells = {
        town: confusion_matrix(table["label"][table["town"] == town], table["prediction"][table["town"] == town])
        for town in TOWNS
    }
    found = {town: cell[1, 1] / cell[1].sum() for town, cell in cells.items()}
    false = {town: cell[0, 1] / cell[0].sum() for town, cell in cells.items()}
    selected = {town: cell[:, 1].sum() / cell.sum() for town, cell in cells.items()}
    assert group_tpr_gap(held).value == pytest.approx(max(found.values()) - min(found.values()))
    assert group_fpr_gap(held).value == pytest.approx(max(false.values()) - min(false.values()))
    assert group_selection_ratio(held).value == pytest.approx(min(selected.values()) / max(selected.values()))


def test_a_group_too_small_in_positives_is_named_and_still_counts(make_records, clean):
    few = TOWNS | {"jena": (3, 5, 0, 200)}
    found = group_tpr_gap(make_records(facts=LOAN, clean_test=loans(clean, few)))
    assert found.detail["too_small"] == [{"group": "town=jena", "class": "granted", "n": 5, "needed": 30}]
    assert not found.interval.decidable and found.interval.upper > 0.4
    assert group_fpr_gap(make_records(facts=LOAN, clean_test=loans(clean, few))).detail["too_small"] == []


def test_a_group_without_any_positive_leaves_everything_open(make_records, clean):
    none = {"ulm": (40, 40, 0, 80), "bonn": (40, 40, 0, 80), "jena": (0, 0, 0, 90)}
    found = group_tpr_gap(make_records(facts=LOAN, clean_test=loans(clean, none)))
    assert (found.value, found.interval.lower, found.interval.upper) == (0.0, 0.0, 1.0)
    assert found.detail["too_small"][0]["n"] == 0


def test_selection_by_hand(make_records, clean):
    """Selected: ulm 44/120, bonn 24/120, kiel 30/100; bonn by ulm is 24/44."""
    found = group_selection_ratio(make_records(facts=LOAN, clean_test=loans(clean, TOWNS)))
    assert found.value == pytest.approx(24 / 44) and found.detail["widest"] == ["town", "bonn", "ulm"]
    assert found.detail["selection"]["town=kiel"] == {"n": 100, "selected": 0.3}
    lower, upper = moved_ratio_limits(24, 120, 44, 120)
    assert found.interval.lower == pytest.approx(float(lower)) and found.interval.upper >= float(upper)


def test_what_selection_needs(make_records, clean):
    table = loans(clean, TOWNS)
    undeclared = measure("group_selection_ratio", make_records(facts=ANY, clean_test=table))
    assert isinstance(undeclared, NotMeasured) and "write audit.fairness.positive" in undeclared.reason
    table = loans(clean, {"ulm": (0, 40, 0, 40), "bonn": (0, 40, 0, 40)})
    nobody = measure("group_selection_ratio", make_records(facts=LOAN, clean_test=table))
    assert isinstance(nobody, NotMeasured) and nobody.reason.startswith("nobody is selected")


def test_a_group_that_is_never_selected_fails(make_records, clean):
    table = loans(clean, {"ulm": (40, 40, 20, 60), "bonn": (0, 40, 0, 60)})
    found = group_selection_ratio(make_records(facts=LOAN, clean_test=table))
    assert found.value == found.interval.lower == 0 and found.interval.upper < 0.1
