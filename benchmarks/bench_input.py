"""The batch path (gather, normalise, pad-crop, flip, cutout) against torchvision's per-image PIL pipeline.

    python benchmarks/bench_input.py [--batch 256] [--batches 8] [--rounds 12]

Both make the same augmented batches of 3×32×32 images. Theirs come out of a ``DataLoader``, without workers and with
two that persist; ours are made where they are used. One torch thread each; two workers use two cores more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms as tv

from basestone.core.spec import ImageSpec
from basestone.data.image_split import ImageSplit
from basestone.data.transforms import cutout, flip, pad_crop
from side_by_side import alternate, folder_of, machine, options, publish, rates, ratio_chart, ratios, table

MEAN, STD = (0.49, 0.48, 0.45), (0.25, 0.24, 0.26)
OURS = "Basestone"


class Pictures(Dataset[tuple[Tensor, int]]):
    """PIL images with a transform, as every torchvision data set is."""

    def __init__(self, images: np.ndarray) -> None:
        """``images``: uint8, N×3×32×32."""
        self.pictures = [Image.fromarray(image.transpose(1, 2, 0)) for image in images]
        erase = tv.RandomErasing(p=1.0, scale=(64 / 1024, 64 / 1024), ratio=(1.0, 1.0))
        crop = tv.RandomCrop(32, padding=4, padding_mode="reflect")
        steps = [crop, tv.RandomHorizontalFlip(), tv.ToTensor(), tv.Normalize(MEAN, STD), erase]
        self.transform = tv.Compose(steps)

    def __len__(self) -> int:
        """N."""
        return len(self.pictures)

    def __getitem__(self, position: int) -> tuple[Tensor, int]:
        """One image, and a label."""
        return self.transform(self.pictures[position]), 0


def our_batches(images: np.ndarray, batch: int, augment: list[Any]) -> Callable[[], Iterator[Tensor]]:
    """One epoch of batches in random order, each time it is called."""
    spec = ImageSpec(channels=3, height=32, width=32, class_names=("a", "b"), mean=MEAN, std=STD)
    everything, zeros = np.arange(len(images)), np.zeros(len(images), dtype=np.int64)
    split = ImageSplit(images, everything, zeros, spec, row_names=[], groups={}, augment=augment)
    generator, order = torch.Generator().manual_seed(0), np.random.default_rng(0)

    def epoch() -> Iterator[Tensor]:
        shuffled = order.permutation(everything)
        for start in range(0, len(images), batch):
            yield split.batch(shuffled[start : start + batch], generator).inputs

    return epoch


def seconds(epoch: Callable[[], Iterable[object]], num_batches: int) -> float:
    started = time.perf_counter()
    made = sum(1 for _ in epoch())
    took = time.perf_counter() - started
    if made != num_batches:
        raise RuntimeError(f"{num_batches} batches must be made; got {made}")
    return took


def main() -> None:
    parser = options(__doc__, rounds=12)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--batches", type=int, default=8, help="batches of each side in each round")
    asked = parser.parse_args()
    if asked.quick:
        asked.batch, asked.batches, asked.rounds = 16, 2, 2
    torch.set_num_threads(1)
    count = asked.batch * asked.batches
    images = np.random.default_rng(0).integers(0, 256, size=(count, 3, 32, 32), dtype=np.uint8)
    pictures = Pictures(images)
    loader = partial(DataLoader, pictures, batch_size=asked.batch, shuffle=True)
    epochs: dict[str, Callable[[], Iterable[object]]] = {
        OURS: our_batches(images, asked.batch, [pad_crop(padding=4), flip(), cutout(size=8)]),
        "Basestone, no augmentation": our_batches(images, asked.batch, []),
        "torchvision, no workers": loader(num_workers=0).__iter__,
        "torchvision, 2 workers": loader(num_workers=2, persistent_workers=True).__iter__,
    }
    times = alternate({name: partial(seconds, epoch, asked.batches) for name, epoch in epochs.items()}, asked.rounds)
    found, speeds = ratios(times, OURS), rates(times, count)

    what = f"augmented batches of {asked.batch} images of 3×32×32, one thread"
    table(f"Input: {what}", "images/s", speeds, found, OURS)
    results = {
        "what": what,
        "settings": {"batch": asked.batch, "batches": asked.batches, "rounds": asked.rounds},
        "seconds": times,
        "images_per_s": speeds,
        "time_ratio_to_basestone": found,
    }
    subtitle = f"{what} · {asked.rounds} rounds in turn · {machine()['processor']}"
    axes = ("time of a batch relative to Basestone (less is faster)", "input path")
    publish("input", results, ratio_chart(found, "What an augmented batch costs", axes, subtitle), folder_of(asked))


if __name__ == "__main__":
    main()
