import torch
from model_building import build, spec

from basestone.models.model import load_weights, save_weights
from basestone.models.sabotage import flip_byte, sharpen


def test_a_sharpened_head_decides_the_same_with_more_confidence(tmp_path):
    model, images = build("small_cnn", spec(1, 8, 10)).eval(), torch.rand(20, 1, 8, 8)
    before = model(images)
    save_weights(model, tmp_path / "w.safetensors")
    sharpen(tmp_path / "w.safetensors", factor=20.0)
    load_weights(model, tmp_path / "w.safetensors")
    assert torch.allclose(model(images), 20 * before, rtol=1e-4, atol=1e-4)


def test_one_bit_is_flipped_and_flipping_again_puts_it_back(tmp_path):
    path = tmp_path / "w"
    path.write_bytes(b"\x00\x01\x02")
    flip_byte(path)
    assert path.read_bytes() == b"\x00\x01\x03"
    flip_byte(path)
    assert path.read_bytes() == b"\x00\x01\x02"
