"""An exported file, loaded again: does it answer as the module that it was made from?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from basestone.compression.runtime import (
    Example,
    first_output,
    onnx_predictor,
    openvino_predictor,
    read_openvino,
    usable_threads,
)
from basestone.core.errors import ArtifactError, MissingExtra

TOLERANCE = 1e-3  # of the largest logit: float32 in another order of summation stays far below


def replay(kind: str, path: Path, model: nn.Module, example: Example) -> float:
    """The largest difference of an output, relative to the largest output.

    Raises:
        ArtifactError: it is above ``TOLERANCE``.
        MissingExtra: what runs such files is not installed.
    """
    arrays = [x.numpy() for x in example]
    with torch.inference_mode():
        expected = first_output(model.eval()(*example)).float().numpy()
    if kind == "litert":  # its shapes are fixed: one sample at a time
        found = np.concatenate(
            [READERS[kind](path)(*(array[i : i + 1] for array in arrays)) for i in range(len(arrays[0]))]
        )
    else:
        found = READERS[kind](path)(*arrays)
    apart = float(np.abs(found - expected).max() / max(float(np.abs(expected).max()), 1e-6))
    if not apart <= TOLERANCE:
        raise ArtifactError(
            f"{path.name} must answer as the module that it was made from, within {TOLERANCE:g} of its largest output; "
            f"the difference is {apart:.3g}. Leave '{kind}' out of 'export'."
        )
    return apart


def _pt2(path: Path) -> Callable[..., NDArray[Any]]:
    module = torch.export.load(path).module()

    @torch.inference_mode()
    def predict(*arrays: NDArray[Any]) -> NDArray[Any]:
        return first_output(module(*(torch.from_numpy(array) for array in arrays))).float().numpy()

    return predict


def _litert(path: Path) -> Callable[..., NDArray[Any]]:
    try:
        from ai_edge_litert.interpreter import Interpreter  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MissingExtra("ai-edge-litert", "litert") from error
    interpreter = Interpreter(model_path=str(path))
    interpreter.allocate_tensors()
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()

    def predict(*arrays: NDArray[Any]) -> NDArray[Any]:
        for detail, array in zip(inputs, arrays, strict=True):
            interpreter.set_tensor(detail["index"], array)
        interpreter.invoke()
        return np.array(interpreter.get_tensor(outputs[0]["index"]))

    return predict


READERS: dict[str, Callable[[Path], Callable[..., NDArray[Any]]]] = {
    "onnx": lambda path: onnx_predictor(path, usable_threads()),
    "openvino": lambda path: openvino_predictor(read_openvino(path), "fp32", usable_threads()),
    "pt2": _pt2,
    "litert": _litert,
}
