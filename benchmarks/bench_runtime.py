"""The runtime that ``deploy`` picks against the best of what one sets up by hand, at batch 1 and 64.

    python benchmarks/bench_runtime.py [--resnet18 RUN] [--rounds 7]

Networks: ResNet-18 at 32 px, ResNet-50 at 224 px, a 6-layer BERT-like encoder at length 128. By hand: PyTorch eager,
``torch.compile``, ONNX Runtime (float32 and its own QDQ int8) and OpenVINO with NNCF (float32, bf16, int8), each as its
documentation has it. Ours: every candidate of ``basestone.compression``, the fastest of them. All sides run in one
process, in turn. Without trained weights (``--resnet18`` brings some) accuracy means nothing, so that here no candidate
is dropped for quality: this is about speed alone; ``deploy`` drops what is not shown to keep it.
"""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from basestone.compression.export import to_onnx, to_openvino, trace
from basestone.compression.quantize import Given, PostTraining
from basestone.compression.runtime import BACKENDS, PRECISIONS, Variant, load, unavailable, usable_threads
from side_by_side import Spread, alternate, folder_of, options, publish, ratio_chart, ratios, spread, table

Predict = Callable[..., Any]
CALIBRATED = 64
PICKED = "picked"
NETWORKS = ["resnet18@32", "resnet50@224", "bert6@128"]


class Encoder(nn.Module):
    """Six layers, 768 wide, 12 heads, a two-class head, from the transformers library; token numbers in."""

    def __init__(self) -> None:
        """Random weights."""
        super().__init__()
        from transformers import BertConfig, BertForSequenceClassification

        self.bert = BertForSequenceClassification(BertConfig(num_hidden_layers=6, attn_implementation="sdpa"))

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """N×128 token numbers to N×2 logits."""
        return self.bert(input_ids=ids, attention_mask=torch.ones_like(ids)).logits


def network(name: str, run: str | None) -> tuple[nn.Module, Callable[[int], torch.Tensor]]:
    """The network, ready to predict, and what makes a batch for it."""
    import timm

    torch.manual_seed(0)
    if name == "bert6@128":
        return Encoder().eval(), lambda n: torch.randint(1000, 20_000, (n, 128))
    if name == "resnet50@224":
        return timm.create_model("resnet50").eval(), lambda n: torch.randn(n, 3, 224, 224)
    if run is not None:
        from basestone.core.run import RunFolder
        from basestone.lifecycle.restore import restore

        return restore(RunFolder(Path(run)), "pretrain")[0], lambda n: torch.randn(n, 3, 32, 32)
    resnet18 = timm.create_model("resnet18", num_classes=10)
    resnet18.conv1, resnet18.maxpool = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.Identity()
    return resnet18.eval(), lambda n: torch.randn(n, 3, 32, 32)


def by_hand(model: nn.Module, batch: Callable[[int], torch.Tensor], size: int, folder: Path) -> dict[str, Predict]:
    """Each peer as its documentation sets it up, for one batch size."""
    import nncf
    import onnxruntime
    import openvino
    from onnxruntime.quantization import CalibrationDataReader, quantize_static

    example = batch(2)
    sides: dict[str, Predict] = {}

    def eager(x: NDArray[Any]) -> Any:
        with torch.inference_mode():
            return model(torch.from_numpy(x))

    compiled = torch.compile(model)

    def compile_(x: NDArray[Any]) -> Any:
        with torch.inference_mode():
            return compiled(torch.from_numpy(x))

    def compile_bf16(x: NDArray[Any]) -> Any:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            return compiled(torch.from_numpy(x))

    sides |= {"eager fp32": eager, "torch.compile": compile_, "torch.compile bf16": compile_bf16}

    path = folder / "hand.onnx"
    program = torch.onnx.export(
        model, (example,), dynamo=True, dynamic_shapes=({0: torch.export.Dim("n")},), verbose=False
    )
    program.save(path, external_data=False)

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.left = CALIBRATED

        def get_next(self) -> dict[str, Any] | None:
            self.left -= 1
            return {name: batch(1).numpy()} if self.left >= 0 else None

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    quantize_static(path, folder / "hand8.onnx", Reader(), per_channel=True)
    session8 = onnxruntime.InferenceSession(folder / "hand8.onnx", providers=["CPUExecutionProvider"])
    sides["ONNX Runtime"] = lambda x: session.run(None, {name: x})
    sides["ONNX Runtime int8"] = lambda x: session8.run(None, {name: x})

    core = openvino.Core()
    converted = openvino.convert_model(model, example_input=example)
    data = nncf.Dataset([batch(1).numpy() for _ in range(CALIBRATED)])
    kind = nncf.ModelType.TRANSFORMER if isinstance(model, Encoder) else None
    quantized = nncf.quantize(converted, data, model_type=kind, subset_size=CALIBRATED)
    for label, source, hint in (("fp32", converted, "f32"), ("bf16", converted, "bf16"), ("int8", quantized, "f32")):
        fixed = source.clone()
        fixed.reshape([size, *example.shape[1:]])
        ready = core.compile_model(fixed, "CPU", {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": hint})
        sides[f"OpenVINO {label}"] = ready
    return sides


def ours(model: nn.Module, batch: Callable[[int], torch.Tensor], folder: Path) -> dict[str, Predict]:
    """Every candidate that ``deploy`` would try."""
    program = trace(model, (batch(4),))
    onnx = to_onnx(program, folder / "fp32.onnx")
    ir = to_openvino(program, folder / "fp32.xml")
    given = Given(
        model=model,
        exports={"onnxruntime": onnx, "openvino": ir},
        batches=lambda count: [[batch(1).numpy()] for _ in range(count)],
        score=lambda _: 1.0,
        train=lambda _: None,
        seed=0,
    )
    quantizer = PostTraining(CALIBRATED, "train", "fast", None)
    files = {("onnxruntime", "fp32"): "fp32.onnx", ("openvino", "fp32"): "fp32.xml", ("openvino", "bf16"): "fp32.xml"}
    for backend, name in (("openvino", "int8.xml"), ("onnxruntime", "int8.onnx")):
        quantizer(given, backend, folder / name)
        files[backend, "int8"] = name
    variants = [
        Variant(backend=backend, precision=kind, file=files.get((backend, kind)))
        for backend in BACKENDS
        for kind in PRECISIONS
        if unavailable(backend, kind) is None
    ]
    return {variant.name: load(variant, folder, usable_threads(), model) for variant in variants}


def fastest(sides: dict[str, Predict], inputs: NDArray[Any], rounds: int) -> str:
    times = alternate({name: timer(predict, inputs) for name, predict in sides.items()}, rounds)
    return min(times, key=lambda name: float(np.median(times[name])))


def timer(predict: Predict, inputs: NDArray[Any], least_s: float = 0.2) -> Callable[[], float]:
    """Seconds of one prediction, the median of as many as fit into ``least_s``: at least three, of slow ones fewer."""

    def once() -> float:
        seconds: list[float] = []
        while sum(seconds) < least_s or (len(seconds) < 3 and sum(seconds) < 10 * least_s):
            started = time.perf_counter()
            predict(inputs)
            seconds.append(time.perf_counter() - started)
        return float(np.median(seconds))

    return once


def compare(name: str, sides: dict[str, Predict], picked: str, inputs: NDArray[Any], rounds: int) -> dict[str, Any]:
    """One network at one batch size: the picked runtime against the best by hand, and against eager float32."""
    times = alternate({key: timer(side, inputs) for key, side in sides.items()}, rounds)
    best = min((key for key in sides if key != PICKED), key=lambda key: float(np.median(times[key])))
    found = ratios(times, best)
    milliseconds = {key: spread([seconds * 1e3 for seconds in values]) for key, values in times.items()}
    table(f"{name} (picked: {picked})", "ms", milliseconds, found, best)
    over_eager = spread(list(np.array(times["eager fp32"]) / np.array(times[PICKED])))
    return {"picked": picked, "best_by_hand": best, "ratio": found[PICKED], "over_eager": over_eager, "times": times}


def main() -> None:
    parser = options(__doc__, rounds=7)
    parser.add_argument("--resnet18", help="a run folder whose ResNet-18 is taken instead of one without training")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 64])
    parser.add_argument("--networks", nargs="+", default=NETWORKS)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    found: dict[str, Any] = {}
    wanted, sizes = (["resnet18@32"], [1]) if asked.quick else (asked.networks, asked.sizes)
    for name in wanted:
        model, batch = network(name, asked.resnet18)
        with tempfile.TemporaryDirectory(prefix="runtime-") as place:
            candidates = ours(model, batch, Path(place))
            for size in sizes:
                inputs = batch(size).numpy()
                picked = fastest(candidates, inputs, 1 if asked.quick else 3)
                sides = by_hand(model, batch, size, Path(place)) | {PICKED: candidates[picked]}
                title = f"{name}, batch {size}"
                found[title] = compare(title, sides, picked, inputs, 1 if asked.quick else asked.rounds)
    gains: dict[str, Spread] = {title: result["over_eager"] for title, result in found.items()}
    single = [gain.median for title, gain in gains.items() if title.endswith("batch 1")]
    mean = float(np.exp(np.mean(np.log(single))))
    print(f"over eager float32 at batch 1: {mean:.2f} × (geometric mean of {len(single)})")
    heading = "The runtime that is picked against the best one by hand"
    axes = ("time ÷ best by hand (1: equal; left is faster)", "network")
    chart = ratio_chart(
        {title: result["ratio"] for title, result in found.items()}, heading, axes, "in one process, in turn"
    )
    publish("runtime", {"networks": found, "over_eager_batch_1_geometric_mean": mean}, chart, folder_of(asked))


if __name__ == "__main__":
    main()
