"""The features of an extraction: from the cache, or read off the model into it; the stage's folder shares the files."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basestone.core.artifact import file_digest, read_json, write_atomically
from basestone.core.errors import ArtifactError, UsageError
from basestone.core.evidence import write_records
from basestone.core.seed import numpy_generator
from basestone.data.folders import fill, is_whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from basestone.lifecycle.extract import Bench

FILE = "features.safetensors"
PROVEN_ON = 64  # samples on which a runtime must agree with PyTorch …
LEAST_COSINE = 0.99  # … as far as this, each


def keep(bench: Bench) -> dict[str, Any]:
    """Puts ``<split>.safetensors`` and ``<split>.parquet`` into the stage's folder; facts for its manifest."""
    found: dict[str, dict[str, Any]] = {}
    reused: list[str] = []
    for name in bench.splits:
        key = bench.key(name)
        if not _sound(bench.corridor.cache, key):
            fill(
                bench.corridor.cache,
                key,
                [FILE],
                lambda folder, name=name: _read(bench, name, folder),
                sound=lambda key=key: _sound(bench.corridor.cache, key),
            )
        else:
            reused.append(name)
        _share(bench.corridor.cache / key / FILE, bench.folder / f"{name}.safetensors")
        _write_rows(bench, name)
        found[name] = read_json(bench.corridor.cache / key / "cache.json")
    first = next(iter(found.values()))
    told = {name: first[name] for name in ("layer", "side", "pool", "dim", "cosine")}
    return told | {"rows": {name: one["rows"] for name, one in found.items()}, "reused": reused}


def _sound(cache: Path, key: str) -> bool:
    """Whether the features are there, byte for byte as they were written."""
    return is_whole(cache, key) and file_digest(cache / key / FILE) == read_json(cache / key / "cache.json")["sha256"]


def _read(bench: Bench, name: str, folder: Path) -> dict[str, Any]:
    """One pass over a split, in the batches that its samples ask for."""
    from basestone.features.store import write_features
    from basestone.training.predict import outputs

    split, (model, cosine) = bench.split(name), bench.runner
    started = time.monotonic()
    batches = plan(bench, split)
    answers = outputs(
        model,
        split,
        batches,
        precision=bench.section.precision if bench.section.runtime == "eager" else "fp32",
        progress=bench.corridor.progress(bench.folder.name, "samples"),
    )
    dim = write_features(folder / FILE, len(split), ((batch.index.numpy(), found.numpy()) for found, batch in answers))
    reader = bench.reader
    return {
        "layer": reader.layer,
        "side": reader.side,
        "pool": reader.pool,
        "dim": dim,
        "rows": len(split),
        "batches": len(batches),
        "cosine": cosine,
        "wall_s": time.monotonic() - started,
        "sha256": file_digest(folder / FILE),
    }


def plan(bench: Bench, split: Any) -> list[NDArray[np.int64]]:
    """Documents and recordings by length, under the budget of tokens or samples; images as they come."""
    import numpy as np

    from basestone.data.speech.padding import width_step
    from basestone.data.text.splits import LENGTHS_OF
    from basestone.features.plan import by_length
    from basestone.training.predict import in_order

    if hasattr(split, "lengths"):
        multiple = width_step(split.spec) if hasattr(split, "waves") else LENGTHS_OF
        return by_length(split.lengths, bench.section.batch_tokens, multiple)
    return in_order(np.arange(len(split)), bench.section.batch_size)


def proven_runtime(bench: Bench) -> tuple[nn.Module, float]:
    """The cut-off model in OpenVINO, and the least cosine of its features to PyTorch's on samples.

    Raises:
        ArtifactError: they agree less than they must.
        UsageError: this machine cannot run it so.
    """
    import torch

    from basestone.compression.export import traced_openvino
    from basestone.compression.runtime import RuntimeModule, openvino_predictor, unavailable, usable_threads

    if reason := unavailable("openvino", bench.section.precision):
        raise UsageError(f"Features cannot be extracted by openvino in {bench.section.precision} here: {reason}.")
    split = bench.split(bench.splits[0])
    chosen = numpy_generator(bench.corridor.recipe.seed, "proof").permutation(len(split))[:PROVEN_ON]
    inputs = split.batch(chosen).inputs
    with torch.no_grad():
        wanted = bench.reader(inputs)
    model = traced_openvino(bench.reader, (inputs[:2],))
    made = RuntimeModule(openvino_predictor(model, bench.section.precision, usable_threads(), free=True))
    cosine = float(torch.nn.functional.cosine_similarity(made(inputs), wanted, dim=1).min())
    if not cosine >= LEAST_COSINE:
        raise ArtifactError(
            f"Features by openvino in {bench.section.precision} must point where PyTorch's do (cosine at least "
            f"{LEAST_COSINE} on each of {len(chosen)} samples); the least is {cosine:.4f}. Choose runtime: eager."
        )
    return made, cosine


def _share(source: Path, target: Path) -> None:
    """The same file under a second name where the file system can, else a copy."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        write_atomically(target, lambda temporary: shutil.copyfile(source, temporary))


def _write_rows(bench: Bench, name: str) -> None:
    """``<split>.parquet``: whose features row i of the store holds."""
    import numpy as np

    split: Any = bench.split(name)
    groups = {f"group:{group}": values.tolist() for group, values in split.groups.items()}
    columns = {"index": np.arange(len(split)), "name": list(split.row_names), "label": split.targets}
    write_records(bench.folder / f"{name}.parquet", columns | groups)
