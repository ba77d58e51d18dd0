"""How long a recipe trains, and what its model scores on test images that nothing before had looked at.

    python benchmarks/time_to_accuracy.py cifar10-fast --seeds 0 1 2 --target 0.9

Each seed is one fresh run of the recipe up to its trained model. ``wall_s`` is the whole pre-training stage: building,
whitening, tuning, steps, validation, checkpoints, saving; ``prepare_s`` (decoding and splitting the data) is given
beside it. The test split is predicted once, when training is over, in float32, one view an image. The curve is that of
the validation split, which is cut from the training set.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import altair as alt

import basestone as bst
from basestone.core.run import RunFolder
from basestone.data.dataset import open_split
from basestone.lifecycle.environment import cache_folder
from basestone.lifecycle.restore import restore
from basestone.measures.interval import wilson
from basestone.training.predict import predict
from side_by_side import INK, SERIES, folder_of, framed, options, publish


def train(recipe: str, seed: int, overrides: list[str], out: Path) -> dict[str, Any]:
    """One run from nothing to a test accuracy."""
    made = bst.run(recipe, overrides=[*overrides, f"seed={seed}"], out=out, until="pretrain")
    manifests = made.stages
    stage = made.folder.stage_of_kind("pretrain")
    correct, count = score(made.folder, stage)
    interval = wilson(correct, count)
    return {
        "seed": seed,
        "wall_s": manifests[stage].wall_s,
        "prepare_s": manifests["prepare"].wall_s,
        "test_accuracy": correct / count,
        "test_interval": [interval.lower, interval.upper],
        "test_correct": correct,
        "test_count": count,
        "validation": curve(made.folder),
        **manifests[stage].facts,
    }


def score(run: RunFolder, stage: str) -> tuple[int, int]:
    """How many test images the finished model classifies rightly, of how many."""
    model, _ = restore(run, stage)
    test = open_split(run.stage("prepare"), cache_folder(), "test")
    found = predict(model, test, batch_size=500)
    return int((found.logits.argmax(1) == found.targets).sum()), len(found.targets)


def curve(run: RunFolder) -> list[dict[str, float]]:
    """The validation's accuracy by seconds since the first step."""
    (begun,) = (event["time"] for event in run.read_events(event="fit"))
    return [
        {"step": event["step"], "seconds": event["time"] - begun, "loss": event["loss"], "accuracy": event["accuracy"]}
        for event in run.read_events(event="validation")
    ]


def chart(name: str, runs: list[dict[str, Any]], target: float) -> alt.TopLevelMixin:
    """A line a seed, from epoch to epoch; a filled point where the test set was looked at."""
    lines = [
        {"seed": f"seed {run['seed']}", "minutes": point["seconds"] / 60, "accuracy": point["accuracy"]}
        for run in runs
        for point in run["validation"]
    ]
    ends = [
        {"seed": f"seed {run['seed']}", "minutes": run["wall_s"] / 60, "accuracy": run["test_accuracy"]} for run in runs
    ]
    lowest = min(0.5, *(line["accuracy"] for line in lines))
    x = alt.X("minutes:Q", title="minutes of training (wall)", scale=alt.Scale(zero=True))
    y = alt.Y("accuracy:Q", scale=alt.Scale(domain=[lowest, 1]), title="accuracy", axis=alt.Axis(format=".0%"))
    color = alt.Color("seed:N", title=None, scale=alt.Scale(range=list(SERIES)))
    layers = [
        alt.Chart(alt.Data(values=[{"accuracy": target}])).mark_rule(color=INK, strokeDash=[5, 3]).encode(y=y),
        alt.Chart(alt.Data(values=lines)).mark_line(strokeWidth=1.6).encode(x=x, y=y, color=color),
        alt.Chart(alt.Data(values=ends)).mark_point(filled=True, size=80, opacity=1).encode(x=x, y=y, color=color),
    ]
    worst, slowest = min(run["test_accuracy"] for run in runs), max(run["wall_s"] for run in runs)
    title = f"{name}: {worst:.1%} on the test set or better, in {slowest / 60:.1f} minutes or less"
    says = [f"lines: validation · points: the test set, looked at once, after training · dashed: {target:.0%}"]
    return framed(alt.layer(*layers).properties(width=520, height=300), title, says)


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("recipe")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--target", type=float, default=0.9)
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE")
    asked = parser.parse_args()
    runs: list[dict[str, Any]] = []
    for seed in asked.seeds:
        with tempfile.TemporaryDirectory(prefix="time-to-accuracy-") as folder:
            runs.append(train(asked.recipe, seed, asked.set, Path(folder)))
        last = runs[-1]
        print(f"seed {seed}: {last['test_accuracy']:.4f} of the test set in {last['wall_s'] / 60:.2f} min", flush=True)
    results = {"recipe": asked.recipe, "overrides": asked.set, "target": asked.target, "runs": runs}
    publish(Path(asked.recipe).stem, results, chart(asked.recipe, runs, asked.target), folder_of(asked))


if __name__ == "__main__":
    main()
