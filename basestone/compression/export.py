"""From a PyTorch module to files that run without its code: ONNX, OpenVINO IR, torch.export and LiteRT.

``example`` is one batch of inputs, two samples or more, as PyTorch takes a batch of one for a constant. The first axis
of every input stays free, of documents the second one too.
"""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.export import Dim, ExportedProgram

from basestone.compression.runtime import Example, quiet_openvino
from basestone.core.errors import MissingExtra, UsageError

if TYPE_CHECKING:
    import openvino

MODULE = "module:"  # before the name of a module, in a name of the tensor that it puts out
OPERATOR = re.compile(r"(?:OpOverload\(op='\w+|\baten)\.(\w+)")  # as the exporters to ONNX and to OpenVINO name one


def trace(model: nn.Module, example: Example, longest: int | None = None) -> ExportedProgram:
    """The module as one graph of ATen operators, free in the batch; in its second axis too, up to ``longest``.

    Raises:
        UsageError: Python control flow that depends on numbers, or another reason why no single graph exists.
    """
    free = {0: Dim("batch", min=1)} | ({1: Dim("length", min=2, max=longest)} if longest else {})
    shapes = tuple(free for _ in example)
    try:
        with quiet():
            return torch.export.export(model.eval(), example, dynamic_shapes=shapes)
    except Exception as error:
        raise UsageError(
            f"An exported model must be one graph of operators, and {type(model).__name__} is not: {_first_line(error)}"
        ) from error


def to_onnx(program: ExportedProgram, path: Path) -> Path:
    """Writes ``path``, one file with its weights inside.

    Raises:
        UsageError: an operator has no ONNX form; it is named with the layer that it is in.
    """
    try:
        with quiet():
            made = torch.onnx.export(program, dynamo=True, verbose=False)
            assert made is not None
            made.save(path, external_data=False)
    except ImportError as error:
        raise MissingExtra(error.name or "onnxscript", "compress") from error
    except Exception as error:
        raise UsageError(_unsupported(program, error, "ONNX")) from error
    return path


def to_openvino(program: ExportedProgram, path: Path) -> Path:
    """Writes the IR ``path`` (``.xml``, and ``.bin`` beside it), weights in float32.

    Made from the traced graph itself, as ONNX takes attention apart and OpenVINO would then run the pieces. Tensors
    that are a module's output carry its name (``module_outputs``).

    Raises:
        UsageError: an operator has no form in OpenVINO; it is named with the layer that it is in.
    """
    openvino = quiet_openvino()
    from openvino.frontend.pytorch.fx_decoder import TorchFXPythonDecoder

    try:
        with quiet():
            decoder = TorchFXPythonDecoder.from_exported_program(program)
            made = openvino.convert_model(decoder)
    except Exception as error:
        raise UsageError(_unsupported(program, error, "OpenVINO")) from error
    made.reshape(dict(zip(made.inputs, _input_shapes(program), strict=True)))
    _name_outputs(made, decoder.pt_module.graph)
    openvino.save_model(made, path, compress_to_fp16=False)
    return path


def module_outputs(model: openvino.Model) -> dict[str, str]:
    """Module → a name of the tensor that it puts out, of those that optimisation or quantization left."""
    return {name.removeprefix(MODULE): name for name in _tensors(model) if name.startswith(MODULE)}


def _name_outputs(model: openvino.Model, graph: torch.fx.Graph) -> None:
    """Gives the last tensor that each module computes a name of that module's."""
    last = {module: node.name for node in graph.nodes for module in _modules_of(node)}
    tensors = _tensors(model)
    for module, node in last.items():
        if (tensor := tensors.get(f"{node}:0")) is not None:
            tensor.add_names({MODULE + module})


def _tensors(model: openvino.Model) -> dict[str, Any]:
    """Every tensor by each of its names, as the output that it is."""
    return {name: port for node in model.get_ordered_ops() for port in node.outputs() for name in port.names}


def _input_shapes(program: ExportedProgram) -> list[list[int]]:
    """Of every input, −1 for what may be of any size."""
    shapes = {node.name: node.meta["val"].shape for node in program.graph.nodes if node.op == "placeholder"}
    inputs = [str(name) for name in program.graph_signature.user_inputs]
    return [[size if isinstance(size, int) else -1 for size in shapes[name]] for name in inputs]


def traced_openvino(model: nn.Module, example: Example) -> openvino.Model:
    """The module in OpenVINO without a detour by a file; its float32 kernels, or the rounding that NNCF put into it."""
    with quiet():  # it traces by torch.jit, which is deprecated and says so
        inputs = example[0] if len(example) == 1 else example
        return quiet_openvino().convert_model(model.eval(), example_input=inputs)


def to_pt2(program: ExportedProgram, path: Path) -> Path:
    """Writes a ``torch.export`` archive.

    Its sample inputs are pickled by PyTorch, so that the archive does not count as a safe format (SEC-1): it is for
    use elsewhere, not for what is served.
    """
    torch.export.save(program, path)
    return path


def to_litert(model: nn.Module, example: Example, path: Path) -> Path:
    """Writes a LiteRT (TensorFlow Lite) flatbuffer for exactly the shapes of ``example``."""
    try:
        import litert_torch  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MissingExtra("litert-torch", "litert") from error
    litert_torch.convert(model.eval(), example).export(str(path))
    return path


def unsupported_operators(program: ExportedProgram, message: str) -> dict[str, str]:
    """Operators of the graph that an exporter's ``message`` names → the first module that uses each.

    The exporter may have taken an operator apart before it failed: its parts carry its name, less a prefix.
    """
    named = set(OPERATOR.findall(message))
    layers: dict[str, str] = {}
    for node in program.graph.nodes:
        if node.op == "call_function" and any(name in str(node.target) for name in named):
            layers.setdefault(str(node.target), module_of(node))
    return layers


def module_of(node: torch.fx.Node) -> str:
    """The dotted name of the innermost module that a node of an exported graph comes from."""
    return next(reversed(_modules_of(node)), "the model itself")


def _modules_of(node: torch.fx.Node) -> list[str]:
    """The dotted names of all modules that a node comes from, the outermost first; none for the model's own."""
    stack = [str(entry[0]) for entry in node.meta.get("nn_module_stack", {}).values()]
    names = [name.removeprefix("L['self'].").removeprefix("L['self']") for name in stack]
    return [name for name in names if name and not name.startswith("_empty_nn_module_stack")]


def _unsupported(program: ExportedProgram, error: Exception, target: str) -> str:
    layers = unsupported_operators(program, str(error))
    if not layers:
        return f"The model could not be written as {target}: {_first_line(error)}"
    where = "; ".join(f"'{operator}' in '{layer}'" for operator, layer in layers.items())
    return f"Every operator must have a form in {target}, and these have none: {where}. Replace that layer."


def _first_line(error: BaseException) -> str:
    """The first line of what it says, without a terminal's colours."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    return next((line.strip() for line in plain.splitlines() if line.strip()), type(error).__name__)


@contextmanager
def quiet() -> Iterator[None]:
    """The exporters print their progress and log at length; what goes wrong is raised."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir", "torch.export")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
