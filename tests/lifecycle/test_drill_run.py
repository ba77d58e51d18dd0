"""A service that is sound, and two that are not, drilled a few times each."""

from __future__ import annotations

import json

import pytest

from basestone.core.artifact import Manifest
from basestone.lifecycle.drill import Plan, drill
from basestone.lifecycle.verify import verify
from basestone.serving.tampering import rewrite_row

pytest.importorskip("uvicorn")
FEW = Plan(stops=3, overrides=2, handovers=2, paths=2, requests=0, overload=0)


def words(verdicts):
    """Criterion → its verdict."""
    return {one["criterion"]: one["verdict"] for row in verdicts["verdicts"] for one in row["criteria"]}


@pytest.mark.slow
def test_a_sound_service_fails_nothing_and_its_drill_can_be_judged_again(finished):
    found = words(drill(finished.folder.path, FEW))
    assert found == {
        "stop": "inconclusive",  # three of three
        "override": "inconclusive",
        "handover": "inconclusive",
        "intact": "pass",
        "tampering": "pass",
        "replay": "inconclusive",
        "p99": "error",  # no load was asked for
        "errors": "error",
        "overload": "error",
    }
    findings = {one.what: one.ok for one in verify(finished.folder.path)}
    assert findings["signature of stages/drill"]
    assert findings["stages/drill/measurements.json"] and findings["stages/drill/verdicts.json"]
    path = finished.folder.stage("drill") / "verdicts.json"
    told = json.loads(path.read_text())
    told["verdicts"][0]["criteria"][0]["verdict"] = "pass"
    path.write_text(json.dumps(told))
    findings = {one.what: one.ok for one in verify(finished.folder.path)}
    assert not findings["signature of stages/drill"] and not findings["stages/drill/verdicts.json"]
    assert Manifest.read(finished.folder.stage("drill")).facts["outcome"] == "not_met"


@pytest.mark.slow
def test_a_stop_switch_that_lies_fails(finished):
    few = Plan(stops=2, overrides=0, handovers=0, paths=0, requests=0, overload=0)
    found = words(drill(finished.folder.path, few, server="basestone.lifecycle.sabotaged lying_stop"))
    assert found["stop"] == "fail"
    assert found["intact"] == "pass"


@pytest.mark.slow
def test_a_log_with_a_rewritten_row_fails(finished):
    few = Plan(stops=0, overrides=2, handovers=0, paths=0, requests=0, overload=0)
    found = words(drill(finished.folder.path, few, spoil=lambda state: rewrite_row(state / "review.db")))
    assert found["intact"] == "fail"
    assert found["override"] == "inconclusive"
