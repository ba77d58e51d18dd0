"""One second of sound by WaveNet: a step a sample with what is remembered, against reading the receptive field anew.

    python benchmarks/bench_wavenet.py [--rounds 3] [--samples 8000]

The network is that of the recipe ``fsdd-wavenet`` with weights of its initialisation; both sides draw the same sound
from the same random numbers, which is checked first on a shorter stretch, as are their outputs (to 1e-5).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from basestone.core.spec import SpeechSpec
from basestone.models.catalogue import INITS, MODELS
from basestone.models.own.wavenet import WaveNet
from basestone.models.own.wavenet_steps import Steps
from basestone.models.synthesise import Reread, synthesise
from side_by_side import alternate, folder_of, options, publish, rates, ratio_chart, ratios, table

SLOW, FAST = "the receptive field anew", "what is remembered"
RATE, CHECKED, CLOSE = 8_000, 600, 1e-5


def network(quick: bool) -> WaveNet:
    section: dict[str, Any] = {"layers": 4 if quick else 8, "blocks": 2, "width": 32, "skip_width": 64}
    spec = SpeechSpec(sample_rate=RATE, max_samples=RATE, head="samples")
    model = MODELS.build(MODELS.options("wavenet").model_validate({"kind": "wavenet", **section}), spec)
    INITS.build(INITS.options("default").model_validate({"kind": "default"}), model, 0)
    assert isinstance(model, WaveNet)
    return model.eval()


def farthest(model: WaveNet) -> float:
    """The largest difference between what both ways expect of each sample, on a stretch of random classes."""
    classes = np.random.default_rng(0).integers(256, size=(CHECKED, 1))
    ways = [way(model, 1, None) for way in (Steps, Reread)]
    pairs = ([way.advance(classes[place - 1] if place else None) for way in ways] for place in range(CHECKED))
    return max(float(np.abs(one - other).max()) for one, other in pairs)


def timed(make: Callable[[], object]) -> float:
    started = time.perf_counter()
    make()
    return time.perf_counter() - started


def main() -> None:
    parser = options(__doc__, rounds=3)
    parser.add_argument("--samples", type=int, default=RATE, help="how many are made a round")
    asked = parser.parse_args()
    samples, rounds = (300, 1) if asked.quick else (asked.samples, asked.rounds)
    model = network(asked.quick)
    moved = farthest(model)
    same = bool((synthesise(model, CHECKED) == synthesise(model, CHECKED, cache=False)).all())
    if moved > CLOSE or not same:
        raise SystemExit(f"Both ways must make the same sound; outputs differ by {moved:.2g}, same sound: {same}.")
    makes = {name: partial(synthesise, model, samples, cache=name == FAST) for name in (SLOW, FAST)}
    times = alternate({name: partial(timed, make) for name, make in makes.items()}, rounds, warm_up=0)
    found = ratios(times, FAST)
    title = f"{samples:,} samples, receptive field {model.reach:,}, {torch.get_num_threads()} thread(s)"
    table(title, "samples/s", rates(times, samples), found, FAST)
    print(f"largest difference of outputs over {CHECKED} samples: {moved:.2g}; slow ÷ fast: {found[SLOW].median:.1f}")
    chart = ratio_chart(found, "One second of sound by WaveNet", (f"time ÷ {FAST}", ""), title)
    results = {"samples": samples, "reach": model.reach, "difference": moved, "seconds": times, "ratios": found}
    publish("wavenet", results, chart, folder_of(asked))


if __name__ == "__main__":
    main()
