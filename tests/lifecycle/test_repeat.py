"""How flips are counted, and that a repeat of an audit is the same model with other draws."""

from __future__ import annotations

import numpy as np
import pytest

from basestone.core.evidence import Records
from basestone.lifecycle.repeat import flips, repeat


def document(**verdicts):
    rows = [
        {"clause": name.replace("_", "-"), "criteria": [{"criterion": "it", "verdict": word}]}
        for name, word in verdicts.items()
    ]
    return {"verdicts": rows}


def test_flips_by_hand():
    """Ten repeats of two criteria: one changes twice, once each way; a third never applies."""
    found = flips(
        [document(GEN_1="pass", LAT_1="pass", GEN_6="not_applicable")] * 8
        + [document(GEN_1="pass", LAT_1=word, GEN_6="not_applicable") for word in ("fail", "inconclusive")]
    )
    assert (found["judged"], found["flips"], found["rate"]) == (20, 2, 0.1)
    assert found["upper"] == pytest.approx(0.2826, abs=1e-4)  # Clopper-Pearson, 2 of 20
    assert found["contradicted"] == ["LAT-1"]
    assert {row["clause"]: row["flips"] for row in found["rows"]} == {"GEN-1": 0, "LAT-1": 2}


@pytest.mark.slow
def test_a_repeat_draws_anew_and_answers_alike(tmp_path):
    changes = [
        "stages.pretrain.fit.epochs=1",
        "stages.pretrain.fit.schedule.warmup_steps=5",
        "stages.audit.samples={corruptions: 40, test: 200, latency_runs: 299}",
    ]
    found = repeat("digits", 2, overrides=changes, out=tmp_path / "run")
    tables = [Records(tmp_path / "run" / "repeats" / number) for number in "12"]
    drawn = [held.table("clean_test")["index"] for held in tables]
    assert not np.array_equal(*drawn)
    answers = [
        dict(zip(*(held.table("clean_test")[name] for name in ("index", "prediction")), strict=True)) for held in tables
    ]
    assert all(answers[0][place] == answers[1][place] for place in answers[0].keys() & answers[1].keys())
    assert found["repeats"] == 2 and found["judged"] > 20
