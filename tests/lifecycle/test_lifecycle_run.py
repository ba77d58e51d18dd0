from __future__ import annotations

import json
import subprocess
import sys

import pytest
from small_recipe import SMALL

from basestone.core.errors import ArtifactError, RecipeError, UsageError
from basestone.lifecycle import collectors
from basestone.lifecycle.run import run
from basestone.lifecycle.stage import locked
from basestone.lifecycle.verify import verify


def _states(capture):
    return {event["stage"]: event["state"] for event in capture if event["event"] == "stage"}


class Listener(list):
    def log(self, event):
        self.append(dict(event))

    def close(self):
        pass


def test_every_stage_leaves_what_the_contract_names(pristine):
    root = pristine.folder.path
    for name in (
        "recipe.resolved.yaml",
        "environment.json",
        "events.jsonl",
        "stages/prepare/manifest.json",
        "stages/pretrain/model.safetensors",
        "stages/audit/measurements.json",
        "stages/audit/samples/clean_test.parquet",
        "stages/audit/verdicts.json",
        "report/index.html",
        "report/attestation.dsse.json",
        "report/bom.cdx.json",
        "report/MODEL_CARD.md",
        "report/verdicts.sarif",
        "report/verdicts.junit.xml",
    ):
        assert (root / name).is_file(), name


def test_a_second_run_does_nothing_and_never_imports_torch(finished):
    root = finished.folder.path
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file() and path.name[0] != "."}
    program = (
        "import sys; from pathlib import Path; from basestone.lifecycle.run import run\n"
        f"run('digits', overrides={SMALL!r}, out=Path(sys.argv[1])); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program, str(root)], check=True)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_change_redoes_only_what_depends_on_it(finished):
    listener = Listener()
    run("digits", overrides=[*SMALL, "stages.audit.declare.GEN-1=0.5"], out=finished.folder.path, tracker=listener)
    assert _states(listener) == {
        "prepare": "unchanged",
        "pretrain": "unchanged",
        "audit": "finished",
        "report": "finished",
    }


def test_a_finished_file_that_changed_is_refused_and_kept(finished):
    weights = finished.folder.stage("pretrain") / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    spoilt = weights.read_bytes()
    with pytest.raises(ArtifactError, match=r"stage 'pretrain' must be what .* says, and model\.safetensors is not"):
        run("digits", overrides=SMALL, out=finished.folder.path)
    assert weights.read_bytes() == spoilt


def test_an_audit_of_changed_weights_fails_them_and_measures_nothing_else(finished):
    weights = finished.folder.stage("pretrain") / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    verdicts = run("digits", overrides=SMALL, out=finished.folder.path, until="audit").verdicts
    by_clause = {row["clause"]: row for row in verdicts["verdicts"]}
    assert verdicts["outcome"] == "not_met"
    assert by_clause["SEC-1"]["verdict"] == "fail"
    assert by_clause["GEN-1"]["verdict"] == "error"
    assert by_clause["GEN-1"]["value"] is None
    assert "model.safetensors" in by_clause["GEN-1"]["reason"]


def test_a_sequential_audit_stops_once_decided_and_can_be_judged_again(finished):
    before = next(row for row in finished.verdicts["verdicts"] if row["clause"] == "ROB-1")
    changed = [*SMALL, "stages.audit.samples.corruptions=null", "stages.audit.sequential=true"]
    again = run("digits", overrides=changed, out=finished.folder.path)
    row = next(row for row in again.verdicts["verdicts"] if row["clause"] == "ROB-1")
    facts = json.loads((finished.folder.stage("audit") / "facts.json").read_text())
    forecast = next(record for record in facts["plan"]["records"] if record["record"] == "corrupted")
    planned = facts["sequential"]["corrupted"]["planned"]
    assert row["verdict"] == before["verdict"] == "pass"
    assert row["n"] % 64 == 0 and row["n"] < planned and forecast["n"] < planned
    assert all(finding.ok for finding in verify(again.folder.path))


def test_a_collector_that_breaks_is_a_reason_and_never_a_number(finished, monkeypatch):
    def broken(session):
        raise MemoryError("no room for a single image")

    monkeypatch.setitem(collectors.COLLECTORS, "latency", broken)
    changed = [*SMALL, "stages.audit.samples.latency_runs=300"]
    verdicts = run("digits", overrides=changed, out=finished.folder.path).verdicts
    row = next(row for row in verdicts["verdicts"] if row["clause"] == "LAT-1")
    assert row["verdict"] == "error" and row["value"] is None
    assert "MemoryError: no room for a single image" in row["reason"]
    assert verdicts["outcome"] == "not_met"
    monkeypatch.undo()  # there is room again: what failed is tried anew, and nothing else
    before = (finished.folder.stage("audit") / "samples" / "clean_test.parquet").stat().st_mtime_ns
    verdicts = run("digits", overrides=changed, out=finished.folder.path).verdicts
    assert next(row for row in verdicts["verdicts"] if row["clause"] == "LAT-1")["n"] == 300
    assert (finished.folder.stage("audit") / "samples" / "clean_test.parquet").stat().st_mtime_ns == before


def test_a_run_without_predictions_still_ends_in_a_report(finished, monkeypatch):
    def broken(session):
        raise MemoryError("no room for the test set")

    monkeypatch.setitem(collectors.COLLECTORS, "clean_test", broken)
    again = run("digits", overrides=[*SMALL, "stages.audit.samples.test=300"], out=finished.folder.path)
    verdicts = {row["clause"]: row["verdict"] for row in again.verdicts["verdicts"]}
    assert {clause for clause, verdict in verdicts.items() if verdict == "error"} == {
        "GEN-1",
        "GEN-2",
        "GEN-4",
        "ROB-1",
        "SEC-2",
    }
    page = again.report.read_text()
    assert "no room for the test set" in page and not again.met


def test_every_fault_is_found_before_anything_is_done(tmp_path):
    faulty = ["stages.pretrain.fit.optimizer.lr=-1", "stages.audit.declare.GEN-9=1", "seed=x"]
    with pytest.raises(RecipeError) as caught:
        run("digits", overrides=faulty, out=tmp_path / "run")
    assert {fault.path for fault in caught.value.faults} == {
        "stages.pretrain.fit.optimizer.lr",
        "stages.audit.declare.GEN-9",
        "seed",
    }
    assert not (tmp_path / "run").exists()


def test_a_folder_is_one_recipes_and_one_processes(pristine):
    with (
        pytest.raises(UsageError, match="must belong to the recipe 'other' and belongs to 'digits'"),
        locked(pristine.folder, "other"),
    ):
        pass
    with (
        locked(pristine.folder, "digits"),
        pytest.raises(UsageError, match="Only one process may work in"),
        locked(pristine.folder, "digits"),
    ):
        pass


def test_the_journal_holds_the_curve(pristine):
    steps = list(pristine.folder.read_events(event="step", stage="pretrain"))
    assert steps[0]["loss"] > steps[-1]["loss"]
    assert [event["step"] for event in steps] == sorted(event["step"] for event in steps)
    validations = list(pristine.folder.read_events(event="validation"))
    assert len(validations) == 6 and validations[-1]["accuracy"] > 0.9


def test_the_verdicts_are_as_the_schema_says(pristine):
    from importlib.resources import files

    import jsonschema

    schema = json.loads((files("basestone.standard") / "verdicts.schema.json").read_text())
    jsonschema.validate(pristine.verdicts, schema)


def test_a_run_folder_is_its_own_recipe(finished):
    again = run(finished.folder.path)
    assert again.folder == finished.folder and again.met == finished.met


def test_a_walk_that_ends_before_the_audit_has_no_outcome(finished):
    walked = run("digits", overrides=SMALL, out=finished.folder.path, until="pretrain")
    assert walked.summary()["outcome"] is None and list(walked.stages) == ["prepare", "pretrain"]
    with pytest.raises(ArtifactError, match="Verdicts need an audit"):
        _ = walked.verdicts
