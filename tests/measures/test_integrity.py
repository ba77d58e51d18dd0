import io
import json
import pickle
import struct

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from basestone.core.artifact import Manifest, file_digest
from basestone.core.evidence import write_records
from basestone.measures import measure
from basestone.measures.formats import SAFE_FORMATS, file_format
from basestone.measures.integrity import collect_artifacts


def saved(save, *arrays, **named):
    buffer = io.BytesIO()
    save(buffer, *arrays, **named)
    return buffer.getvalue()


def write(path, kind):
    if kind == "safetensors":
        save_file({"w": np.ones(3, np.float32)}, path)
    elif kind == "parquet":
        write_records(path, {"x": [1, 2]})
    elif kind == "json":
        path.write_text('{"a": 1}')
    elif kind == "jsonl":
        path = path.with_suffix(".jsonl")
        path.write_text('{"a": 1}\n{"a": 2}\n')
    elif kind == "yaml":
        path = path.with_suffix(".yaml")
        path.write_text("a: 1\nb: [x, y]\n")
    elif kind == "npy":
        path.write_bytes(saved(np.save, np.ones(3)))
    elif kind == "npz":
        path.write_bytes(saved(np.savez, a=np.ones(3), b=np.zeros(2)))
    elif kind == "text":
        path.write_text("加州 plain words.\n")
    return path


@pytest.mark.parametrize("kind", ["safetensors", "parquet", "json", "jsonl", "yaml", "npy", "npz", "text"])
def test_plain_formats_are_recognised_and_safe(kind, tmp_path):
    assert file_format(write(tmp_path / "file", kind)) == kind
    assert kind in SAFE_FORMATS


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_is_found_under_any_name(protocol, tmp_path):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(pickle.dumps({"weights": [1.0, 2.0], "x": print}, protocol=protocol))
    assert file_format(path) == "pickle"


def test_pickles_in_other_clothes(tmp_path):
    torch.save({"w": torch.ones(2)}, tmp_path / "model.json")
    torch.save({"w": torch.ones(2)}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    (tmp_path / "a.npy").write_bytes(saved(np.save, np.array([{"x": 1}], dtype=object), allow_pickle=True))
    (tmp_path / "b.npz").write_bytes(saved(np.savez, x=np.array([None], dtype=object)))
    record = np.zeros(1, dtype=[("x", "f4"), ("y", "O")])
    (tmp_path / "c.npy").write_bytes(saved(np.save, record, allow_pickle=True))
    cut = pickle.dumps(list(range(100)))[:-20]
    (tmp_path / "cut.json").write_bytes(cut)
    found = {path.name: file_format(path) for path in tmp_path.iterdir()}
    assert found == {
        "model.json": "pickle",
        "old.pt": "pickle",
        "a.npy": "npy-object",
        "b.npz": "npy-object",
        "c.npy": "npy-object",
        "cut.json": "pickle",
    }
    assert not set(found.values()) & SAFE_FORMATS


def test_what_is_not_recognised_is_not_safe(tmp_path):
    (tmp_path / "empty").touch()
    (tmp_path / "noise").write_bytes(bytes(range(255, 0, -1)))
    (tmp_path / "short").write_bytes(struct.pack("<Q", 10**12) + b"{")
    kinds = [file_format(tmp_path / name) for name in ("empty", "noise", "short", "absent")]
    assert kinds == ["empty", "unknown", "unknown", "missing"]
    assert not set(kinds) & SAFE_FORMATS


def onnx_bytes():
    from onnx import TensorProto, helper

    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "relu", [x], [y])
    return helper.make_model(graph, producer_name="test").SerializeToString()


def test_an_onnx_model_is_known_by_all_of_its_bytes(tmp_path):
    whole = onnx_bytes()
    spoilt = {
        "whole": whole,
        "cut": whole[:-1],
        "followed": whole + pickle.dumps([1]),
        "without_graph": b"\x08\x0a\x12\x04test",
        "other_field": whole + b"\x1d\x00\x00\x00\x00",
    }
    for name, data in spoilt.items():
        (tmp_path / f"{name}.onnx").write_bytes(data)
    found = {path.stem: file_format(path) for path in tmp_path.iterdir()}
    assert found.pop("whole") == "onnx"
    assert not set(found.values()) & {"onnx", "openvino"}
    assert "onnx" in SAFE_FORMATS


def test_constants_of_an_openvino_network_are_known_by_the_network(tmp_path):
    weights = np.linspace(-1, 1, 10, dtype=np.float32).tobytes()
    network = '<?xml version="1.0"?>\n<net name="n"><data element_type="f32" offset="0" size="40" /></net>'
    for name, text, data in (
        ("sound", network, weights),
        ("longer", network, weights + b"\xff\xfe"),
        ("pickled", network, pickle.dumps({"x": print}, protocol=4).ljust(40, b".")),
        ("other", "<html></html>", weights),
    ):
        (tmp_path / f"{name}.xml").write_text(text)
        (tmp_path / f"{name}.bin").write_bytes(data)
    (tmp_path / "alone.bin").write_bytes(weights)
    found = {path.stem: file_format(path) for path in tmp_path.glob("*.bin")}
    assert found == {
        "sound": "openvino",
        "longer": "unknown",
        "pickled": "pickle",
        "other": "unknown",
        "alone": "unknown",
    }


@pytest.fixture
def run(tmp_path):
    """A run of two stages, and its manifests."""
    folder = tmp_path / "run"
    manifests = {}
    for stage, kinds in {"prepare": ["parquet", "json"], "pretrain": ["safetensors", "json"]}.items():
        (folder / "stages" / stage).mkdir(parents=True)
        paths = [write(folder / "stages" / stage / f"{kind}.{kind}", kind) for kind in kinds]
        files = {path.name: file_digest(path) for path in paths}
        manifests[stage] = Manifest(
            stage=stage, kind=stage, inputs="", parents={}, files=files, wall_s=1.0, version="0"
        )
    return folder, manifests


SIGNED = {"signature": {"verified": True, "key_id": "k", "reason": ""}}


def test_an_untouched_run_is_safe_and_signed(run, make_records):
    columns = collect_artifacts(*run)
    assert columns["path"] == [
        "stages/prepare/json.json",
        "stages/prepare/parquet.parquet",
        "stages/pretrain/json.json",
        "stages/pretrain/safetensors.safetensors",
    ]
    records = make_records(artifacts=columns, facts=SIGNED)
    assert measure("safe_files", records).value == 1.0
    assert measure("signed_files", records).value == 1.0
    assert measure("safe_files", records).interval.method == "exact"


def test_one_changed_byte_breaks_the_signature(run, make_records):
    path = run[0] / "stages/pretrain/safetensors.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    found = measure("signed_files", make_records(artifacts=collect_artifacts(*run), facts=SIGNED))
    assert found.value == 0.0
    assert found.detail["changed"] == ["stages/pretrain/safetensors.safetensors"]


def test_a_lost_file_and_a_pickle_are_counted(run, make_records):
    (run[0] / "stages/prepare/parquet.parquet").unlink()
    (run[0] / "stages/pretrain/json.json").write_bytes(pickle.dumps({"a": 1}))
    found = measure("safe_files", make_records(artifacts=collect_artifacts(*run)))
    assert found.value == 0.5
    assert found.detail["unsafe"] == ["stages/prepare/parquet.parquet", "stages/pretrain/json.json"]


@pytest.mark.parametrize("verified", [False, None, "yes"])
def test_nothing_but_a_verified_signature_counts(verified, run, make_records):
    facts = {"signature": {"verified": verified, "key_id": "k", "reason": "no such key"}}
    found = measure(
        "signed_files", make_records(artifacts=collect_artifacts(*run), facts=json.loads(json.dumps(facts)))
    )
    assert (found.value, found.detail["reason"]) == (0.0, "no such key")


def test_the_replay_is_within_tolerance_or_not(make_records):
    columns = {
        "index": np.arange(4),
        "max_abs_diff": np.array([0.0, 1e-4, 2e-4, np.nan]),
        "same_prediction": np.array([1, 1, 1, 1]),
    }
    found = measure("replay_agreement", make_records(replay=columns))
    assert found.value == found.interval.lower == 0.5
    assert found.detail == {"tolerance": 1e-4, "largest_difference": 2e-4}
    flipped = columns | {"same_prediction": np.array([0, 1, 1, 1])}
    assert measure("replay_agreement", make_records(replay=flipped)).value == 0.25
