"""The source document's script, measured for some steps and extrapolated, against our time to 90 % on CIFAR-10.

    BASESTONE_DATA=… python benchmarks/bench_source.py [--steps 100]

The script is the one that a practitioner writes: torchvision's ResNet-18 on images enlarged to 224 pixels, AdamW,
float32, 25 epochs. Nobody waits a day for a benchmark, so some steps are timed and the 25 epochs follow from their
mean; the accuracy it would reach is not measured. Our side is the slowest seed of ``results/cifar10-fast.json``, and
counts only if every seed reached 90 % on the test set, on this processor.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import altair as alt
import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision import models
from torchvision import transforms as tv

from basestone.reporting.svg import INK, SERIES
from side_by_side import RESULTS, Spread, folder_of, framed, log_axis, machine, options, publish, spread

EPOCHS, IMAGES, BLOCK, TARGET = 25, 50_000, 10, 0.9
OURS = RESULTS / "cifar10-fast.json"
SCRIPT = f"source script, {EPOCHS} epochs (extrapolated)"


def loader(cache: str, batch: int) -> DataLoader[dict[str, Tensor]]:
    """CIFAR-10's training images, decoded, enlarged and augmented one by one."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    from datasets import load_dataset

    file = Path(os.environ["BASESTONE_DATA"]) / "cifar10" / "train.parquet"
    rows = load_dataset("parquet", data_files=str(file), split="train", cache_dir=cache)
    normalize = tv.Normalize((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))
    transform = tv.Compose([tv.Resize(224), tv.RandomHorizontalFlip(), tv.ToTensor(), normalize])

    def transformed(some: dict[str, Any]) -> dict[str, Any]:
        return {"img": [transform(image) for image in some["img"]], "label": some["label"]}

    return DataLoader(rows.with_transform(transformed), batch_size=batch, shuffle=True)


def train(batches: DataLoader[dict[str, Tensor]]) -> Iterator[int]:
    """The script's loop; yields the number of images after each step."""
    model = models.resnet18(num_classes=10).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    warm_up = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1e-3, total_iters=1000)
    criterion = nn.CrossEntropyLoss()
    for batch in batches:
        loss = criterion(model(batch["img"]), batch["label"])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        warm_up.step()
        yield len(batch["label"])


def step_times(batch: int, steps: int, warm_up: int) -> list[float]:
    """Seconds of each of ``steps`` steps, their batches included."""
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as cache:
        run, times = train(loader(cache, batch)), list[float]()
        console = Console(stderr=True)
        for _ in track(range(warm_up + steps), "source script", console=console, auto_refresh=False, update_period=1):
            started = time.perf_counter()
            made = next(run)
            times.append(time.perf_counter() - started)
            if made != batch:
                raise RuntimeError(f"every step must see {batch} images; got {made}. Ask for fewer steps.")
        run.close()
    return times[warm_up:]


def block_rates(times: list[float], batch: int) -> Spread:
    """Images/s over blocks of 10 steps; a last block that is shorter counts as one."""
    blocks = (times[start : start + BLOCK] for start in range(0, len(times), BLOCK))
    return spread([batch * len(block) / sum(block) for block in blocks])


def our_runs(processor: str) -> tuple[list[dict[str, Any]], str | None]:
    """The runs of our own side, and why they cannot be compared with, if so."""
    if not OURS.exists():
        return [], f"{OURS} is missing: nothing to compare with yet"
    document = json.loads(OURS.read_text())
    runs: list[dict[str, Any]] = document["runs"]
    short = [run["seed"] for run in runs if run["test_accuracy"] < TARGET]
    if not runs or short:
        return (
            runs,
            f"every seed in {OURS.name} must reach a test accuracy of {TARGET}; these did not: {short or 'no runs'}",
        )
    other = document.get("machine", {}).get("processor")
    if other != processor:
        return runs, f"{OURS.name} must come from this processor ({processor}); it names {other}"
    return runs, None


def hours_chart(hours: dict[str, float], title: str, subtitle: str) -> alt.TopLevelMixin:
    """A point a run: on a logarithmic axis, a bar would have no length."""
    rows = [{"run": run, "h": value, "words": duration(value * 3600)} for run, value in hours.items()]
    domain = [min(hours.values()) / 2, max(hours.values()) * 4]
    labels = alt.Axis(labelLimit=300, labelColor=INK, labelFontSize=12, titlePadding=14, domain=False, grid=True)
    says = "hours of training on CIFAR-10 (logarithmic; less is faster)"
    scale = alt.Scale(type="log", domain=domain, nice=False)
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("h:Q", scale=scale, title=says, axis=log_axis(*domain)),
        y=alt.Y("run:N", sort=None, title="run", axis=labels),
    )
    points = base.mark_point(color=SERIES[0], filled=True, size=90, opacity=1)
    words = base.mark_text(align="left", dx=10, dy=-8, fontSize=12).encode(text="words:N")
    return framed(alt.layer(points, words).properties(width=430, height=46 * len(rows)), title, [subtitle])


def duration(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.1f} min"


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=100, help="steps that count")
    parser.add_argument("--warm-up", type=int, default=3, help="steps before them")
    asked = parser.parse_args()
    if asked.quick:
        asked.batch, asked.steps, asked.warm_up = 2, 2, 1
    if "BASESTONE_DATA" not in os.environ:
        print("skipped: set BASESTONE_DATA to the folder that holds cifar10/train.parquet to run the source script.")
        return
    times, here = step_times(asked.batch, asked.steps, asked.warm_up), machine()
    speed = block_rates(times, asked.batch)
    extrapolated_s = sum(times) / (len(times) * asked.batch) * EPOCHS * IMAGES
    what = f"torchvision ResNet-18 at 224 px, fp32, batch {asked.batch}, threads: {here['torch_threads']}"
    print(f"{what}\n{asked.steps} steps: median {speed.median:.2f} images/s ({speed.minimum:.2f}–{speed.maximum:.2f})")
    print(f"{EPOCHS} epochs of {IMAGES:,} images would take {duration(extrapolated_s)}.")

    hours, title, ratio = {SCRIPT: extrapolated_s / 3600}, "The source script", None
    runs, obstacle = our_runs(here["processor"])
    if obstacle is None:
        slowest_s = max(run["wall_s"] for run in runs)
        ratio = extrapolated_s / slowest_s
        hours |= {f"Basestone to {TARGET:.0%}, seed {run['seed']}": run["wall_s"] / 3600 for run in runs}
        title = f"The source script takes {ratio:,.0f} times as long as our slowest seed"
        print(f"The slowest of our {len(runs)} seeds takes {duration(slowest_s)}; the script, {ratio:,.0f} times that.")
    else:
        print(f"No ratio: {obstacle}.")
    results = {
        "what": what,
        "settings": {"batch": asked.batch, "steps": asked.steps, "warm_up": asked.warm_up},
        "step_seconds": times,
        "images_per_s": speed,
        "extrapolated_s": extrapolated_s,
        "time_ratio_to_our_slowest_seed": ratio,
        "no_ratio_because": obstacle,
    }
    publish("source-script", results, hours_chart(hours, title, f"{what} · {here['processor']}"), folder_of(asked))


if __name__ == "__main__":
    main()
