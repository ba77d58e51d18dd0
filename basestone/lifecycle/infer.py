"""Infer: the program that runs a served model; torch only where nothing else runs it.

``python -m basestone.lifecycle.infer HANDLE``: a nursery (``serving.nursery``) on the socket of that number.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.artifact import read_json
from basestone.core.spec import read_spec
from basestone.lifecycle.threads import pin_threads
from basestone.serving.feeding import SIZES, example, normalised, padded
from basestone.serving.nursery import Answer, tend

if TYPE_CHECKING:
    from torch import nn

Predict = Callable[[NDArray[Any]], NDArray[np.float32]]


def prepare(request: Mapping[str, Any]) -> nn.Module | None:
    """Imports what will run the model; where that is PyTorch, also restores it, on one thread so that none is left."""
    variant = _variant(_folder(request))
    if variant["file"] is None:
        return _restored(_folder(request))
    if variant["backend"] == "openvino":
        from basestone.compression.engines import quiet_openvino

        quiet_openvino()
    else:
        import_module("onnxruntime")
    return None


def answering(request: Mapping[str, Any], model: nn.Module | None) -> tuple[Answer, dict[str, Any]]:
    """What answers the server's frames, warm: texts of a language model, of any other logits; and what runs it."""
    spec = read_spec(read_json(_folder(request) / "model.json")["spec"])
    if spec.head == "tokens":
        return _writer(model, spec.input_shape[0], int(os.environ["OMP_NUM_THREADS"]))
    predict, told = load(request, model)
    return lambda _, batch: ({}, predict(np.asarray(batch))), told


def load(request: Mapping[str, Any], model: nn.Module | None) -> tuple[Predict, dict[str, Any]]:
    """The stage's model behind one call, raw samples in and logits out, warm; and what runs it."""
    folder, variant = _folder(request), _variant(_folder(request))
    spec = read_spec(read_json(folder / "model.json")["spec"])
    threads = int(os.environ["OMP_NUM_THREADS"])
    if model is not None:
        predictor, name = _by_torch(model, request["precision"], threads)
    else:
        from basestone.compression.engines import Variant, load_file

        found = Variant(**variant)
        predictor, name = load_file(found, folder, threads), found.name

    def predict(batch: NDArray[Any]) -> NDArray[np.float32]:
        filled = padded(normalised(batch, spec), model is None)
        return predictor(filled)[: len(batch)]

    for size in [size for size in SIZES if size <= request["max_batch"]]:
        predict(example(spec, size))
    return predict, {"runtime": name, "torch": "torch" in sys.modules}


def _writer(model: Any, window: int, threads: int) -> tuple[Answer, dict[str, Any]]:
    import torch

    from basestone.lifecycle.dictated import Texts

    torch.set_num_threads(threads)
    texts = Texts(model, window)
    plain = {"temperature": 0, "top_k": None, "top_p": 1.0, "seed": 0}
    for question, prompt in (({"begin": plain}, np.zeros(1, np.int64)), ({}, None), ({"end": True}, None)):
        texts({"text": 0, **question}, prompt)
    return texts, {"runtime": "eager-fp32", "torch": True}


def _folder(request: Mapping[str, Any]) -> Path:
    return Path(request["run"]) / "stages" / request["stage"]


def _variant(folder: Path) -> dict[str, Any]:
    """The way of running it that a compression chose; without one, PyTorch."""
    path = folder / "runtime.json"
    return read_json(path) if path.exists() else {"backend": "eager", "file": None}


def _restored(folder: Path) -> nn.Module:
    import torch

    from basestone.core.run import RunFolder
    from basestone.lifecycle.restore import restore

    torch.set_num_threads(1)
    return restore(RunFolder(folder.parent.parent), folder.name)[0]


def _by_torch(model: nn.Module, precision: Any, threads: int) -> tuple[Any, str]:
    import torch

    from basestone.compression.runtime import torch_predictor

    torch.set_num_threads(threads)
    return torch_predictor(model, precision, compiled=False), f"eager-{precision}"


if __name__ == "__main__":
    pin_threads()
    tend(int(sys.argv[1]), prepare, answering)
