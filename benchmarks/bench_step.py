"""The training loop against a bare PyTorch loop: the same network, data, precision and optimizer, rounds in turn.

    python benchmarks/bench_step.py [--batch 64] [--steps 4] [--rounds 7] [--precision bf16]

Prints images/s of both, the ratio of their times per round (median and spread), and which fraction of the measured
peak of a large 3×3 convolution, forward and backward, the loop reaches. The data are random: only time is measured.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import timm
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from basestone.core.batch import Batch
from basestone.core.contracts import Loss
from basestone.training.loop import fit
from basestone.training.options import FitOptions


class Images:
    """Random 32×32 images in memory."""

    def __init__(self, count: int) -> None:
        """``count`` images of ten classes."""
        self.images = torch.randn(count, 3, 32, 32)
        self.labels = torch.randint(0, 10, (count,))
        self.targets = self.labels.numpy()

    def __len__(self) -> int:
        """The number of images."""
        return len(self.images)

    def batch(self, positions: np.ndarray, generator: torch.Generator | None = None) -> Batch:
        """The images at ``positions``, never augmented."""
        chosen = torch.from_numpy(positions)
        return Batch(inputs=self.images[chosen], targets=self.labels[chosen], index=chosen)


class Nobody:
    """A tracker that does not listen."""

    def log(self, event: object) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


def network() -> nn.Module:
    """ResNet-18 whose stem is one 3×3 convolution, without pooling: 0.56 GMAC at 32 pixels."""
    torch.manual_seed(0)
    model = timm.create_model("resnet18", num_classes=10)
    model.conv1, model.maxpool = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.Identity()
    return model


def objective(model: nn.Module, batch: Batch) -> Loss:
    return Loss(total=F.cross_entropy(model(batch.inputs), batch.targets, reduction="sum"), count=len(batch))


def ours(model: nn.Module, images: Images, batch: int, steps: int, precision: str) -> float:
    """Seconds that the loop says it trained (its checkpoint is not a step's cost), and all its bookkeeping."""
    sgd = {"kind": "sgd", "lr": 0.01, "momentum": 0.9, "weight_decay": 5e-4}
    values = {"max_steps": steps, "batch_size": batch, "precision": precision, "channels_last": True}
    options = FitOptions.model_validate({**values, "optimizer": sgd, "schedule": {"kind": "constant"}})
    with tempfile.TemporaryDirectory() as folder:
        return fit(model, images, None, objective, options, seed=0, folder=Path(folder), tracker=Nobody()).train_s


def bare(model: nn.Module, images: Images, batch: int, steps: int, precision: str) -> float:
    """Seconds of the loop that everybody writes."""
    model.train().to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4, fused=True)
    order = torch.randperm(len(images))
    started = time.perf_counter()
    for step in range(steps):
        chosen = order[step * batch : (step + 1) * batch]
        inputs = images.images[chosen].to(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype=torch.bfloat16) if precision == "bf16" else nullcontext():
            loss = F.cross_entropy(model(inputs), images.labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return time.perf_counter() - started


def conv_peak(batch: int, precision: str) -> float:
    """FLOP/s of a 256→256 3×3 convolution at 16×16, forward and backward; the best of 5."""
    layer = nn.Conv2d(256, 256, 3, padding=1, bias=False).to(memory_format=torch.channels_last)
    inputs = torch.randn(batch, 256, 16, 16).to(memory_format=torch.channels_last).requires_grad_()
    grad = torch.randn_like(inputs)

    def once() -> None:
        with torch.autocast("cpu", dtype=torch.bfloat16) if precision == "bf16" else nullcontext():
            output = layer(inputs)
        output.backward(grad.to(output.dtype))

    return flops_of(once) / min(seconds(once) for _ in range(5))


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def flops_of(work: Callable[[], object]) -> int:
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="bf16")
    asked = parser.parse_args()
    images = Images(asked.batch * asked.steps)
    work = asked.batch, asked.steps, asked.precision
    models = network(), network()
    one_step = flops_of(lambda: objective(models[0], images.batch(np.arange(2))).total.backward()) / 2 * asked.batch
    ours(models[0], images, asked.batch, 1, asked.precision)
    bare(models[1], images, asked.batch, 1, asked.precision)
    rounds = []
    for number in range(asked.rounds):
        if number % 2:
            their_s, our_s = bare(models[1], images, *work), ours(models[0], images, *work)
        else:
            our_s, their_s = ours(models[0], images, *work), bare(models[1], images, *work)
        rounds.append((our_s, their_s))
    ratios = sorted(our_s / their_s for our_s, their_s in rounds)
    our_s, their_s = (statistics.median(times) / asked.steps for times in zip(*rounds, strict=True))
    peak = conv_peak(asked.batch, asked.precision)
    print(f"ResNet-18 at 32 px, {asked.precision}, batch {asked.batch}, {torch.get_num_threads()} thread(s)")
    print(f"loop {asked.batch / our_s:.1f} images/s, bare loop {asked.batch / their_s:.1f} images/s")
    print(f"time ratio loop/bare: median {statistics.median(ratios):.3f}, range {ratios[0]:.3f}–{ratios[-1]:.3f}")
    print(f"conv peak {peak / 1e9:.0f} GFLOP/s; the loop reaches {one_step / our_s / peak:.0%} of it")


if __name__ == "__main__":
    main()
