"""Does the search by intervention find planted shortcuts, and does it stay quiet where there are none?

Trains small networks on scikit-learn's digits with a mark (corner, watermark, colour) and without one, and searches
each. Run: python benchmarks/bench_shortcut.py --runs 20 --out benchmarks/results/shortcut.json
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from basestone.core.spec import ImageSpec
from basestone.data.image_split import ImageSplit
from basestone.data.readers.shortcut_digits import ShortcutDigits
from basestone.measures.explanation.shortcuts import collect_interchanged, found_shortcuts
from basestone.measures.subject import Subject
from basestone.models.own.small_cnn import SmallCNN
from basestone.objectives.supervised import cross_entropy
from basestone.tracking.jsonl import JsonlTracker
from basestone.training.loop import fit
from basestone.training.options import FitOptions

SEARCHED = 500  # training images, where the mark goes with the class
PLANTS = ("corner", "watermark", "colour")
FIT = {
    "epochs": 10,
    "batch_size": 64,
    "optimizer": {"kind": "adamw", "lr": 3e-3, "weight_decay": 0.01},
    "schedule": {"kind": "one_cycle", "warmup_fraction": 0.2},
}


def opened(source: ShortcutDigits, name: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows = list(source.rows(name, ["mark"]))
    images = np.stack([np.asarray(row.image) for row in rows])
    agrees = np.array([row.groups["mark"] == "agrees" for row in rows])
    return images, np.array([row.label for row in rows], np.int64), agrees


def trained(source: ShortcutDigits, seed: int) -> tuple[Subject, np.ndarray, np.ndarray, np.ndarray]:
    images, labels, _ = opened(source, "train")
    scaled = images / 255.0
    mean, std = (tuple(stat((0, 2, 3)).tolist()) for stat in (scaled.mean, scaled.std))
    spec = ImageSpec(channels=images.shape[1], height=8, width=8, class_names=source.class_names, mean=mean, std=std)
    split = ImageSplit(images, np.arange(len(images)), labels, spec, row_names=[], groups={})
    torch.manual_seed(seed)
    model = SmallCNN(images.shape[1], 10, [16, 32], 0, 0.0, False)
    with tempfile.TemporaryDirectory() as folder:
        fit(
            model,
            split,
            None,
            cross_entropy(),
            FitOptions.model_validate(FIT),
            seed=seed,
            folder=Path(folder),
            tracker=JsonlTracker(Path(folder) / "events.jsonl"),
            stage="bench",
            identity=str(seed),
        )
    return Subject(model=model, mean=mean, std=std), *opened(source, "test")


def one(plant: Any, seed: int, share: float) -> dict[str, Any]:
    started = time.monotonic()
    subject, images, labels, agrees = trained(ShortcutDigits(plant, share, seed), seed)
    inputs = torch.from_numpy(images).float() / 255
    right = (subject.logits(inputs).argmax(1).numpy() == labels).astype(float)
    seen = torch.from_numpy(opened(ShortcutDigits(plant, share, seed), "train")[0][:SEARCHED]).float() / 255
    rows = found_shortcuts(collect_interchanged(subject, seen, np.arange(len(seen)), seed=seed))
    return {
        "plant": plant,
        "seed": seed,
        "worst_group": min(float(right[agrees == kind].mean()) for kind in (True, False)),
        "found": [row["part"] for row in rows if row["shortcut"]],
        "first": rows[0]["part"],
        "share": rows[0]["share"],
        "lower": rows[0]["lower"],
        "seconds": round(time.monotonic() - started, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--share", type=float, default=0.98)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    results: list[dict[str, Any]] = []
    for seed in range(options.runs):
        for plant in (PLANTS[seed % len(PLANTS)], "none"):
            results.append(one(plant, seed, options.share))
            print(results[-1], flush=True)
    planted = [row for row in results if row["plant"] != "none"]
    clean = [row for row in results if row["plant"] == "none"]
    summary = {
        "planted_found": sum(bool(row["found"]) for row in planted),
        "planted": len(planted),
        "clean_alarms": sum(bool(row["found"]) for row in clean),
        "clean": len(clean),
    }
    print(summary)
    if options.out:
        options.out.write_text(json.dumps({"summary": summary, "share": options.share, "runs": results}, indent=1))


if __name__ == "__main__":
    main()
