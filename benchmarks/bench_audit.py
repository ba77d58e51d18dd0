"""The whole default audit of a ResNet-18 on CIFAR-10 against separate tools that take the same measures.

    BASESTONE_DATA=… python benchmarks/bench_audit.py [--run DIR] [--their-precision fp32|bf16|both] [--limit 0.02]

**Ours** is the wall time of the audit's verb on a copy of a finished run without its audit: collecting, measuring,
judging, and every check of what lies before it. The audit only reads the copies of test images that ``prepare`` found,
so the search for them is done again here, by ``prepare``'s own functions, and its seconds are added to ours.

**Theirs** is ``separate_tools``: one tool's pass after the other, on the same samples. The headline is against the
tools as they are documented, in fp32 and PyTorch's memory format. Our recipe asks for bf16 and channels_last, so the
ratio to the same tools in bf16 and channels_last is printed beside it. Without ``--run`` the recipe is trained for
``--steps`` steps first.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torchvision import transforms as tv

import basestone as bst
from basestone.core.artifact import read_json
from basestone.core.evidence import read_records
from basestone.core.run import RunFolder
from basestone.data.cache import open_cache
from basestone.data.dataset import open_split
from basestone.data.duplicates import bar, find_copies
from basestone.lifecycle.environment import cache_folder
from basestone.lifecycle.restore import restore
from basestone.recipe.schema import Audit
from basestone.reporting.svg import INK, SERIES
from separate_tools import NOTES, TOOLS, Found, Job, Pictures, missing, run_tools
from side_by_side import alternate, folder_of, framed, options, publish, ratios

CLAIM = 0.25
OURS, REST = "Basestone", "forecast, measures, verdicts"
THEIRS = {"fp32": "separate tools as documented, fp32", "bf16": "separate tools, bf16 channels_last"}
RECORDS = {  # which of our records serve which part of the tools' work; calibration reads what accuracy recorded
    "accuracy": ["clean_test"],
    "training accuracy": ["clean_train"],
    "calibration": [],
    "copies": ["duplicates"],
    "corruptions": ["corrupted"],
    "latency": ["latency"],
    "operations": ["training_cost"],
    "memory": ["inference_cost"],
    "files": ["artifacts", "signature"],
    "replay": ["replay"],
}


class Finished:
    """A tracker that refuses to let anything but the audit be made: a training would be timed as an audit."""

    def log(self, event: Mapping[str, Any]) -> None:
        """SystemExit when another stage starts."""
        if event.get("state") == "started" and event["stage"] in ("prepare", "pretrain"):
            raise SystemExit(
                f"The run must be finished, and its stage '{event['stage']}' would be made again: it is missing, the "
                "recipe or the package changed since, or the cache is gone. Run it again, or leave --run out."
            )

    def close(self) -> None:
        """Nothing."""


class Bench:
    """One benchmark: a finished run, the share of every sample that is looked at, and what the sides found."""

    def __init__(self, folder: Path, limit: float, workers: int) -> None:
        """What lies before the audit is checked once, so that the cache is there and warm."""
        bst.run(folder, out=folder, until="pretrain", tracker=Finished())
        self.run, self.limit, self.workers = RunFolder(folder), limit, workers
        sections = bst.check(folder).recipe.stages.items()
        self.stage, self.section = next((name, one) for name, one in sections if isinstance(one, Audit))
        self.prepared = self.run.stage("prepare")
        self.subject = self.section.subject or self.run.stage_of_kind("pretrain")
        self.splits = {name: open_split(self.prepared, cache_folder(), name) for name in ("test", "train")}
        self.cache = open_cache(cache_folder(), read_json(self.prepared / "card.json")["cache"])
        self.values: dict[str, Found] = {}
        self.parts: dict[str, list[dict[str, float]]] = {}

    def less(self, count: int, least: int) -> int:
        """The share of ``count`` that is looked at."""
        return min(count, max(least, round(count * self.limit)))

    def overrides(self) -> list[str]:
        """Smaller samples for a quick look; nothing for the default audit."""
        if self.limit == 1:
            return []
        samples, counts = self.section.samples, {name: len(split) for name, split in self.splits.items()}
        sizes = {
            "test": self.less(samples.test or counts["test"], 40),
            "train": self.less(samples.train or counts["train"], 40),
            "corruptions": self.less(samples.corruptions or counts["test"], 30),
            "replay": self.less(samples.replay, 59),
            "latency_runs": self.less(samples.latency_runs, 299),
        }
        return [f"stages.{self.stage}.samples.{name}={size}" for name, size in sizes.items()]

    def ours(self) -> float:
        """Seconds of the audit and of the search for copies."""
        shutil.rmtree(self.run.stage(self.stage), ignore_errors=True)
        started = time.perf_counter()
        bst.run(self.run.path, out=self.run.path, overrides=self.overrides(), until="audit", tracker=Finished())
        audited = time.perf_counter()
        share = self.share_copied()
        search = time.perf_counter() - audited
        timing, measured = self.run.records(self.stage).fact("timing"), self.run.measurements(self.stage)
        if self.limit == 1 and share != measured["leakage_rate"]["value"]:
            raise RuntimeError(f"the search must find what prepare found, {measured['leakage_rate']}; got {share}.")
        parts = {part: sum(timing[name] for name in names) for part, names in RECORDS.items()}
        parts |= {REST: audited - started - sum(parts.values()), "copies": parts["copies"] + search}
        of_this_search = {"value": share, "interval": {"lower": share, "upper": share}}
        self.values[OURS] = measured | {"leakage_rate": of_this_search}
        self.parts.setdefault(OURS, []).append(parts)
        return sum(parts.values())

    def places(self) -> tuple[np.ndarray, np.ndarray]:
        """Where in the cache the test images and the others lie: all of them, or the first ones."""
        samples = read_records(self.prepared / "samples.parquet")
        tested = samples["split"] == "test"
        split = samples["position"][tested], samples["position"][~tested]
        return split[0][: self.less(len(split[0]), 100)], split[1][: self.less(len(split[1]), 100)]

    def share_copied(self) -> float:
        """The share of test images with a copy, found as ``prepare`` finds it, its bar for near copies included."""
        samples, (queries, references) = read_records(self.prepared / "samples.parquet"), self.places()
        images, train = self.cache.images, samples["position"][samples["split"] == "train"]
        found = find_copies(images, self.cache.columns["sha256"], queries, references, near=bar(images, train))
        return float(np.mean(found.kind != "none"))

    def theirs(self, precision: str) -> float:
        """Seconds of all the tools together; reading the samples is not counted."""
        self.values[THEIRS[precision]], seconds = run_tools(self.job(bf16=precision == "bf16"))
        self.parts.setdefault(THEIRS[precision], []).append(seconds)
        return sum(seconds.values())

    def job(self, *, bf16: bool) -> Job:
        """The tools' work: the samples of our records, the same network and weights."""
        model, spec = restore(self.run, self.subject)
        records, places = self.run.records(self.stage), self.places()
        index, searched = records.table("clean_test")["index"], self.cache.images[np.concatenate(places)]
        return Job(
            model=model.to(memory_format=torch.channels_last) if bf16 else model,
            weights=self.run.stage(self.subject) / "model.safetensors",
            normalise=tv.Normalize(spec.mean, spec.std),
            test=self._pictures("test", index),
            train=self._pictures("train", records.table("clean_train")["index"]),
            corrupted=np.searchsorted(index, np.unique(records.table("corrupted")["index"])),
            replayed=np.searchsorted(index, records.table("replay")["index"]),
            searched=Pictures(searched.transpose(0, 2, 3, 1), np.zeros(len(searched), np.int64)),
            queries=len(places[0]),
            latency_runs=len(records.table("latency")["seconds"]),
            batch_size=self.section.batch_size,
            workers=self.workers,
            bf16=bf16,
        )

    def _pictures(self, name: str, index: np.ndarray) -> Pictures:
        split = self.splits[name]
        return Pictures(split.raw(index.copy()).permute(0, 2, 3, 1).contiguous().numpy(), split.targets[index])


def copied(run: Path, folder: Path) -> Path:
    """A copy of a finished run without its audit and report, so that the run itself stays as it is."""
    found, copy = RunFolder(run), RunFolder(folder)
    for stage, manifest in found.manifests().items():
        if manifest.kind in ("prepare", "pretrain"):
            shutil.copytree(found.stage(stage), copy.stage(stage))
    shutil.copy2(found.recipe, copy.recipe)
    return folder


def trained(folder: Path, steps: int) -> Path:
    """The recipe, trained for some steps only."""
    fit = "stages.pretrain.fit"
    length = [f"{fit}.epochs=null", f"{fit}.max_steps={steps}"]
    return bst.run("cifar10-resnet18", overrides=length, out=folder, until="pretrain").folder.path


def compared(ours: Found, theirs: Found) -> list[dict[str, Any]]:
    """A row a measure: our value and bounds, theirs, and whether theirs lies within ours (None: cannot be said)."""
    rows: list[dict[str, Any]] = []
    for name, measured in ours.items():
        value, bounds, other = measured.get("value"), measured.get("interval"), theirs.get(name)
        row = {"measure": name, "ours": value, "theirs": other, "inside": None, "note": NOTES.get(name)}
        if bounds:
            low, high, rounding = bounds["lower"], bounds["upper"], 1e-6 * abs(value)
            row |= {"lower": low, "upper": high}
            row["inside"] = None if other is None else low - rounding <= other <= high + rounding
        rows.append(row)
    return rows


def show(title: str, headings: list[str], rows: list[list[str]]) -> None:
    lines = Table(*headings, title=title, title_justify="left", title_style="bold")
    for row in rows:
        lines.add_row(*row)
    Console(width=170).print(lines)


def show_values(side: str, rows: list[dict[str, Any]]) -> None:
    shown = []
    for row in rows:
        ours, theirs = ("–" if row[key] is None else f"{row[key]:.5g}" for key in ("ours", "theirs"))
        bounds = f"{row['lower']:.5g} … {row['upper']:.5g}" if "lower" in row else "not measured"
        why = (row["note"] or "") if row["inside"] is False else ""
        shown.append([row["measure"], ours, bounds, theirs, {True: "yes", False: "no", None: "–"}[row["inside"]], why])
    show(f"Values: {side}", ["measure", "ours", "our bounds", "theirs", "inside", "why not"], shown)


def show_seconds(parts: dict[str, dict[str, float]]) -> None:
    """A line a part: its seconds, and ours over theirs."""
    whole = {side: took | {"all": sum(took.values())} for side, took in parts.items()}
    others, rows = [side for side in parts if side != OURS], []
    for part in [*TOOLS, REST, "all"]:
        ours, cells = whole[OURS].get(part), []
        for took in (whole[side].get(part) for side in others):
            cells += ["–" if took is None else f"{took:.2f}", f"{ours / took:.3f}" if ours and took else "–"]
        rows.append([part, "–" if ours is None else f"{ours:.2f}", *cells])
    show("Seconds", ["part", OURS, *(word for side in others for word in (side, "ours/theirs"))], rows)


def bars(parts: dict[str, dict[str, float]], subtitle: list[str]) -> alt.LayerChart:
    """Seconds of every part, a bar a side, the longest first."""
    rows = [
        {"part": part, "side": side, "seconds": seconds, "words": f"{seconds:,.1f}"}
        for side, took in parts.items()
        for part, seconds in took.items()
    ]
    sides, order = list(parts), sorted([*TOOLS, REST], key=lambda part: -max(t.get(part, 0) for t in parts.values()))
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("seconds:Q", title="seconds (less is faster)"),
        y=alt.Y("part:N", sort=order, title=None, axis=alt.Axis(labelLimit=300, labelColor=INK, labelFontSize=12)),
        yOffset=alt.YOffset("side:N", sort=sides),
    )
    scale = alt.Scale(domain=sides, range=list(SERIES[: len(sides)]))
    colour = alt.Color("side:N", sort=sides, scale=scale, legend=alt.Legend(labelLimit=400, columns=1))
    words = base.mark_text(align="left", dx=4).encode(text="words:N")
    chart = alt.layer(base.mark_bar(cornerRadius=2).encode(color=colour), words)
    size = {"width": 480, "height": 17 * len(sides) * len(order)}
    return framed(chart.properties(**size), "One audit, or a tool for every measure", subtitle)


def said(side: str, ratio: float, audit_alone: float, rows: list[dict[str, Any]]) -> str:
    """One side in words."""
    known = [row for row in rows if row["inside"] is not None]
    outside = [row["measure"] for row in known if not row["inside"]]
    return (
        f"{OURS} takes {ratio:.1%} of the time of {side} ({audit_alone:.1%} without the search for copies on either "
        f"side); {len(known) - len(outside)} of {len(known)} of their values lie within our bounds"
        + (f", not {', '.join(outside)}." if outside else ".")
    )


def measure(bench: Bench, rounds: int, precisions: list[str]) -> tuple[dict[str, Any], alt.LayerChart]:
    """Times all sides, prints what was found and hands it back, with its chart."""
    others = [THEIRS[precision] for precision in precisions]
    sides = {OURS: bench.ours} | {THEIRS[one]: partial(bench.theirs, one) for one in precisions}
    times = alternate(sides, rounds, warm_up=0)
    found = {side: ratios(times, side)[OURS] for side in others}
    parts = {
        side: {part: float(np.median([took[part] for took in every])) for part in every[0]}
        for side, every in bench.parts.items()
    }
    rows = {side: compared(bench.values[OURS], bench.values[side]) for side in others}
    for side in others:
        show_values(side, rows[side])
    show_seconds(parts)
    alone = {side: sum(took.values()) - took.get("copies", 0) for side, took in parts.items()}
    words = [said(side, found[side].median, alone[OURS] / alone[side], rows[side]) for side in others]
    if "fp32" in precisions:
        holds = "holds" if found[THEIRS["fp32"]].median <= CLAIM else "does not hold"
        words.insert(0, f"At most {CLAIM:.0%} of the time of separate tools as documented: {holds}.")
    installed = {name for part, tool in TOOLS.items() if part not in missing() for name in tool.packages.values()}
    results = {
        "settings": {
            "limit": bench.limit,
            "rounds": rounds,
            "workers": bench.workers,
            "batch": bench.section.batch_size,
        },
        "seconds": times,
        "seconds_by_part": parts,
        "time_ratio_of_ours": found,
        "words": words if bench.limit == 1 and not missing() else [],
        "values": rows,
        "retention_by_corruption": retained(bench.values),
        "tools": {package: metadata.version(package) for package in sorted(installed)},
        "not_measured": missing(),
    }
    subtitle = [f"{side}: {sum(took.values()):,.0f} s in all" for side, took in parts.items()]
    return results, bars(parts, subtitle)


def retained(values: dict[str, Found]) -> dict[str, dict[str, float]]:
    """Side → corruption → retention, as far as it was measured."""
    ours = values[OURS]["corruption_retention_mean"].get("detail", {}).get("by_corruption", {})
    theirs = {side: found.get("by_corruption", {}) for side, found in values.items() if side != OURS}
    return {OURS: ours, **theirs}


def main() -> None:
    parser = options(__doc__, rounds=1)
    parser.add_argument("--run", type=Path, help="a finished run of the recipe; it is copied, not changed")
    parser.add_argument("--steps", type=int, default=400, help="without --run: how long to train")
    parser.add_argument("--their-precision", choices=["fp32", "bf16", "both"], default="both")
    parser.add_argument("--workers", type=int, default=0, help="of the tools' DataLoader (0 is PyTorch's default)")
    parser.add_argument("--limit", type=float, default=1.0, help="look at this share of every sample, on both sides")
    asked = parser.parse_args()
    if not 0 < asked.limit <= 1:
        parser.error(f"--limit must be a share above 0 and at most 1; got {asked.limit:g}.")
    limit, steps = (min(asked.limit, 0.004), 4) if asked.quick else (asked.limit, asked.steps)
    precisions = ["fp32", "bf16"] if asked.their_precision == "both" else [asked.their_precision]
    with tempfile.TemporaryDirectory(prefix="bench-audit-") as folder:
        run = asked.run or trained(Path(folder, "trained"), steps)
        bench = Bench(copied(run, Path(folder, "copy")), limit, asked.workers)
        results, chart = measure(bench, asked.rounds, precisions)
    for part, line in missing().items():
        print(f"not measured: {part}; {line}")
    print("\n".join(results["words"]) or "No headline: it needs the whole default audit and every tool.")
    publish("audit", results, chart, folder_of(asked) if results["words"] or asked.out else None)


if __name__ == "__main__":
    main()
