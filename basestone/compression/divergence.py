"""Where an exported or quantized model first stops doing what the original does: layer by layer, on the same inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from basestone.compression.export import module_outputs
from basestone.compression.runtime import first_output, quiet_openvino

if TYPE_CHECKING:
    import openvino

Arrays = Sequence[NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class LayerError:
    """``relative``: ‖child − parent‖ / ‖parent‖ over all values that the layer puts out for the replayed inputs."""

    layer: str
    relative: float


def compare_layers(model: nn.Module, child: openvino.Model, inputs: Arrays) -> list[LayerError]:
    """The error of every module whose output the child still has as a tensor, in the order of execution."""
    found = _openvino_outputs(child, inputs)
    expected = _torch_outputs(model, list(found), inputs)
    return [
        LayerError(layer=name, relative=_relative(value, found[name]))
        for name, value in expected.items()
        if value.shape == found[name].shape
    ]


def first_divergence(errors: Sequence[LayerError], limit: float) -> LayerError | None:
    """The first layer whose error is above ``limit`` or not a number."""
    return next((error for error in errors if not error.relative <= limit), None)


def _openvino_outputs(model: openvino.Model, inputs: Arrays) -> dict[str, NDArray[Any]]:
    """What the tensors that modules put out hold."""
    core = quiet_openvino().Core()
    opened = model.clone()
    kept = module_outputs(opened)
    result_names = {name for port in opened.outputs for name in port.names}
    opened.add_outputs([tensor for tensor in kept.values() if tensor not in result_names])
    values = core.compile_model(opened, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(list(inputs))
    by_name = {name: np.array(values[port]) for port in values for name in port.names}
    return {module: by_name[tensor] for module, tensor in kept.items() if tensor in by_name}


@torch.inference_mode()
def _torch_outputs(model: nn.Module, names: Sequence[str], inputs: Arrays) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {}

    def keep(name: str) -> Callable[..., None]:
        def hook(_: nn.Module, __: Any, output: Any) -> None:
            value = first_output(output)
            if isinstance(value, Tensor):
                found[name] = value.float().numpy()

        return hook

    handles = [model.get_submodule(name).register_forward_hook(keep(name)) for name in names]
    try:
        model.eval()(*(torch.from_numpy(array) for array in inputs))
    finally:
        for handle in handles:
            handle.remove()
    return found


def _relative(expected: NDArray[Any], found: NDArray[Any]) -> float:
    size = float(np.linalg.norm(expected.astype(np.float64)))
    gap = float(np.linalg.norm(found.astype(np.float64) - expected.astype(np.float64)))
    return gap / size if size else float(gap > 0)
