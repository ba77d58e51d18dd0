"""Our Shapley values beside Captum's ShapleyValueSampling: how far from exact, for equally many answers of a model.

The game: the probability of the predicted digit, twelve patches of an image as players, of a small network trained here
on scikit-learn's digits. Run: python benchmarks/bench_shapley.py --samples 30 --out benchmarks/results/shapley.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from captum.attr import ShapleyValueSampling

from basestone.data.readers.shortcut_digits import ShortcutDigits
from basestone.measures.explanation.game import exactly, sampled
from basestone.measures.explanation.passes import probability
from basestone.measures.explanation.players import grid, patches
from bench_shortcut import trained

PLAYERS = 12


def captums(subject: Any, players: Any, target: int, permutations: int) -> tuple[np.ndarray, int]:
    asked = 0

    def forward(images: torch.Tensor) -> torch.Tensor:
        nonlocal asked
        asked += len(images)
        return torch.softmax(subject.logits(images).double(), 1)[:, target]

    found = ShapleyValueSampling(forward).attribute(
        players.image[None],
        baselines=players.baseline,
        feature_mask=players.cell[None, None],
        n_samples=permutations,
        perturbations_per_eval=64,
    )
    values = [float(found[0, 0][players.cell == player][0]) for player in range(PLAYERS)]
    return np.array(values), asked


def compared(samples: int, budget: int) -> list[dict[str, Any]]:
    subject, images, _, _ = trained(ShortcutDigits("none", 1.0, 0), 0)
    rows: list[dict[str, Any]] = []
    for place in range(samples):
        image = torch.from_numpy(images[place]).float() / 255
        target = int(subject.logits(image[None]).argmax())
        players = patches(image, subject.mean or (), *grid(PLAYERS))

        def worth(keep: np.ndarray, players: Any = players, target: int = target) -> np.ndarray:
            return probability(subject, players, torch.from_numpy(keep), target, 512)

        exact = exactly(worth, PLAYERS).values
        ours = sampled(worth, PLAYERS, budget, np.random.default_rng(place))
        torch.manual_seed(place)
        theirs, asked = captums(subject, players, target, budget // PLAYERS)
        rows.append(
            {
                "ours": off(ours.values, exact),
                "captum": off(theirs, exact),
                "asked": ours.evaluations,
                "captum_asked": asked,
                "covered": float((np.abs(ours.values - exact) <= 1.96 * ours.errors).mean()),
            }
        )
    return rows


def off(found: np.ndarray, exact: np.ndarray) -> dict[str, float]:
    gap = found - exact
    return {
        "largest": float(np.abs(gap).max() / np.abs(exact).max()),
        "norm": float(np.linalg.norm(gap) / np.linalg.norm(exact)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=30)
    parser.add_argument("--budget", type=int, default=512)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows = compared(options.samples, options.budget)
    summary = {
        f"{who}_{how}": {"mean": float(np.mean(found)), "median": float(np.median(found))}
        for who in ("ours", "captum")
        for how in ("largest", "norm")
        for found in [[row[who][how] for row in rows]]
    } | {name: float(np.mean([row[name] for row in rows])) for name in ("asked", "captum_asked", "covered")}
    print(json.dumps(summary, indent=1))
    if options.out:
        options.out.write_text(json.dumps({"summary": summary, "budget": options.budget, "samples": rows}, indent=1))


if __name__ == "__main__":
    main()
