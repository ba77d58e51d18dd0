"""Signatures of reviews: that they hold, and each way in which they do not."""

import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from basestone.core.chain import next_row
from basestone.core.reviews import REVIEW
from basestone.reporting.keys import key_id
from basestone.reporting.reviews import check_signatures, signature_row

ADA, BEN = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
SUBJECT = {"stages/audit/samples/clean_test.parquet": "a" * 64}


def added(rows, who, key=None, count=2):
    for index in range(count):
        rows = [*rows, next_row(rows[-1] if rows else None, REVIEW, {"reviewer": who, "index": index, "answer": "x"})]
    return rows if key is None else [*rows, signature_row(rows[-1], who, SUBJECT, key)]


def told(rows):
    return {one["reviewer"]: one for one in check_signatures(rows)}


def test_two_people_signed():
    found = told(added(added([], "ada", ADA), "ben", BEN))
    assert [found[who]["key_id"] for who in ("ada", "ben")] == [key_id(ADA.public_key()), key_id(BEN.public_key())]
    assert all(one["verified"] and one["reason"] == "3 rows are as signed" for one in found.values())


def test_rows_without_or_behind_a_signature_are_not_signed():
    unsigned, behind = told(added(added([], "ada", ADA), "ben")), told(added(added([], "ada", ADA), "ada"))
    assert unsigned["ada"]["verified"] and unsigned["ben"]["reason"] == "the last rows are not signed"
    assert not behind["ada"]["verified"]


def test_a_signature_moved_to_other_rows_signs_something_else():
    """Ada's signature, after rows that say something else: the chain may be made anew, the envelope cannot."""
    envelope = added([], "ada", ADA)[-1].content["envelope"]
    forged = added([], "ada", count=3)
    forged.append(next_row(forged[-1], "signature", {"reviewer": "ada", "envelope": envelope}))
    assert told(forged)["ada"]["reason"] == "row 4 must sign the row before it for ada, and signs something else"


def test_a_signature_for_somebody_else_does_not_count():
    rows = added([], "ben")
    rows.append(signature_row(rows[-1], "ada", SUBJECT, ADA))
    rows[-1] = replace(rows[-1], body=rows[-1].body.replace('"reviewer":"ada"', '"reviewer":"ben"'))
    assert "signs something else" in told(rows)["ben"]["reason"]


@pytest.mark.parametrize("spoil", [lambda one: one | {"payload": "AAAA"}, lambda one: {}, lambda one: None])
def test_a_spoilt_envelope_never_raises(spoil):
    rows = added([], "ada", ADA)
    body = json.loads(rows[-1].body)
    rows[-1] = replace(rows[-1], body=json.dumps(body | {"envelope": spoil(body["envelope"])}))
    assert not told(rows)["ada"]["verified"]


def test_two_keys_of_one_person_are_none():
    rows = added(added([], "ada", ADA), "ada", BEN)
    assert told(rows)["ada"] == {
        "reviewer": "ada",
        "key_id": None,
        "verified": False,
        "reason": "signed with several keys",
    }
