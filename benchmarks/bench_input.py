"""The whole batch path (gather, normalise, pad-crop, flip, cutout) against torchvision's per-image PIL pipeline.

Run ``python benchmarks/bench_input.py``. One thread, 256 images of 3×32×32; rounds alternate, so that both sides meet
the same machine load; medians are printed.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torchvision import transforms as tv

from basestone.core.spec import ImageSpec
from basestone.data.image_split import ImageSplit
from basestone.data.transforms import cutout, flip, pad_crop

MEAN, STD = (0.49, 0.48, 0.45), (0.25, 0.24, 0.26)
ROUNDS, BATCH, STORED = 15, 256, 10_000


def ours(images: np.ndarray, augment: list) -> Callable[[np.ndarray], torch.Tensor]:
    spec = ImageSpec(channels=3, height=32, width=32, class_names=("a", "b"), mean=MEAN, std=STD)
    zeros = np.zeros(len(images), dtype=np.int64)
    split = ImageSplit(images, np.arange(len(images)), zeros, spec, row_names=[], groups={}, augment=augment)
    generator = torch.Generator().manual_seed(0)
    return lambda positions: split.batch(positions, generator).inputs


def torchvision_loop(images: np.ndarray) -> Callable[[np.ndarray], torch.Tensor]:
    pictures = [Image.fromarray(image.transpose(1, 2, 0)) for image in images]
    erase = tv.RandomErasing(p=1.0, scale=(64 / 1024, 64 / 1024), ratio=(1.0, 1.0))
    steps = [tv.RandomCrop(32, padding=4, padding_mode="reflect"), tv.RandomHorizontalFlip(), tv.ToTensor()]
    pipeline = tv.Compose([*steps, tv.Normalize(MEAN, STD), erase])
    return lambda positions: torch.stack([pipeline(pictures[i]) for i in positions])


def seconds(call: Callable[[np.ndarray], torch.Tensor], positions: np.ndarray) -> float:
    start = time.perf_counter()
    call(positions)
    return time.perf_counter() - start


def main() -> None:
    torch.set_num_threads(1)
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, size=(STORED, 3, 32, 32), dtype=np.uint8)
    sides = {
        "basestone, augmented": ours(images, [pad_crop(padding=4), flip(), cutout(size=8)]),
        "basestone, gather and normalise only": ours(images, []),
        "torchvision, PIL per image": torchvision_loop(images),
    }
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(ROUNDS):
        positions = generator.permutation(STORED)[:BATCH]
        for name, call in sides.items():
            times[name].append(seconds(call, positions))
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, value in medians.items():
        print(f"{name:38} {value * 1e3:8.2f} ms a batch of {BATCH} {BATCH / value:12,.0f} images/s")
    print(f"ratio {medians['torchvision, PIL per image'] / medians['basestone, augmented']:.1f}")


if __name__ == "__main__":
    main()
