"""A whole compression of the digits model, small enough to run in seconds: every part of the door, once."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from small_recipe import SMALL

from basestone.core.artifact import read_json, write_json
from basestone.core.errors import ArtifactError, Stopped
from basestone.core.run import RunFolder
from basestone.lifecycle import shrink
from basestone.lifecycle.restore import restore, restore_subject, shipped_runtime
from basestone.lifecycle.run import run
from basestone.lifecycle.verify import verify
from basestone.recipe.schema import Audit

COMPRESSED = (
    *SMALL,
    "stages.pretrain.fit.epochs=10",
    "stages.compress.prune.to_latency=0.8",
    "stages.compress.prune.steps=2",
    "stages.compress.prune.samples=16",
    "stages.compress.fit.epochs=3",
    "stages.compress.quantize.samples=50",
    "stages.compress.deploy.backends=[eager, openvino, onnxruntime]",
    "stages.compress.deploy.rounds=1",
    "stages.compress.deploy.retain=0.9",
    "stages.compress.deploy.batch_sizes=[1, 16]",
    "stages.compress.export=[onnx]",
)


class Listener(list):
    def log(self, event):
        self.append(dict(event))

    def close(self):
        pass


@pytest.fixture(scope="module")
def pristine_small(tmp_path_factory):
    return run("digits-small", overrides=COMPRESSED, out=tmp_path_factory.mktemp("small") / "digits")


@pytest.fixture
def small(pristine_small, tmp_path):
    shutil.copytree(pristine_small.folder.path, tmp_path / "digits")
    return RunFolder(tmp_path / "digits")


def test_the_pruned_model_is_smaller_and_restores_exactly(pristine_small):
    run_folder = pristine_small.folder
    before, spec = restore(run_folder, "pretrain")
    after, _ = restore(run_folder, "compress")
    sizes = [sum(p.numel() for p in model.parameters()) for model in (before, after)]
    assert sizes[1] < sizes[0]
    assert after(torch.zeros(2, *spec.input_shape)).shape == (2, spec.num_classes)
    removed = pristine_small.stages["compress"].facts["removed"]
    assert len(removed) == 2  # two steps
    structure = read_json(run_folder.stage("compress") / "model.json")["structure"]
    assert structure["sizes"]


def test_every_candidate_is_accounted_for(pristine_small):
    told = read_json(pristine_small.folder.stage("compress") / "candidates.json")
    probes = {probe["name"]: probe for probe in told["probes"]}
    assert len(probes) == 9
    assert probes["eager-int8"]["outcome"] == probes["onnxruntime-bf16"]["outcome"] == "unavailable"
    assert "int8 kernels" in probes["eager-int8"]["reason"]
    for name in ("eager-fp32", "openvino-fp32", "openvino-int8", "onnxruntime-fp32", "onnxruntime-int8"):
        assert probes[name]["outcome"] == "measured", probes[name]["reason"]
        assert set(probes[name]["latency_s"]) == {"1", "16"}
    assert probes["openvino-fp32"]["max_abs_diff"] < 1e-3
    assert probes["openvino-int8"]["size_bytes"] < probes["openvino-fp32"]["size_bytes"]
    traced, executed = told["operators"]["traced"], told["operators"]["openvino"]
    assert sum(executed.values()) < sum(traced.values())  # norms and activations were absorbed
    assert "batch_norm" in traced or "_native_batch_norm_legit_no_training" in traced


def test_what_is_shipped_is_the_fastest_that_kept_quality(pristine_small):
    folder = pristine_small.folder.stage("compress")
    told, shipped = read_json(folder / "candidates.json"), pristine_small.stages["compress"].facts["runtime"]
    fit = [p for p in told["probes"] if p["outcome"] == "measured" and p["retention_lower"] >= 0.9]
    best = {size: min(p["latency_s"][size] for p in fit) for size in ("1", "16")}
    speed = {p["name"]: np.prod([p["latency_s"][size] / best[size] for size in best]) for p in fit}
    assert shipped == min(speed, key=speed.get)
    proof = read_json(folder / "proof.json")
    assert proof["runtime"] == shipped
    assert proof["replayed"] == 64


def test_only_what_is_shipped_or_asked_for_is_kept_and_all_of_it_is_signed(pristine_small):
    folder = pristine_small.folder.stage("compress")
    kept = {path.name for path in (folder / "deployed").iterdir()}
    assert "fp32.onnx" in kept  # export: [onnx]
    assert len(kept) <= 3
    assert not (folder / "checkpoints").exists()
    signed = pristine_small.stages["compress"].files
    assert {f"deployed/{name}" for name in kept} <= signed.keys()


def test_the_audit_sees_the_shipped_runtime_and_judges_it_against_its_parent(pristine_small):
    verdicts = {row["clause"]: row for row in pristine_small.verdicts["verdicts"]}
    assert verdicts["GEN-6"]["verdict"] in ("pass", "fail", "inconclusive")
    assert verdicts["SEC-1"]["verdict"] == verdicts["SEC-2"]["verdict"] == verdicts["CST-1"]["verdict"] == "pass"
    records = pristine_small.folder.records("audit")
    child, parent = records.table("clean_test"), records.table("parent_test")
    np.testing.assert_array_equal(child["index"], parent["index"])
    found = pristine_small.folder.measurements("audit")["quality_retention"]
    both = [(table["prediction"] == table["label"]).mean() for table in (child, parent)]
    assert found["value"] == pytest.approx(both[0] / both[1])
    subject = restore_subject(pristine_small.folder, "compress", Audit())
    by_pytorch = pristine_small.stages["compress"].facts["runtime"].startswith("eager")
    assert type(subject.model).__name__ == ("SmallCNN" if by_pytorch else "RuntimeModule")


def test_a_model_as_it_was_trained_is_not_asked_about_compression(pristine):
    row = next(row for row in pristine.verdicts["verdicts"] if row["clause"] == "GEN-6")
    assert row["verdict"] == "not_applicable"


def test_the_cost_is_that_of_the_whole_way(pristine_small):
    before, after = (read_json(pristine_small.folder.stage(name) / "cost.json") for name in ("pretrain", "compress"))
    assert after["samples_seen"] > before["samples_seen"]
    assert after["flops_counted"] > before["flops_counted"]
    assert after["flops_counted"] == pytest.approx(after["flops_analytic"], rel=0.1)


def test_the_report_shows_the_candidates(pristine_small):
    page = pristine_small.report.read_text()
    assert "Ways to run the model" in page
    assert "★ " + pristine_small.stages["compress"].facts["runtime"] in page
    assert "GEN-6" in page


def test_the_evidence_verifies(pristine_small):
    assert [finding for finding in verify(pristine_small.folder.path) if not finding.ok] == []


def test_a_changed_runtime_file_is_refused(small):
    path = next(path for path in (small.stage("compress") / "deployed").iterdir())
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ArtifactError, match="deployed/"):
        run("digits-small", overrides=COMPRESSED, out=small.path)


def test_a_runtime_that_pytorch_runs_needs_no_file(small):
    folder = small.stage("compress")
    (folder / "runtime.json").write_text(json.dumps({"backend": "eager", "precision": "fp32", "file": None}))
    assert shipped_runtime(folder) is None


def test_an_interrupted_compression_goes_on_with_the_channels_it_chose(small, monkeypatch):
    """Stopped in the training after the second step: nothing is pruned again, as clocks would choose other channels."""
    shutil.rmtree(small.stage("compress"))
    fit, steps = shrink._fit, []

    def stopped(bench, model, step, *, last):
        steps.append(step)
        if step == 1:
            raise Stopped("asked to")
        return fit(bench, model, step, last=last)

    with monkeypatch.context() as patch:
        patch.setattr(shrink, "_fit", stopped)
        with pytest.raises(Stopped):
            run("digits-small", overrides=COMPRESSED, out=small.path, until="compress")
    told = read_json(small.stage("compress") / "checkpoints" / "shrunk.json")
    assert (len(told["removed"]), len(told["fits"]), steps) == (2, 1, [0, 1])
    listener = Listener()
    done = run("digits-small", overrides=COMPRESSED, out=small.path, until="compress", tracker=listener)
    assert done.stages["compress"].facts["removed"] == told["removed"]
    assert sum(event["event"] == "fit" for event in listener) == 1


def test_nothing_good_enough_ships_nothing_and_says_why(small):
    shutil.rmtree(small.stage("compress"))
    hopeless = [*COMPRESSED, "stages.compress.deploy.retain=1.0", "stages.compress.deploy.samples=50"]
    with pytest.raises(ArtifactError, match=r"must keep 100\.0% of its parent's accuracy.*eager-fp32: its lower bound"):
        run("digits-small", overrides=hopeless, out=small.path, until="compress")
    assert not (small.stage("compress") / "runtime.json").exists()
    assert (small.stage("compress") / "candidates.json").exists()


def test_an_openvino_model_is_served_without_torch(small, tmp_path):
    from serving_inside import infer, served_inside

    from basestone.compression.export import to_openvino, trace
    from basestone.lifecycle.review import queue_of

    stage = small.stage("compress")
    model, spec = restore(small, "compress")
    to_openvino(trace(model, (torch.zeros(2, *spec.input_shape),)), stage / "deployed" / "served.xml")
    write_json(stage / "runtime.json", {"backend": "openvino", "precision": "fp32", "file": "deployed/served.xml"})
    pixels = np.random.default_rng(0).integers(0, 256, (5, *spec.input_shape)).astype(np.uint8)
    with served_inside(small, tmp_path / "state", alpha=0.1, epsilon=0.1) as client:
        assert client.get("/v2/models/model").json()["platform"] == "basestone_openvino-fp32"
        found = infer(client, name="image", shape=list(pixels.shape), datatype="UINT8", data=pixels.ravel().tolist())
    mean, std = (torch.tensor(values)[:, None, None] for values in (spec.mean, spec.std))
    with torch.no_grad():
        expected = model((torch.from_numpy(pixels) / 255 - mean) / std).softmax(1).numpy()
    given = ~np.array(found["deferred"])
    shares = np.array(found["probabilities"]).reshape(expected.shape)
    np.testing.assert_allclose(shares[given], expected[given], atol=1e-4)
    with queue_of(small.path, tmp_path / "state") as queue:
        (told,) = [row.content for row in queue.log.rows("worker")]
        samples = [sample for row in queue.log.rows("answer") for sample in row.content["samples"]]
    assert told == {"runtime": "openvino-fp32", "torch": False}
    assert [one["prediction"] for one in samples] == [spec.class_names[k] for k in expected.argmax(1)]
