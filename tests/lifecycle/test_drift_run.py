"""Drift of a real model: quiet on the audit's own samples, found on corrupted ones, and then the gate is shut."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from scipy.special import logsumexp

from basestone.core.errors import ArtifactError
from basestone.data.dataset import open_split
from basestone.lifecycle.drift import about, make_watch, replay, resting_on_samples
from basestone.lifecycle.restore import restore_subject
from basestone.lifecycle.serve import Options, make_guard
from basestone.lifecycle.standing import standing
from basestone.measures.robustness.corruptions import corrupt
from basestone.measures.subject import to_unit
from basestone.recipe.schema import Audit
from basestone.serving.drift import Monitor
from basestone.serving.review import ReviewQueue

LABELS = tuple(map(str, range(10)))


def energy(logits):
    return -logsumexp(logits.astype(np.float64), axis=1)


def live(rng, logits):
    """What the log says of samples with these logits."""
    for energies, place in zip(energy(logits), logits.argmax(1), strict=True):
        yield {"digest": rng.bytes(32).hex(), "energy": float(energies), "prediction": LABELS[place]}


@pytest.fixture(scope="module")
def images(pristine):
    split = open_split(pristine.folder.stage("prepare"), Path(os.environ["BASESTONE_CACHE"]), "test")
    return to_unit(split.raw(np.arange(len(split))))


@pytest.fixture(scope="module")
def logits(pristine, images):
    """Logits of the test images under a change of them."""
    subject = restore_subject(pristine.folder, "pretrain", Audit())
    return lambda change: subject.logits(change(images)).numpy()


@pytest.mark.parametrize("corruption", ["fog", "pixelate"])
def test_half_of_the_test_samples_is_like_the_other_and_corrupted_ones_are_not(logits, images, corruption):
    """Both cost a well-trained model a third of its accuracy or more; some twenty samples then show them."""
    rng, clean = np.random.default_rng(0), logits(lambda same: same)
    order = rng.permutation(len(clean))
    audited, rest = clean[order[:180]], order[180:]
    monitor = Monitor(energy(audited), audited.argmax(1).tolist(), LABELS)
    for sample in live(rng, clean[rest]):
        monitor.see(sample, rng.bytes(8).hex(), "now")
    assert monitor.alarm is None and monitor.samples == len(rest)
    places = list(range(len(images)))
    worse = logits(lambda same: corrupt(same, places, corruption=corruption, severity=5, seed=0))
    for sample in live(rng, worse[order]):
        monitor.see(sample, rng.bytes(8).hex(), "now")
    assert monitor.alarm is not None and monitor.alarm.samples < len(rest) + 100


def test_clauses_that_rest_on_test_samples_are_those_at_stake(pristine):
    verdicts = pristine.folder.verdicts("audit")
    found = resting_on_samples(verdicts)
    passed = {row["clause"] for row in verdicts["verdicts"] if row["verdict"] in ("pass", "waived")}
    assert set(found) <= passed
    assert not {"SEC-1", "SEC-2", "GEN-5", "LAT-1", "CST-1", "CST-2"} & set(found)
    assert {"GEN-1", "GEN-4", "ROB-1"} & passed <= set(found)


def test_a_finding_in_the_log_shuts_the_gate_for_this_audit(finished):
    run, before = finished.folder, standing(finished.folder)
    assert not [one for one in before.obstacles if one.why == "drifted"]
    queue = ReviewQueue(run.path / "serving" / "review.db", LABELS)
    told = about(run, before.subject, before.audit)
    queue.log.append("reopened", {**told, "audit": "0" * 64, "at": "2026-01-01T", "clauses": ["GEN-4"]})
    assert not [one for one in standing(run).obstacles if one.why == "drifted"], "another audit's"
    queue.log.append("reopened", {**told, "at": "2026-11-26T10:00", "clauses": ["GEN-1", "ROB-1"]})
    queue.close()
    (found,) = [one for one in standing(run).obstacles if one.why == "drifted"]
    assert found.message == (
        "Verdicts hold for inputs like those of the audit, and since 2026-11-26 those that come in are not: "
        "GEN-1, ROB-1 are open again. Audit on data like them."
    )


def test_the_log_is_replayed_to_the_same_state(finished):
    run, found = finished.folder, standing(finished.folder)
    with pytest.raises(ArtifactError, match="must have been audited and then served"):
        replay(run.path)
    table = run.records("audit").table("clean_test")
    logits = np.column_stack([table[f"logit_{k}"] for k in range(10)])
    rng, told = np.random.default_rng(1), about(run, found.subject, found.audit)
    queue = ReviewQueue(run.path / "serving" / "review.db", LABELS)
    queue.log.append("started", told)
    for part in logits[:20].reshape(5, 4, 10):
        queue.log.append("answer", {"request": "r", "samples": [*live(rng, part)]})
    watch = make_watch(run, found, make_guard(run, found.audit, Options()))
    assert watch is not None
    watch.read(queue.log.rows())
    queue.close()
    assert watch.monitor.samples == 20 and watch.monitor.calibration == len(logits)
    assert replay(run.path) == watch.to_json()
