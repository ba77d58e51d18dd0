"""One training step: Basestone's loop against a bare PyTorch loop and three frameworks.

    python benchmarks/bench_step.py [--batch 64] [--steps 8] [--rounds 10] [--precision bf16]

The same ResNet-18, random images in memory, precision, memory format and batch size for all; only time is measured,
between two requests for a batch (``step_work``), so that set-up does not count. Beside the ratios: which share of the
measured peak of a large 3×3 convolution the loop reaches, and which share of a step the real input path takes.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from importlib import metadata

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from basestone.core.batch import Batch
from basestone.core.spec import ImageSpec
from basestone.data.image_split import ImageSplit
from basestone.data.transforms import cutout, flip, pad_crop
from loops import PEERS, bare, installed_peers, objective, ours
from side_by_side import alternate, folder_of, machine, options, publish, rates, ratio_chart, ratios, spread, table
from step_work import Images, Work, network, step_seconds

BARE, OURS = "bare PyTorch", "Basestone fit"
SPEC = ImageSpec(
    channels=3, height=32, width=32, class_names=tuple("0123456789"), mean=(0.49, 0.48, 0.45), std=(0.25, 0.24, 0.26)
)


class RealInput(Images):
    """Random uint8 images on the path that a recipe's images take, augmented; it also times that path."""

    def __init__(self, count: int) -> None:
        """``count`` images of ten classes."""
        super().__init__(count)
        pixels = np.random.default_rng(0).integers(0, 256, size=(count, 3, 32, 32), dtype=np.uint8)
        augment = [pad_crop(padding=4), flip(), cutout(size=8)]
        self._split = ImageSplit(pixels, np.arange(count), self.targets, SPEC, row_names=[], groups={}, augment=augment)
        self.took: list[float] = []

    def batch(self, positions: np.ndarray, generator: torch.Generator | None = None, *, epoch: int = 0) -> Batch:
        """As ``ImageSplit`` makes it."""
        self.asked.append(time.perf_counter())
        batch = self._split.batch(positions, generator, epoch=epoch)
        self.took.append(time.perf_counter() - self.asked[-1])
        return batch


def input_share(work: Work) -> float:
    """The share of a step of our loop that making its batch takes (0–1)."""
    images = RealInput(work.batch * work.total)
    ours(network(), images, work)
    return sum(images.took[-1 - work.steps : -1]) / (images.asked[-1] - images.asked[-1 - work.steps])


def conv_peak(work: Work) -> float:
    """FLOP/s of a 256→256 3×3 convolution at 16×16, forward and backward; the best of 5."""
    layer = nn.Conv2d(256, 256, 3, padding=1, bias=False).to(memory_format=torch.channels_last)
    inputs = torch.randn(work.batch, 256, 16, 16).to(memory_format=torch.channels_last).requires_grad_()
    grad = torch.randn_like(inputs)

    def once() -> None:
        with work.autocast():
            output = layer(inputs)
        output.backward(grad.to(output.dtype))

    return flops_of(once) / min(seconds(once) for _ in range(5))


def seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def flops_of(call: Callable[[], object]) -> int:
    with FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops()


def step_flops(work: Work) -> float:
    images, model = Images(2), network()
    return flops_of(lambda: objective(model, images.batch(np.arange(2))).total.backward()) / 2 * work.batch


def main() -> None:
    parser = options(__doc__, rounds=10)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=8, help="steps that count, of each side in each round")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="bf16")
    asked = parser.parse_args()
    if asked.quick:
        asked.batch, asked.steps, asked.rounds = 8, 3, 2
    work = Work(batch=asked.batch, steps=asked.steps, precision=asked.precision)
    loops = {BARE: bare, OURS: ours, **installed_peers()}
    peak = conv_peak(work)
    times = alternate({name: partial(step_seconds, loop, work) for name, loop in loops.items()}, asked.rounds)
    found, speeds = ratios(times, BARE), rates(times, work.batch)
    share = spread([input_share(work) for _ in range(min(3, asked.rounds))])
    peak = max(peak, conv_peak(work))  # before and after: the machine may have been busy at one of them
    reached = step_flops(work) / statistics.median(times[OURS]) / peak

    here = machine()
    what = f"ResNet-18 at 32 px, {work.precision}, batch {work.batch}, threads: {here['torch_threads']}"
    table(f"Training step: {what}", "images/s", speeds, found, BARE)
    print(f"A large convolution reaches {peak / 1e9:.0f} GFLOP/s; {OURS} reaches {reached:.0%} of it.")
    print(f"Making an augmented batch takes {share.median:.2%} of a step ({share.minimum:.2%}–{share.maximum:.2%}).")
    packages = [package for name, (wanted, _) in PEERS.items() if name in loops for package in wanted]
    results = {
        "what": what,
        "settings": {"batch": work.batch, "steps": work.steps, "rounds": asked.rounds, "precision": work.precision},
        "seconds_a_step": times,
        "images_per_s": speeds,
        "time_ratio_to_bare_pytorch": found,
        "conv_peak_flops_per_s": peak,
        "share_of_conv_peak": reached,
        "input_share_of_step": share,
        "peers": {package: metadata.version(package) for package in packages},
        "not_compared": [name for name in PEERS if name not in loops],
    }
    subtitle = f"{what} · {asked.rounds} rounds in turn · {here['processor']}"
    axes = ("time of a step relative to bare PyTorch (less is faster)", "training loop")
    publish(
        f"step-{work.precision}",
        results,
        ratio_chart(found, "What a training loop costs", axes, subtitle),
        folder_of(asked),
    )


if __name__ == "__main__":
    main()
