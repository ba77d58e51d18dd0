"""What runs an exported model without PyTorch: ONNX Runtime and OpenVINO behind one call, arrays in and arrays out.

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
from numpy.typing import NDArray

from basestone.compression.options import Backend, Precision
from basestone.core.errors import MissingExtra

if TYPE_CHECKING:
    import openvino

Predictor = Callable[..., NDArray[np.float32]]
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


def load_file(variant: Variant, folder: Path, threads: int) -> Predictor:
    """A predictor for a variant that lies in a file.

    Raises:
        MissingExtra: the back end is not installed.
    """
    if variant.backend == "openvino":
        model = read_openvino(folder / str(variant.file))
        return openvino_predictor(model, variant.precision, threads, free=of_any_length(model))
    return onnx_predictor(folder / str(variant.file), threads)


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
        found = request.infer(arrays, share_inputs=True, share_outputs=True)  # a list is searched for plain numbers
        return np.array(found[0], np.float32)

    return predict


def of_any_length(model: openvino.Model) -> bool:
    """Whether a batch may be as long as its longest sample, as with documents: its shapes are many then."""
    return any(size.is_dynamic for port in model.inputs for size in list(port.partial_shape)[1:])


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
