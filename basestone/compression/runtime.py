"""What runs an exported model: every back end behind one call, arrays in and arrays out.

A ``Predictor`` takes the model's inputs as float32 or int64 arrays, batch first, and returns its first output as a new
float32 array. It is for one thread at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from basestone.compression.engines import (
    SHAPES_KEPT,
    Predictor,
    Variant,
    installed,
    load_file,
    of_any_length,
    onnx_options,
    onnx_predictor,
    openvino_options,
    openvino_predictor,
    quiet_openvino,
    read_openvino,
)
from basestone.compression.options import Backend, Precision
from basestone.core.errors import MissingExtra

__all__ = [
    "BACKENDS",
    "PRECISIONS",
    "SHAPES_KEPT",
    "Example",
    "Predictor",
    "RuntimeModule",
    "Variant",
    "first_output",
    "installed",
    "load",
    "of_any_length",
    "onnx_options",
    "onnx_predictor",
    "openvino_options",
    "openvino_predictor",
    "quiet_nncf",
    "quiet_openvino",
    "read_openvino",
    "torch_predictor",
    "unavailable",
    "usable_threads",
]

Example = tuple[Tensor, ...]  # one batch of a model's inputs

BACKENDS: tuple[Backend, ...] = ("eager", "compile", "onnxruntime", "openvino")
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16", "int8")


def unavailable(backend: Backend, precision: Precision) -> str | None:
    """Why this pair is not even tried here, or None."""
    if not installed(backend):
        return f"{backend} is not installed"
    if backend in ("eager", "compile") and precision == "int8":
        return "PyTorch has no int8 kernels of its own for this model; quantized models run in the other back ends"
    if backend == "onnxruntime" and precision == "bf16":
        return "ONNX Runtime has no bfloat16 convolutions or products on CPUs"
    if precision == "bf16" and not torch.cpu._is_avx512_bf16_supported():
        return "this CPU has no bfloat16 instructions"
    return None


def load(variant: Variant, folder: Path, threads: int, model: nn.Module | None = None) -> Predictor:
    """A predictor for one variant; ``model`` is what the two PyTorch back ends run.

    Raises:
        MissingExtra: the back end is not installed.
    """
    if variant.file is not None:
        return load_file(variant, folder, threads)
    if model is None:
        raise ValueError(f"'{variant.name}' runs a PyTorch module; none was given.")
    return torch_predictor(model, variant.precision, compiled=variant.backend == "compile")


def torch_predictor(model: nn.Module, precision: Precision, *, compiled: bool) -> Predictor:
    """The module in evaluation mode, channels last where an input is an image, under autocast for ``bf16``."""
    model = model.eval().to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    run: Callable[..., Any] = torch.compile(model) if compiled else model

    @torch.inference_mode()
    def predict(*arrays: NDArray[Any]) -> NDArray[np.float32]:
        inputs = [_as_tensor(array) for array in arrays]
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
            return first_output(run(*inputs)).float().numpy()

    return predict


def quiet_nncf() -> Any:
    """NNCF with its telemetry off and only its warnings on."""
    quiet_openvino()
    try:
        import nncf
    except ImportError as error:
        raise MissingExtra("nncf", "compress") from error
    import logging

    nncf.set_log_level(logging.ERROR)
    return nncf


class RuntimeModule(nn.Module):
    """A predictor as a module: tensors in, float32 logits out. No gradients flow."""

    def __init__(self, predictor: Predictor) -> None:
        """Wraps ``predictor``."""
        super().__init__()
        self.predictor = predictor

    def forward(self, *inputs: Tensor) -> Tensor:
        """N×… inputs to N×K."""
        return torch.from_numpy(self.predictor(*(x.contiguous().numpy() for x in inputs)))


def first_output(output: Any) -> Tensor:
    """Logits of whatever a model returns: a tensor, a tuple, or a Hugging Face output."""
    if isinstance(output, Tensor):
        return output
    return output[0]


def usable_threads() -> int:
    """The threads that PyTorch was given, which is one a physical core in a run of ours."""
    return torch.get_num_threads()


def _as_tensor(array: NDArray[Any]) -> Tensor:
    tensor = torch.from_numpy(array)
    return tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor
