import json
import shutil

import pytest
import torch

from basestone.core.errors import ArtifactError
from basestone.training.checkpoint import load_checkpoint, save_checkpoint


def save(folder, step, keep=2, identity="a"):
    return save_checkpoint(folder, identity, step, {"x": torch.full((3,), float(step))}, {"n": step}, keep)


def load(folder, identity="a"):
    warnings = []
    return load_checkpoint(folder, identity, lambda path, fault: warnings.append((path.name, fault))), warnings


def test_the_newest_comes_back_and_only_the_last_are_kept(tmp_path):
    for step in (5, 10, 15):
        save(tmp_path, step)
    (tensors, scalars), warnings = load(tmp_path)
    assert tensors["x"].tolist() == [15, 15, 15] and scalars == {"n": 15} and not warnings
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000000010", "step-000000015"]


def test_nothing_there_is_none(tmp_path):
    assert load(tmp_path / "absent") == (None, [])


def truncate(path):
    file = path / "tensors.safetensors"
    file.write_bytes(file.read_bytes()[:-4])


def flip(path):
    content = bytearray((path / "tensors.safetensors").read_bytes())
    content[-1] ^= 1
    (path / "tensors.safetensors").write_bytes(content)


BREAKS = {
    "truncated": truncate,
    "one bit": flip,
    "no tensors": lambda path: (path / "tensors.safetensors").unlink(),
    "no state": lambda path: (path / "state.json").unlink(),
    "half a state": lambda path: (path / "state.json").write_text('{"identity": "a", "st'),
    "not text": lambda path: (path / "state.json").write_bytes(b"\xff\xfe\x00"),
    "another json": lambda path: (path / "state.json").write_text("[]"),
    "empty": lambda path: [shutil.rmtree(path), path.mkdir()],
}


@pytest.mark.parametrize("broken", BREAKS)
def test_a_broken_newest_is_stepped_over_and_named(tmp_path, broken):
    save(tmp_path, 5)
    BREAKS[broken](save(tmp_path, 10))
    (tensors, _), warnings = load(tmp_path)
    assert tensors["x"].tolist() == [5, 5, 5]
    assert [name for name, _ in warnings] == ["step-000000010"]
    save(tmp_path, 10)  # the run comes by again and replaces it
    assert load(tmp_path)[0][1] == {"n": 10}


def test_all_broken_is_none(tmp_path):
    truncate(save(tmp_path, 5))
    found, warnings = load(tmp_path)
    assert found is None and "digest" in warnings[0][1]


def test_unfinished_work_is_no_checkpoint_and_is_cleared(tmp_path):
    save(tmp_path, 5)
    half = tmp_path / ".step-000000010.tmp"
    half.mkdir()
    (half / "tensors.safetensors").write_bytes(b"half")
    assert load(tmp_path)[0][1] == {"n": 5}
    save(tmp_path, 10)
    assert not half.exists() and load(tmp_path)[0][1] == {"n": 10}


def test_a_checkpoint_of_another_recipe_is_refused_and_kept(tmp_path):
    path = save(tmp_path, 5)
    with pytest.raises(ArtifactError, match=r"must belong to the recipe.*Restore them, or delete"):
        load(tmp_path, identity="b")
    assert path.exists()


def test_any_layout_is_stored_in_reading_order(tmp_path):
    kernel = torch.arange(2 * 3 * 2 * 2.0).view(2, 3, 2, 2)
    tensors = {"k": kernel.to(memory_format=torch.channels_last)}
    save_checkpoint(tmp_path, "a", 1, tensors, {}, 1)
    assert torch.equal(load(tmp_path)[0][0]["k"], kernel)


def test_state_is_plain_json(tmp_path):
    assert json.loads((save(tmp_path, 3) / "state.json").read_text())["step"] == 3
