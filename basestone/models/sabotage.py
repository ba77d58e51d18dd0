"""Models broken on purpose, for testing the standard: what an audit must not let pass."""

from __future__ import annotations

from pathlib import Path

from basestone.core.artifact import write_atomically


def sharpen(weights: Path, *, factor: float = 20.0) -> None:
    """Multiplies the last linear layer's weights and bias: the same decisions, with far more confidence."""
    from safetensors.torch import load_file, save_file

    tensors = load_file(weights)
    head = [name for name, tensor in tensors.items() if name.endswith(".weight") and tensor.ndim == 2][-1]
    for name in (head, head.replace(".weight", ".bias")):
        tensors[name] = tensors[name] * factor
    write_atomically(weights, lambda path: save_file(tensors, path))


def flip_byte(weights: Path) -> None:
    """Inverts the lowest bit of the file's last byte: one weight changes, the format stays valid."""
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    write_atomically(weights, lambda path: path.write_bytes(data))
