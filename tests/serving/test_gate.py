from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import pytest

from basestone.serving.gate import Found, obstacles, reason_fault

TODAY = date(2026, 11, 26)
DIGEST = "ab" * 32
WAIVER = {"clause": "ROB-1", "owner": "Li Na", "reason": "no corruption occurs in the lab", "expires": "2026-12-31"}


def verdicts(**changes):
    base = {
        "standard": "foundation-1",
        "profile": "demo",
        "judged_on": "2026-11-01",
        "subject": {"stage": "pretrain", "sha256": DIGEST},
        "outcome": "met",
        "open": [],
        "waived": [WAIVER],
    }
    return base | changes


FIT = Found(
    run="runs/digits",
    verdicts=verdicts(),
    digest=DIGEST,
    changed=(),
    signature={"verified": True, "reason": "2 files are as signed"},
    attestation=(),
)


def test_a_model_that_is_signed_and_met_the_standard_is_served():
    assert obstacles(FIT, TODAY) == []


@pytest.mark.parametrize(
    ("changes", "why", "text"),
    [
        (
            {"drift": {"at": "2026-11-20T08:00:00", "clauses": ["GEN-1", "ROB-1"]}},
            "drifted",
            "Verdicts hold for inputs like those of the audit, and since 2026-11-20 those that come in are not: "
            "GEN-1, ROB-1 are open again. Audit on data like them.",
        ),
        (
            {"changed": ["model.safetensors"]},
            "changed",
            "The model's files must be those that were audited, and model.safetensors changed afterwards. "
            "Restore them, or run the recipe again.",
        ),
        (
            {"signature": {"verified": False, "reason": "signature.dsse.json must exist"}},
            "unsigned",
            "The model must be signed by a key that you trust, and is not: signature.dsse.json must exist. "
            "Run the recipe again to sign it, or name the signer's key with --key.",
        ),
        (
            {"attestation": None},
            "unsigned",
            "The verdicts must be in a signed report, and runs/digits has none. "
            "Make it with: basestone report runs/digits",
        ),
        (
            {"attestation": ["digest of a must be 1; found 2", "x"]},
            "unsigned",
            "The signed report must hold, and does not: digest of a must be 1; found 2, and 1 more. "
            "See all of it with: basestone verify runs/digits",
        ),
        (
            {"verdicts": None},
            "unaudited",
            "A model must be audited before it is served, and runs/digits has no finished audit. "
            "Run it with: basestone audit runs/digits",
        ),
        (
            {"digest": "cd" * 32},
            "changed",
            "The verdicts must be about this model, cdcdcdcdcdcd, and are about abababababab. Audit it again.",
        ),
        (
            {"verdicts": verdicts(outcome="not_met", open=["GEN-4", "ROB-1"])},
            "failed",
            "The standard foundation-1 (demo) must be met, and is not: GEN-4, ROB-1. "
            "Mend the model, or waive a clause in the recipe with an owner, a reason and an expiry.",
        ),
        (
            {"verdicts": verdicts(judged_on="2025-11-25")},
            "expired",
            "Verdicts hold for 365 days, and these are of 2025-11-25. Audit it again.",
        ),
        (
            {"verdicts": verdicts(waived=[WAIVER | {"expires": "2026-11-25"}])},
            "expired",
            "The waiver of ROB-1 expired on 2026-11-25 (Li Na). "
            "Renew it in the recipe and audit again, or meet the clause.",
        ),
        (
            {"verdicts": verdicts(waived=[WAIVER | {"owner": " "}])},
            "unowned",
            "A waiver must name who answers for it, and that of ROB-1 names nobody. "
            "Write its owner in the recipe and audit again.",
        ),
    ],
)
def test_each_reason_not_to_serve_is_told(changes, why, text):
    (found,) = obstacles(replace(FIT, **changes), TODAY)
    assert (found.why, found.message) == (why, text)
    told = re.findall(r"[A-Z]+-\d|\d[\d-]+|runs/digits|[\w.]+\.(?:safetensors|json)|--\w+|[a-d]{12}", text)
    assert told and all(one in found.zh for one in told) and re.search("[\u4e00-\u9fff]", found.zh)


def test_a_waiver_holds_on_its_last_day_and_verdicts_on_theirs():
    last = verdicts(waived=[WAIVER | {"expires": "2026-11-26"}], judged_on="2025-11-26")
    assert obstacles(replace(FIT, verdicts=last), TODAY) == []


def test_every_reason_is_told_at_once():
    bad = replace(FIT, changed=["a"], attestation=None, verdicts=verdicts(outcome="not_met"), signature={})
    assert [one.why for one in obstacles(bad, TODAY)] == ["changed", "unsigned", "unsigned", "failed"]


def test_a_reason_must_be_one():
    assert reason_fault("a demo for Li Na's team") is None
    assert reason_fault("because  ") == "--allow-unproven needs a reason of at least 10 characters; got 'because  '."
