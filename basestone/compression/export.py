"""From a PyTorch module to files that run without its code: ONNX, OpenVINO IR, torch.export and LiteRT.

``example`` is one batch of inputs, two samples or more, as PyTorch takes a batch of one for a constant. The first axis
of every input stays free.
"""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.export import Dim, ExportedProgram

from basestone.compression.runtime import Example, quiet_openvino, read_openvino
from basestone.core.errors import MissingExtra, UsageError

if TYPE_CHECKING:
    import openvino

OPERATOR = re.compile(r"OpOverload\(op='\w+\.(\w+)'")


def trace(model: nn.Module, example: Example) -> ExportedProgram:
    """The module as one graph of ATen operators, free in the batch.

    Raises:
        UsageError: Python control flow that depends on numbers, or another reason why no single graph exists.
    """
    batch = Dim("batch", min=1)
    shapes = tuple({0: batch} for _ in example)
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


def to_openvino(onnx: Path, path: Path) -> Path:
    """Writes the IR ``path`` (``.xml``, and ``.bin`` beside it) of an ONNX file, weights in float32."""
    quiet_openvino().save_model(read_openvino(onnx), path, compress_to_fp16=False)
    return path


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
    stack = list(node.meta.get("nn_module_stack", {}).values())
    name = str(stack[-1][0]) if stack else ""
    return name.removeprefix("L['self'].").removeprefix("L['self']") or "the model itself"


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
