"""Infer: the child process that runs a served model. Speaks ``serving.frames``; torch only where nothing else runs it.

``python -m basestone.lifecycle.infer``: the first frame names the run and the stage, every further one holds a batch.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.artifact import read_json
from basestone.core.spec import read_spec
from basestone.serving.feeding import SIZES, example, normalised, padded

Predict = Callable[[NDArray[Any]], NDArray[np.float32]]


def main() -> None:
    """Loads what the first frame asks for, warms it up, then answers every further frame until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server decides when this process ends
    answers, sys.stdout = os.fdopen(os.dup(1), "wb"), sys.stderr  # what a library prints must not look like an answer
    os.dup2(2, 1)
    from basestone.lifecycle.threads import pin_threads
    from basestone.serving.frames import packed, read

    pin_threads()
    predict: Predict | None = None
    while (frame := read(sys.stdin.buffer)) is not None:
        header, batch = frame
        try:
            if batch is None:
                predict, described = load(
                    Path(header["run"]), header["stage"], header["precision"], header["max_batch"]
                )
                answer = packed(described)
            else:
                assert predict is not None
                answer = packed({}, predict(batch))
        except Exception as error:  # whatever a runtime raises is for the server to tell
            answer = packed({"error": f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"})
        answers.write(answer)
        answers.flush()


def load(run: Path, stage: str, precision: str, max_batch: int) -> tuple[Predict, dict[str, Any]]:
    """The stage's model behind one call, raw samples in and logits out; and what runs it."""
    folder = run / "stages" / stage
    spec = read_spec(read_json(folder / "model.json")["spec"])
    runtime = read_json(folder / "runtime.json") if (folder / "runtime.json").exists() else {"file": None}
    threads = int(os.environ["OMP_NUM_THREADS"])
    if runtime["file"] is None:
        predictor, name = _by_torch(run, stage, precision)
    else:
        from basestone.compression.engines import Variant, load_file

        variant = Variant(**runtime)
        predictor, name = load_file(variant, folder, threads), variant.name

    def predict(batch: NDArray[Any]) -> NDArray[np.float32]:
        filled = padded(normalised(batch, spec), runtime["file"] is not None)
        return predictor(filled)[: len(batch)]

    for size in [size for size in SIZES if size <= max_batch]:
        predict(example(spec, size))
    return predict, {"runtime": name, "torch": "torch" in sys.modules}


def _by_torch(run: Path, stage: str, precision: Any) -> tuple[Any, str]:
    from basestone.compression.runtime import torch_predictor
    from basestone.core.run import RunFolder
    from basestone.lifecycle.restore import restore

    model, _ = restore(RunFolder(run), stage)
    return torch_predictor(model, precision, compiled=False), f"eager-{precision}"


if __name__ == "__main__":
    main()
