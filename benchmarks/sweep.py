"""A recorded sweep: trains a recipe once for each trial, on the training set alone, and appends what came out.

    python benchmarks/sweep.py cifar10-fast --set data.split.validation=0.1 \
        --trial stages.pretrain.fit.optimizer.lr=0.1 --trial stages.pretrain.fit.optimizer.lr=0.2

A trial is one or more overrides, separated by spaces. Trials are judged by the validation split, which is cut from the
training set; the test set is never read. Everything goes into ``benchmarks/results/sweep-<recipe>.json``, each trial
with all that its training was told; one that is there already is not run again, so that an interrupted sweep goes on.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import basestone as bst
from basestone.core.artifact import write_json
from basestone.core.run import RunFolder
from side_by_side import RESULTS


def told(recipe: str, overrides: list[str]) -> dict[str, Any]:
    """All that a trial's training depends on, defaults written out."""
    loaded = bst.check(recipe, overrides).recipe
    return {"seed": loaded.seed, "data": loaded.data.model_dump(mode="json", include={"split", "limit"})} | {
        name: section.model_dump(mode="json") for name, section in loaded.stages.items() if section.kind == "pretrain"
    }


def run_trial(recipe: str, overrides: list[str]) -> dict[str, Any]:
    """The validation curve, the seconds and the speed of one training run."""
    with tempfile.TemporaryDirectory(prefix="sweep-") as name:
        made = bst.run(recipe, overrides=overrides, out=Path(name), until="pretrain")
        return outcome(made.folder)


def outcome(run: RunFolder) -> dict[str, Any]:
    """What a finished training left in its events and its manifest."""
    curve = [{key: e[key] for key in ("step", "loss", "accuracy")} for e in run.read_events(event="validation")]
    speeds = [event["images_per_s"] for event in run.read_events(event="epoch")]
    wall_s = run.manifests()[run.stage_of_kind("pretrain")].wall_s
    return {"validation": curve, "wall_s": wall_s, "images_per_s": speeds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("--set", action="append", default=[], dest="always", metavar="PATH=VALUE")
    parser.add_argument("--trial", action="append", default=[], metavar="OVERRIDES")
    asked = parser.parse_args()
    file = RESULTS / f"sweep-{Path(asked.recipe).stem}.json"
    trials: list[dict[str, Any]] = json.loads(file.read_text()) if file.exists() else []
    for text in asked.trial or [""]:
        overrides = [*asked.always, *text.split()]
        asks = told(asked.recipe, overrides)
        if any(trial["told"] == asks for trial in trials):
            continue
        trials.append({"told": asks, **run_trial(asked.recipe, overrides)})
        write_json(file, trials)
        last = trials[-1]
        print(f"{last['validation'][-1]['accuracy']:.4f} in {last['wall_s']:.0f} s  {text}", flush=True)


if __name__ == "__main__":
    main()
