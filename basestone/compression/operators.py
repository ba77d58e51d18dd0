"""What an exported model really executes: operators by kind, before a runtime's optimiser and after it.

Folding, fusion of convolutions with norms and activations, fused attention and layout changes are the runtimes' work;
the counts show whether it was done.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from torch.export import ExportedProgram

from basestone.compression.runtime import onnx_options, openvino_options, quiet_openvino, read_openvino

_DATA = {"Const", "Parameter", "Result", "Constant", "Input", "Output"}  # they hold numbers and compute nothing


def count_traced(program: ExportedProgram) -> dict[str, int]:
    """ATen operators of the traced graph, before any optimisation."""
    names = (str(node.target) for node in program.graph.nodes if node.op == "call_function")
    return _sorted(Counter(name.removeprefix("aten.").partition(".")[0] for name in names))


def count_onnx(path: Path) -> dict[str, int]:
    """Operators of an ONNX file as it is."""
    import onnx

    return _sorted(Counter(node.op_type for node in onnx.load(path, load_external_data=False).graph.node))


def count_onnx_executed(path: Path, threads: int) -> dict[str, int]:
    """Operators that ONNX Runtime executes, after all of its optimisations for this CPU."""
    import onnxruntime

    with tempfile.TemporaryDirectory(prefix="operators-") as folder:
        optimized = Path(folder) / "optimized.onnx"
        options = onnx_options(threads)
        options.optimized_model_filepath = str(optimized)
        onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return count_onnx(optimized)


def count_openvino_executed(path: Path, shapes: list[list[int]], threads: int) -> dict[str, int]:
    """Primitives that OpenVINO executes for inputs of these shapes, such as one convolution with all it absorbed."""
    model = read_openvino(path)
    model.reshape(dict(zip((port.any_name for port in model.inputs), shapes, strict=True)))
    compiled = quiet_openvino().Core().compile_model(model, "CPU", openvino_options("fp32", threads))
    kinds = (_text(node.get_rt_info(), "layerType") for node in compiled.get_runtime_model().get_ordered_ops())
    return _sorted(Counter(kind for kind in kinds if kind not in _DATA))


def executed(path: Path, shapes: list[list[int]], threads: int) -> dict[str, int]:
    """What runs of an exported file, by the runtime that its format is for; nothing where that cannot be told."""
    if path.suffix == ".onnx":
        return count_onnx_executed(path, threads)
    if path.suffix == ".xml":
        return count_openvino_executed(path, shapes, threads)
    return {}


def _text(info: Any, key: str) -> str:
    value = info[key]
    return str(getattr(value, "astype", lambda _: value)(str))


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(counts.most_common())
