"""Probe: the child process in which one way of running a model is tried. Speaks JSON lines with ``Prober``."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """Loads what the first line asks for, then answers every further line until the pipe closes."""
    answers, sys.stdout = os.fdopen(os.dup(1), "w"), sys.stderr  # what a library prints must not look like an answer
    os.dup2(2, 1)
    from basestone.lifecycle.threads import pin_threads

    pin_threads()
    state: dict[str, Any] = {}
    for line in sys.stdin:
        try:
            answer = _answer(state, json.loads(line))
        except Exception as error:  # whatever a back end raises is a result
            answer = {"error": f"{type(error).__name__}: {next(iter(str(error).strip().splitlines()), '')}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _answer(state: dict[str, Any], question: dict[str, Any]) -> dict[str, Any]:
    import numpy as np

    from basestone.measures.machine import median_seconds

    match question["do"]:
        case "load":
            state |= {"predict": _load(question), "data": Path(question["data"]), "cache": Path(question["cache"])}
            return {"loaded": True}
        case "predict":
            inputs = _inputs(state, question["split"], question["positions"])
            np.save(question["outputs"], in_batches(state["predict"], inputs, question["batch_size"]))
            return {"predicted": len(inputs[0])}
        case "time":
            inputs = _inputs(state, question["split"], list(range(question["batch_size"])))
            return {"seconds": median_seconds(lambda: state["predict"](*inputs), rounds=question["runs"])}
        case unknown:
            raise ValueError(f"'do' must be load, predict or time; got {unknown!r}.")


def _load(question: dict[str, Any]) -> Any:
    from basestone.compression.runtime import Variant, load, usable_threads
    from basestone.core.run import RunFolder
    from basestone.lifecycle.restore import restore

    variant, folder = Variant(**question["variant"]), Path(question["folder"])
    model = None
    if variant.file is None:
        model, _ = restore(RunFolder(folder.parent.parent), folder.name)
    return load(variant, folder, usable_threads(), model)


def in_batches(predict: Any, inputs: list[Any], batch_size: int) -> Any:
    """Every sample's output; a short last batch is filled up, so that only one shape is compiled."""
    import numpy as np

    count, found = len(inputs[0]), []
    for start in range(0, count, batch_size):
        part = [array[start : start + batch_size] for array in inputs]
        short = batch_size - len(part[0])
        filled = [np.concatenate([array, array[:1].repeat(short, 0)]) for array in part] if short else part
        found.append(predict(*filled)[: batch_size - short])
    return np.concatenate(found)


def _inputs(state: dict[str, Any], split: str, positions: list[int]) -> list[Any]:
    """The samples at ``positions``, repeated from the start where the split is shorter, as the model takes them."""
    import numpy as np

    from basestone.data.dataset import open_split

    source = open_split(state["data"], state["cache"], split)
    return [source.batch(np.array(positions) % len(source)).inputs.contiguous().numpy()]


if __name__ == "__main__":
    main()
