"""Reviews: whose count, agreement by hand with bounds that cover, and everything by which a review can be spoilt."""

from __future__ import annotations

import numpy as np
import pytest

from basestone.core.agreement import alpha_of, coincidences
from basestone.core.chain import next_row
from basestone.core.evidence import NotMeasured
from basestone.core.reviews import REVIEW
from basestone.measures import measure
from basestone.measures.reviews import _interval

EVIDENCE = "a" * 64
SIGNED = [
    {"reviewer": name, "key_id": key, "verified": True, "reason": ""} for name, key in (("ada", "1"), ("ben", "2"))
]


def reviewed(make_records, answers, signatures=SIGNED, order=None, evidence=EVIDENCE, spoil=None):
    """``answers``: reviewer → sample → answer; rows of one reviewer after the other."""
    rows = []
    for who, given in answers.items():
        for index, answer in given.items():
            body = {"evidence": evidence, "reviewer": who, "index": index, "answer": answer, "note": ""}
            rows.append(next_row(rows[-1] if rows else None, REVIEW, body))
    columns = {name: [getattr(row, name) for row in rows] for name in ("seq", "at", "kind", "body", "previous", "hash")}
    if spoil:
        spoil(columns)
    order = sorted(next(iter(answers.values()))) if order is None else order
    sheet = {"evidence": EVIDENCE, "order": order, "predictions": ["cat"] * len(order)}
    return make_records(facts={"review_signatures": signatures, "review_sheet": sheet}, reviews=columns)


def two(n, differ=()):
    first = {index: "cat" if index % 2 else "dog" for index in range(n)}
    return {"ada": first, "ben": first | {index: "cow" for index in differ}}


def test_two_who_agree_pass_from_thirty_samples_on(make_records):
    records = reviewed(make_records, two(30))
    assert measure("reviewers", records).value == 2
    found = measure("review_agreement", records)
    assert found.value == 1 and found.n == 30 and found.interval.decidable and found.interval.lower > 0.667
    assert found.interval.lower < 1 == found.interval.upper and found.detail["agree_with_model"] == 0.5
    assert not measure("review_agreement", reviewed(make_records, two(29))).interval.decidable


def test_agreement_by_hand(make_records):
    """Ten samples, one of them cat–cow: n = 20; dog 10, cat 9, cow 1; D_e = (400 − 182)/380; α = 1 − 0.1/D_e."""
    found = measure("review_agreement", reviewed(make_records, two(10, differ=[1])))
    assert found.value == pytest.approx(1 - 0.1 * 380 / 218)


def test_reviewers_who_answer_by_lot_do_not_agree(make_records):
    draws = np.random.default_rng(0)
    answers = {who: {index: str(draws.integers(4)) for index in range(100)} for who in ("ada", "ben")}
    found = measure("review_agreement", reviewed(make_records, answers))
    assert found.interval.upper < 0.667 and found.interval.lower < 0 < found.interval.upper


def test_the_bounds_of_agreement_cover():
    """Two people, three answers, each mistaken with probability e; the truth from 200,000 samples, 300 draws of 60."""
    rng = np.random.default_rng(1)

    def drawn(n, e):
        truth = rng.integers(3, size=n)
        return np.stack([np.where(rng.random(n) < e, rng.integers(3, size=n), truth) for _ in range(2)], 1)

    def counted(pairs):
        return coincidences({"ada": str(a), "ben": str(b)} for a, b in pairs.tolist())

    for e in (0.03, 0.3):
        many = drawn(200_000, e)
        same = (many[:, 0] == many[:, 1]).mean()
        truth = 1 - (1 - same) / (1 - ((np.bincount(many.ravel()) / many.size) ** 2).sum())
        bounds = [
            _interval(float(alpha_of(counts.sum(0))), counts) for counts in (counted(drawn(60, e)) for _ in range(300))
        ]
        assert (
            np.mean([bound.lower <= truth for bound in bounds]) >= 0.92
        )  # a true 95 % falls below it in one of a hundred
        assert np.mean([bound.upper >= truth for bound in bounds]) >= 0.92


def test_nobody_picks_the_samples(make_records):
    """The fourth sample of the order was left out by ben: three count, however many were answered behind it."""
    answers = two(40)
    del answers["ben"][7]
    found = measure("review_agreement", reviewed(make_records, answers, order=[5, 6, 9, 7, *range(10, 40)]))
    assert found.n == 3


def test_one_key_for_two_people_is_nobodys(make_records):
    shared = [told | {"key_id": "1"} for told in SIGNED]
    found = measure("reviewers", reviewed(make_records, two(30), shared))
    assert found.value == 0 and found.n == 60 and found.detail["unsigned"] == ["ada", "ben"]


def test_a_signature_that_does_not_hold_does_not_count(make_records):
    records = reviewed(make_records, two(30), [SIGNED[0], SIGNED[1] | {"verified": False, "key_id": None}])
    assert measure("reviewers", records).value == 1
    told = measure("review_agreement", records)
    assert isinstance(told, NotMeasured) and "there are 0 such samples with 0 answer(s)" in told.reason


def test_answers_about_other_predictions_do_not_count(make_records):
    assert isinstance(measure("review_agreement", reviewed(make_records, two(30), evidence="b" * 64)), NotMeasured)


def test_a_changed_row_spoils_everything(make_records):
    def spoil(columns):
        columns["body"][4] = columns["body"][4].replace("cat", "dog").replace("dog", "cow")

    records = reviewed(make_records, two(30), spoil=spoil)
    found = measure("reviewers", records)
    assert found.value == 0 and found.detail["faults"] == ["row 5 was changed after it had been written"]
    assert measure("review_agreement", records).reason.endswith("row 5 was changed after it had been written")
