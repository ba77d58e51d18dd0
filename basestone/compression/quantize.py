"""Quantization: 8-bit integers from a few samples or by training; 8- and 4-bit weights for Transformers.

NNCF writes for OpenVINO, ONNX Runtime's own tool writes the portable QDQ form. Where the CPU lacks VNNI, products of
8-bit numbers can overflow 16 bits: weights then keep to 7 bits.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from basestone.compression.export import quiet, traced_openvino
from basestone.compression.runtime import (
    Predictor,
    of_any_length,
    openvino_predictor,
    quiet_nncf,
    quiet_openvino,
    read_openvino,
    usable_threads,
)
from basestone.core.errors import MissingExtra

LOUD = np.float32(255)  # deviations of images, as if pixels had not been scaled: ranges far too wide
Batch = Sequence[NDArray[Any]]  # the model's inputs, one sample


@dataclass(frozen=True, kw_only=True)
class Given:
    """What there is to quantize with.

    ``exports``: back end → the float32 export of ``model`` that it reads; ``batches``: the wanted number of training
    samples, one a batch; ``score``: accuracy of a predictor, 0–1; ``train``: trains a module as the recipe says;
    ``seed`` for what is drawn.
    """

    model: nn.Module
    exports: Mapping[str, Path]
    batches: Callable[[int], list[list[NDArray[Any]]]]
    score: Callable[[Predictor], float]
    train: Callable[[nn.Module], object]
    seed: int


class Quantizer(Protocol):
    """Makes the 8-bit file of one back end; None where it has nothing for it."""

    def __call__(self, given: Given, backend: str, path: Path) -> Path | None:
        """Writes ``path`` and returns it."""
        ...


@dataclass(frozen=True)
class PostTraining:
    """See ``options.post_training``."""

    samples: int
    calibrate_on: Literal["train", "noise"]
    bias_correction: Literal["none", "fast", "full"]
    fallback_drop: float | None

    def __call__(self, given: Given, backend: str, path: Path) -> Path:
        """For OpenVINO by NNCF, for ONNX Runtime as QDQ."""
        batches = given.batches(self.samples)
        if self.calibrate_on == "noise":
            generator = np.random.default_rng(given.seed)
            batches = [[LOUD * generator.standard_normal(x.shape, np.float32) for x in batch] for batch in batches]
        if backend == "onnxruntime":
            return to_qdq(given.exports[backend], path, batches)
        source, options = read_openvino(given.exports[backend]), self._options(given.model)
        with quiet():
            nncf = quiet_nncf()
            data = nncf.Dataset(batches, list)
            if self.fallback_drop is None:
                made = nncf.quantize(source, data, **options)
            else:
                made = self._with_fallback(given, source, data, options)
        return _saved(made, path)

    def _with_fallback(self, given: Given, source: Any, data: Any, options: dict[str, Any]) -> Any:
        """Layers go back to float, the most harmful first, until accuracy is within ``fallback_drop``."""
        nncf = quiet_nncf()

        def validate(candidate: Any, _: Any) -> float:
            model = candidate if hasattr(candidate, "clone") else candidate.model
            free = of_any_length(model)
            return given.score(openvino_predictor(model, "int8", usable_threads(), free=free))

        return nncf.quantize_with_accuracy_control(
            source,
            calibration_dataset=data,
            validation_dataset=data,
            validation_fn=validate,
            max_drop=self.fallback_drop,
            drop_type=nncf.DropType.ABSOLUTE,
            **options,
        )

    def _options(self, model: nn.Module) -> dict[str, Any]:
        nncf = quiet_nncf()
        overflow = nncf.OverflowFix.DISABLE if has_vnni() else nncf.OverflowFix.ENABLE
        return _common(model, self.samples) | {
            "fast_bias_correction": self.bias_correction != "full",
            "advanced_parameters": nncf.AdvancedQuantizationParameters(
                overflow_fix=overflow, disable_bias_correction=self.bias_correction == "none"
            ),
        }


@dataclass(frozen=True)
class Aware:
    """See ``options.aware``."""

    samples: int

    def __call__(self, given: Given, backend: str, path: Path) -> Path | None:
        """NNCF puts the rounding into the module, the recipe's training goes on, OpenVINO converts what comes out."""
        if backend != "openvino":
            return None
        batches = [tuple(torch.from_numpy(x) for x in batch) for batch in given.batches(self.samples)]
        with quiet():
            nncf = quiet_nncf()
            data = nncf.Dataset(batches, lambda batch: batch[0] if len(batch) == 1 else batch)
            rounded = nncf.quantize(copy.deepcopy(given.model).eval(), data, **_common(given.model, self.samples))
        given.train(rounded)
        return _saved(traced_openvino(nncf.strip(rounded.eval()), batches[0]), path)


@dataclass(frozen=True)
class WeightsOnly:
    """See ``options.weights_only``."""

    bits: Literal[4, 8]
    group_size: int

    def __call__(self, given: Given, backend: str, path: Path) -> Path | None:
        """By NNCF, for OpenVINO."""
        if backend != "openvino":
            return None
        with quiet():
            nncf = quiet_nncf()
            modes = nncf.CompressWeightsMode
            options = (
                {"mode": modes.INT8_ASYM} if self.bits == 8 else {"mode": modes.INT4_SYM, "group_size": self.group_size}
            )
            made = nncf.compress_weights(read_openvino(given.exports[backend]), **options)
        return _saved(made, path)


def has_vnni() -> bool:
    """Whether this CPU multiplies 8-bit integers into 32-bit sums in one instruction."""
    return bool(torch.cpu._is_vnni_supported())


def to_qdq(source: Path, path: Path, batches: Sequence[Batch]) -> Path:
    """Writes ``path``: the ONNX file ``source`` with quantize–dequantize pairs, 8-bit weights a channel."""
    try:
        from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
        from onnxruntime.quantization.shape_inference import quant_pre_process
    except ImportError as error:
        raise MissingExtra("onnxruntime", "compress") from error
    import onnx

    names = [item.name for item in onnx.load(source, load_external_data=False).graph.input]

    class Reader(CalibrationDataReader):
        """One batch a call, None at the end."""

        def __init__(self) -> None:
            self.batches: Iterator[Sequence[NDArray[Any]]] = iter(batches)

        def get_next(self) -> dict[str, NDArray[Any]] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
            arrays = next(self.batches, None)
            return None if arrays is None else dict(zip(names, arrays, strict=True))

    prepared = path.with_suffix(".prepared.onnx")
    level = logging.getLogger().level
    logging.getLogger().setLevel(logging.ERROR)  # it advises on the root logger
    try:
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            path,
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=not has_vnni(),
            weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8,
        )
    finally:
        logging.getLogger().setLevel(level)
        prepared.unlink(missing_ok=True)
    return path


def _common(model: nn.Module, samples: int) -> dict[str, Any]:
    nncf = quiet_nncf()
    transformer = any(isinstance(module, nn.LayerNorm) for module in model.modules())
    return {
        "preset": nncf.QuantizationPreset.MIXED if transformer else nncf.QuantizationPreset.PERFORMANCE,
        "model_type": nncf.ModelType.TRANSFORMER if transformer else None,
        "subset_size": samples,
    }


def _saved(model: Any, path: Path) -> Path:
    quiet_openvino().save_model(model, path, compress_to_fp16=False)
    return path
