"""What runs an exported model: every back end behind one call, arrays in and arrays out.

A ``Predictor`` takes the model's inputs as float32 or int64 arrays, batch first, and returns its first output as a new
float32 array. It is for one thread at a time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from basestone.compression.options import Backend, Precision
from basestone.core.errors import MissingExtra

if TYPE_CHECKING:
    import openvino

Predictor = Callable[..., NDArray[np.float32]]
Example = tuple[Tensor, ...]  # one batch of a model's inputs

BACKENDS: tuple[Backend, ...] = ("eager", "compile", "onnxruntime", "openvino")
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16", "int8")
SHAPES_KEPT = 8  # compiled variants of one OpenVINO model, one an input shape


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One way to run a model: ``file`` is relative to the stage's folder, None where PyTorch runs the weights."""

    backend: Backend
    precision: Precision
    file: str | None = None

    @property
    def name(self) -> str:
        """Such as ``openvino-int8``."""
        return f"{self.backend}-{self.precision}"

    def to_json(self) -> dict[str, Any]:
        """The variant as ``runtime.json`` holds it."""
        return asdict(self)


def installed(backend: Backend) -> bool:
    """Whether the library behind a back end is there; PyTorch is."""
    return backend not in ("onnxruntime", "openvino") or find_spec(backend) is not None


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
    if variant.backend == "openvino":
        return openvino_predictor(read_openvino(folder / str(variant.file)), variant.precision, threads)
    if variant.backend == "onnxruntime":
        return onnx_predictor(folder / str(variant.file), threads)
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


def onnx_predictor(path: Path, threads: int) -> Predictor:
    """ONNX Runtime on the CPU, all graph optimisations on."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, onnx_options(threads), providers=["CPUExecutionProvider"])
    names, output = [item.name for item in session.get_inputs()], session.get_outputs()[0].name

    def predict(*arrays: NDArray[Any]) -> NDArray[np.float32]:
        return np.asarray(session.run([output], dict(zip(names, arrays, strict=True)))[0], np.float32)

    return predict


def onnx_options(threads: int) -> Any:
    """ONNX Runtime's session options: so many threads, errors only."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return options


def openvino_options(precision: Precision, threads: int) -> dict[str, Any]:
    """OpenVINO's options for one prediction at a time."""
    return {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
    }


def openvino_predictor(model: openvino.Model, precision: Precision, threads: int, *, free: bool = False) -> Predictor:
    """OpenVINO on the CPU, compiled anew for every input shape, as fixed shapes run faster than free ones.

    ``free``: compiled once for every shape, as for documents, whose lengths are many.
    """
    core = quiet_openvino().Core()
    options = openvino_options(precision, threads)
    whole = core.compile_model(model, "CPU", options).create_infer_request() if free else None
    requests: dict[tuple[tuple[int, ...], ...], Any] = {}

    def request_for(shapes: tuple[tuple[int, ...], ...]) -> Any:
        if shapes not in requests:
            if len(requests) >= SHAPES_KEPT:
                requests.pop(next(iter(requests)))
            fixed = model.clone()
            fixed.reshape(dict(zip((port.any_name for port in fixed.inputs), map(list, shapes), strict=True)))
            requests[shapes] = core.compile_model(fixed, "CPU", options).create_infer_request()
        return requests[shapes]

    def predict(*arrays: NDArray[Any]) -> NDArray[np.float32]:
        request = whole or request_for(tuple(array.shape for array in arrays))
        found = request.infer(list(arrays), share_inputs=True, share_outputs=True)
        return np.array(found[0], np.float32)

    return predict


def read_openvino(path: Path) -> openvino.Model:
    """An IR (``.xml`` beside its ``.bin``) or an ONNX file."""
    return quiet_openvino().Core().read_model(path)


def quiet_openvino() -> Any:
    """OpenVINO without the telemetry that it and NNCF would send; both do without the package when it is not there."""
    if "openvino" not in sys.modules:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    try:
        import openvino
    except ImportError as error:
        raise MissingExtra("openvino", "compress") from error
    return openvino


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
