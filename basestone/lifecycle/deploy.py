"""Deploy: export a compressed model, try every way of running it, ship the fastest that is shown to be the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from basestone.core.artifact import write_json
from basestone.core.errors import ArtifactError
from basestone.lifecycle.candidates import BATCH, Expected, expect, probe_all, shown_in

if TYPE_CHECKING:
    from torch import Tensor, nn

    from basestone.compression.pick import Probe
    from basestone.compression.runtime import Variant
    from basestone.lifecycle.compress import Bench

REPLAYED = 64
EXPORTS = {  # what a back end reads in each arithmetic, by the kind of file
    ("onnxruntime", "fp32"): "onnx",
    ("onnxruntime", "int8"): "onnxruntime-int8",
    ("openvino", "fp32"): "openvino",
    ("openvino", "bf16"): "openvino",
    ("openvino", "int8"): "openvino-int8",
}
DIVERGED = 0.3  # relative error of a layer's output from which a quantized layer is named


@dataclass(frozen=True)
class Deployed:
    """``files``: all that runs, relative to the stage's folder; ``runtime``: the variant that is shipped."""

    files: list[str] = field(default_factory=list[str])
    runtime: str | None = None


@dataclass
class Files:
    """What was exported: kind (``onnx``, ``openvino-int8``) → path; ``broken``: what could not be made, and why."""

    folder: Path
    example: tuple[Tensor, ...]
    made: dict[str, Path] = field(default_factory=dict[str, Path])
    broken: dict[str, str] = field(default_factory=dict[str, str])
    traced: dict[str, int] = field(default_factory=dict[str, int])


def deploy(bench: Bench, model: nn.Module) -> Deployed:
    """Exports what is asked for and, with ``deploy``, picks the runtime and proves it."""
    if bench.section.deploy is None and not bench.section.export:
        return Deployed()
    files = _exported(bench, model)
    kept = {files.made[kind] for kind in bench.section.export}
    chosen = None
    if bench.section.deploy is not None:
        chosen = _chosen(bench, model, files)
        kept |= {bench.folder / chosen.variant.file} if chosen.variant.file else set()
    shipped = _keep_only(files.folder, kept)
    extra = [] if chosen is None else ["runtime.json"]
    return Deployed(extra + shipped, None if chosen is None else chosen.variant.name)


def _exported(bench: Bench, model: nn.Module) -> Files:
    """Every file that a candidate or the recipe asks for. An ONNX file is the root of most of them."""
    from basestone.compression import export
    from basestone.compression.operators import count_traced
    from basestone.compression.replay import replay

    files = Files(bench.folder / "deployed", (bench.split("train").batch(bench.draw("train", 4, "example")).inputs,))
    files.folder.mkdir(exist_ok=True)
    program = export.trace(model, files.example, bench.longest)
    files.traced = count_traced(program)
    wanted = {"onnx", *bench.section.export, *(["openvino"] if _tries(bench, "openvino") else [])}
    files.made["onnx"] = export.to_onnx(program, files.folder / "fp32.onnx")
    if "openvino" in wanted:
        files.made["openvino"] = export.to_openvino(program, files.folder / "fp32.xml")
    if "pt2" in wanted:
        files.made["pt2"] = export.to_pt2(program, files.folder / "model.pt2")
    if "litert" in wanted:
        single = tuple(x[:1] for x in files.example)
        files.made["litert"] = export.to_litert(model, single, files.folder / "model.tflite")
    if bench.section.quantize is not None:
        _quantize(bench, model, files)
    for kind in bench.section.export:
        replay(kind, files.made[kind], model, files.example)
    return files


def _quantize(bench: Bench, model: nn.Module, files: Files) -> None:
    """The 8-bit files of each back end that is tried; one that cannot be made is a recorded result."""
    from basestone.compression.options import QUANTIZERS
    from basestone.compression.quantize import Given
    from basestone.lifecycle.shrink import train_on

    assert bench.section.quantize is not None
    quantizer = QUANTIZERS.build(bench.section.quantize)
    given = Given(
        model=model,
        exports={
            backend: files.made[kind]
            for (backend, precision), kind in EXPORTS.items()
            if precision == "fp32" and kind in files.made
        },
        batches=lambda count: _batches(bench, count),
        score=lambda predictor: _accuracy(bench, predictor),
        train=lambda module: train_on(bench, module),
        seed=bench.corridor.recipe.seed,
    )
    suffixes: dict[Literal["openvino", "onnxruntime"], str] = {"openvino": ".xml", "onnxruntime": ".onnx"}
    for backend, suffix in suffixes.items():
        if _tries(bench, backend):
            name = f"{backend}-int8"
            try:
                made = quantizer(given, backend, files.folder / f"int8{suffix}")
            except Exception as error:  # a quantizer that cannot take this network is a result
                files.broken[name] = f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"
                continue
            files.made |= {} if made is None else {name: made}


def _batches(bench: Bench, count: int) -> list[list[Any]]:
    train = bench.split("train")
    return [[train.batch(at[None]).inputs.numpy()] for at in bench.draw("train", count, "calibration")]


def _accuracy(bench: Bench, predictor: Any) -> float:
    """Accuracy on the samples that show retention, for the fallback of single layers."""
    import numpy as np

    from basestone.lifecycle.probe import in_batches

    assert bench.section.deploy is not None
    right = []
    for split, positions in shown_in(bench, bench.section.deploy.samples).items():
        batch = bench.split(split).batch(positions)
        answers = in_batches(predictor, [batch.inputs.numpy()], BATCH).argmax(1)
        right.append(answers == batch.targets.numpy())
    return float(np.concatenate(right).mean())


def _chosen(bench: Bench, model: nn.Module, files: Files) -> Probe:
    """Probes every candidate, writes down what was found, and picks; nothing is shipped that was not shown the same."""
    from basestone.compression.pick import pick

    section = bench.section.deploy
    assert section is not None
    expected = expect(bench, model, shown_in(bench, section.samples))
    probes = probe_all(bench, _variants(bench, files), expected, lambda variant: _not_tried(bench, files, variant))
    _write_candidates(bench, files, probes, expected)
    for probe in probes:
        _require_exact(model, files, probe, section.tolerance)
    try:
        chosen = pick(probes, section.retain)
    except ArtifactError as error:
        raise ArtifactError(f"{error} {_parting(model, files, 'openvino-int8', DIVERGED)}".strip()) from error
    write_json(bench.folder / "runtime.json", chosen.variant.to_json())
    write_json(bench.folder / "proof.json", _proof(bench, chosen, expected))
    return chosen


def _variants(bench: Bench, files: Files) -> list[Variant]:
    """Every pair of back end and precision that the recipe wants tried."""
    from basestone.compression.runtime import Variant

    assert bench.section.deploy is not None

    def file(backend: str, precision: str) -> str | None:
        path = files.made.get(EXPORTS.get((backend, precision), ""))
        return None if path is None else path.relative_to(bench.folder).as_posix()

    return [
        Variant(backend=backend, precision=precision, file=file(backend, precision))
        for backend in bench.section.deploy.backends
        for precision in bench.section.deploy.precisions
    ]


def _not_tried(bench: Bench, files: Files, variant: Variant) -> str | None:
    from basestone.compression.runtime import unavailable

    reason = files.broken.get(variant.name) or unavailable(variant.backend, variant.precision)
    if reason is None and variant.precision == "int8" and variant.file is None:
        return "the recipe does not quantize for it"
    return reason


def _require_exact(model: nn.Module, files: Files, probe: Probe, tolerance: float) -> None:
    """A float32 export must answer as the module does; ArtifactError with the layer where they part."""
    exact = probe.outcome == "measured" and probe.variant.precision == "fp32"
    if exact and not (probe.max_abs_diff or 0.0) <= tolerance:
        raise ArtifactError(
            f"'{probe.variant.name}' must answer as the module that it was made from, within {tolerance:g} of every "
            f"logit; it is {probe.max_abs_diff:.3g} off. {_parting(model, files, 'openvino', tolerance)}"
        )


def _parting(model: nn.Module, files: Files, kind: str, limit: float) -> str:
    """Which layer of a file first differs from the module's, in words; empty when it cannot be told."""
    from basestone.compression.divergence import compare_layers, first_divergence
    from basestone.compression.runtime import read_openvino

    if kind not in files.made:
        return ""
    inputs = [x.numpy() for x in files.example]
    errors = compare_layers(model, read_openvino(files.made[kind]), inputs)
    found = first_divergence(errors, limit)
    return f"The first layer that differs is '{found.layer}', by {found.relative:.1%}." if found else ""


def _write_candidates(bench: Bench, files: Files, probes: list[Probe], expected: Expected) -> None:
    from basestone.compression.operators import executed
    from basestone.compression.pick import pareto
    from basestone.compression.runtime import usable_threads

    assert bench.section.deploy is not None
    timed = [probe for probe in probes if probe.latency_s]
    shapes = [[1, *x.shape[1:]] for x in files.example]
    counts = {name: executed(path, shapes, usable_threads()) for name, path in files.made.items()}
    written = {
        "probes": [probe.to_json() for probe in probes],
        "pareto": {str(size): pareto(timed, size) for size in bench.section.deploy.batch_sizes},
        "retain": bench.section.deploy.retain,
        "samples": {split: len(positions) for split, positions in expected.positions.items()},
        "operators": {"traced": files.traced} | {name: count for name, count in counts.items() if count},
    }
    write_json(bench.folder / "candidates.json", written)


def _proof(bench: Bench, chosen: Probe, expected: Expected) -> dict[str, Any]:
    """What is shipped, read back from its files, on fixed inputs against this model in PyTorch.

    Raises:
        ArtifactError: it does not answer twice alike, or not as its probe did.
    """
    import numpy as np

    from basestone.compression.runtime import load, usable_threads
    from basestone.lifecycle.probe import in_batches
    from basestone.lifecycle.restore import restore

    split, positions = next(iter(expected.positions.items()))
    batch = bench.split(split).batch(positions[:REPLAYED])
    variant = chosen.variant
    module = restore(bench.corridor.folder, bench.stage)[0] if variant.file is None else None
    predict = load(variant, bench.folder, usable_threads(), module)
    first, second = (in_batches(predict, [batch.inputs.numpy()], BATCH) for _ in range(2))
    apart = float(np.abs(first - expected.own[: len(first)]).max())
    if not np.array_equal(first.argmax(1), second.argmax(1)) or apart > (chosen.max_abs_diff or 0.0) * 1.05 + 1e-4:
        raise ArtifactError(
            f"'{variant.name}', read back from its files, must answer as it did when it was probed (at most "
            f"{chosen.max_abs_diff:.3g} from the module's logits); it is {apart:.3g} away. Nothing is shipped."
        )
    return {
        "runtime": variant.name,
        "replayed": len(first),
        "repeat_max_abs_diff": float(np.abs(first - second).max()),
        "module_max_abs_diff": apart,
        "parent_retention": chosen.retention,
        "parent_retention_lower": chosen.retention_lower,
    }


def _keep_only(folder: Path, kept: set[Path]) -> list[str]:
    """Deletes all files but ``kept`` and what belongs to them; names what is left, relative to the stage's folder."""
    belonging = kept | {path.with_suffix(".bin") for path in kept if path.suffix == ".xml"}
    for path in folder.iterdir():
        if path not in belonging:
            path.unlink()
    left = sorted(f"{folder.name}/{path.name}" for path in folder.iterdir())
    if not left:
        folder.rmdir()
    return left


def _tries(bench: Bench, backend: Literal["openvino", "onnxruntime"]) -> bool:
    """Whether files for this back end are wanted and of use here."""
    from basestone.compression.runtime import installed

    return bench.section.deploy is not None and backend in bench.section.deploy.backends and installed(backend)
