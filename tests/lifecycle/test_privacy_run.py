"""Privacy through the corridor: shadow models that are resumed, a private training and its canaries, faults."""

from __future__ import annotations

import numpy as np
import pytest

from basestone.core.errors import RecipeError, Stopped
from basestone.core.evidence import Records, read_records
from basestone.lifecycle import shadows
from basestone.lifecycle.check import load_checked
from basestone.lifecycle.run import run
from basestone.lifecycle.verify import verify

PRIVATE = """
schema_version: 1
name: hidden
task: image_classification
data:
  source: {kind: sklearn_digits}
  limit: {train: 300}
stages:
  pretrain:
    model: {kind: small_cnn, widths: [8], blocks: 0, standardize: true, norm: group}
    fit:
      max_steps: 8
      batch_size: 64
      optimizer: {kind: sgd, lr: 0.5}
      schedule: {kind: constant}
      private: {noise: 1.5, delta: 1e-3, canaries: 40}
  audit:
    profile: foundation-1
    declare: {GEN-1: 0.1, LAT-1: 1, CST-2: {flops: 1e9, memory: 8e9, energy: 50}}
    samples: {corruptions: 20, latency_runs: 299}
    privacy: {shadows: 4}
  report: {}
"""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    path = tmp_path_factory.mktemp("recipe") / "hidden.yaml"
    path.write_text(PRIVATE)
    return path


@pytest.fixture(scope="module")
def hidden(recipe, tmp_path_factory):
    pytest.importorskip("opacus")
    return run(recipe, out=tmp_path_factory.mktemp("hidden") / "run")


def test_what_training_spent_is_written_down_and_judged(hidden):
    claim = hidden.stages["pretrain"].facts["private"]
    kept = 300 - 40 + int(read_records(hidden.folder.stage("pretrain") / "canaries.parquet")["included"].sum())
    assert claim["steps"] == 8 and claim["noise"] == 1.5 and claim["num_samples"] == kept
    assert claim["rate"] == pytest.approx(64 / kept) and set(claim["epsilon"]) == {"opacus", "dp_accounting"}
    row = next(row for row in hidden.verdicts["verdicts"] if row["clause"] == "PRV-2")
    by_name = {one["criterion"]: one for one in row["criteria"]}
    assert by_name["epsilon"]["value"] == max(claim["epsilon"].values()) < 8
    assert by_name["delta"]["value"] == pytest.approx(kept / 1_000) and row["verdict"] == "pass"


def test_the_secret_of_the_noise_is_gone(hidden):
    assert not list(hidden.folder.path.rglob(".secret")) and not list(hidden.folder.path.rglob("checkpoints"))


def test_canaries_stand_where_they_were_put(hidden):
    table = Records(hidden.folder.stage("audit")).table("canaries")
    samples = read_records(hidden.folder.stage("prepare") / "samples.parquet")
    truth = samples["label"][samples["split"] == "train"][table["index"]]
    assert len(table["index"]) == 40 and (table["label"] != truth).all() and 8 < table["included"].sum() < 32
    assert np.isfinite(table["score"]).all()


def test_every_sample_is_in_half_of_the_shadows(hidden):
    table = Records(hidden.folder.stage("audit")).table("membership")
    saw = np.column_stack([table[f"saw_{number}"] for number in range(4)])
    assert (saw.sum(1) == 2).all() and table["member"].sum() == 300 - 40  # a canary is nobody's member
    counts = hidden.stages["prepare"].facts["counts"]
    assert (table["member"] == 0).sum() == counts["test"] + counts["validation"]
    row = next(row for row in hidden.verdicts["verdicts"] if row["clause"] == "PRV-1")
    assert row["verdict"] != "pass" and row["n"] == (table["member"] == 0).sum()  # four shadows never pass
    assert "Membership inference" in hidden.report.read_text()


def test_the_verdicts_follow_from_the_records_alone(hidden):
    assert all(finding.ok for finding in verify(hidden.folder.path))


def test_an_interrupted_audit_goes_on_with_the_shadow_that_it_was_at(recipe, hidden, tmp_path, monkeypatch):
    """The same audit, stopped in the third shadow: the first two are not trained again, and the table is the same."""
    import shutil

    shutil.copytree(hidden.folder.path, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "stages" / "audit")
    trained, fitted = [], shadows.Shadows._fitted

    def stopping(self, number, folder):
        trained.append(number)
        if trained == [0, 1, 2]:
            raise Stopped("asked to")
        return fitted(self, number, folder)

    monkeypatch.setattr(shadows.Shadows, "_fitted", stopping)
    small = ["stages.pretrain.fit.private.randomness=secret"]
    with pytest.raises(Stopped):
        run(recipe, overrides=small, out=tmp_path / "run", until="audit")
    again = run(recipe, overrides=small, out=tmp_path / "run", until="audit")
    assert trained == [0, 1, 2, 2, 3]
    table = Records(again.folder.stage("audit")).table("membership")
    assert np.isfinite(np.column_stack([table[f"shadow_{number}"] for number in range(4)])).all()


def test_what_is_not_asked_for_says_what_to_write(pristine):
    """The digits recipe asks for no shadows; its profile does not ask for the clause either, so ask the collector."""
    from basestone.core.evidence import NotAsked
    from basestone.lifecycle.privacy import PRIVACY
    from basestone.measures.privacy.options import PrivacyOptions

    class Asked:
        class section:
            privacy = PrivacyOptions()

    with pytest.raises(NotAsked, match=r"Write audit.privacy: \{shadows: 16\}"):
        PRIVACY["membership"](Asked())
    with pytest.raises(NotAsked, match=r"Write audit.privacy: \{extraction: 3000\}"):
        PRIVACY["verbatim"](Asked())
    with pytest.raises(NotAsked, match=r"Write audit.privacy: \{outputs: 4000\}"):
        PRIVACY["outputs"](Asked())
    with pytest.raises(NotAsked, match=r"Write audit.privacy: \{corpus: \{\}\}"):
        PRIVACY["corpus"](Asked())
    with pytest.raises(NotAsked, match="nothing is searched for personal data"):
        PRIVACY["detector"](Asked())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("stages.pretrain.fit.private.epsilon=2", "exactly one of 'epsilon' and 'noise'"),
        ("stages.pretrain.fit.precision=bf16", "'private' needs precision fp32"),
        ("stages.audit.privacy.shadows=2", "must be a whole number at least 4 and at most 512"),
    ],
)
def test_faults_are_told_before_anything_runs(recipe, change, message):
    with pytest.raises(RecipeError, match=message):
        load_checked(recipe, [change])
