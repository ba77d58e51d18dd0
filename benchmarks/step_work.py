"""What every side of ``bench_step`` trains: the network, the images, and the proof that it did train on them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import timm
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from basestone.core.batch import Batch

SETTLING = 3  # steps before those that count: caches fill, and frameworks that fetch ahead fetch their first batches
SGD: dict[str, Any] = {"lr": 0.01, "momentum": 0.9, "weight_decay": 5e-4}


@dataclass(frozen=True, kw_only=True)
class Work:
    """One run: ``steps`` that count after ``SETTLING`` that do not, together one epoch."""

    batch: int
    steps: int
    precision: str

    @property
    def total(self) -> int:
        """Steps that are made."""
        return SETTLING + self.steps

    def autocast(self) -> torch.autocast | nullcontext[None]:
        """bf16 where it is asked for."""
        return torch.autocast("cpu", dtype=torch.bfloat16) if self.precision == "bf16" else nullcontext()


class Images(Dataset[tuple[Tensor, Tensor]]):
    """Random 32×32 images in memory, handed out a whole batch at a time, in channels_last.

    They are also the clock: every loop must ask for each batch, so the time between two requests is one whole step of
    whatever framework asks, measured at the same place in all of them and without their set-up and farewell.
    """

    def __init__(self, count: int) -> None:
        """``count`` images of ten classes."""
        generator = torch.Generator().manual_seed(0)
        self.images = torch.randn(count, 3, 32, 32, generator=generator)
        self.labels = torch.randint(0, 10, (count,), generator=generator)
        self.targets, self.asked = self.labels.numpy(), list[float]()

    def __len__(self) -> int:
        """The number of images."""
        return len(self.images)

    def __getitems__(self, chosen: Sequence[int]) -> tuple[Tensor, Tensor]:
        """What a ``DataLoader`` calls, once a batch, where a data set has it."""
        return self._at(torch.tensor(chosen))

    def batch(self, positions: np.ndarray, generator: object = None, *, epoch: int = 0) -> Batch:
        """What Basestone calls."""
        chosen = torch.from_numpy(positions)
        inputs, targets = self._at(chosen)
        return Batch(inputs=inputs, targets=targets, index=chosen)

    def _at(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        self.asked.append(time.perf_counter())
        return self.images[chosen].contiguous(memory_format=torch.channels_last), self.labels[chosen]

    def loader(self, batch: int) -> DataLoader[tuple[Tensor, Tensor]]:
        """Whole batches as they are, in this process."""
        return DataLoader(self, batch_size=batch, shuffle=True, collate_fn=as_it_is)


def as_it_is(batch: Any) -> Any:
    return batch


def network() -> nn.Module:
    """ResNet-18 whose stem is one 3×3 convolution, without pooling: 0.56 GMAC at 32 pixels; channels_last."""
    torch.manual_seed(0)
    model = timm.create_model("resnet18", num_classes=10)
    model.conv1, model.maxpool = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.Identity()
    return model.train().to(memory_format=torch.channels_last)


Loop = Callable[[nn.Module, Images, Work], object]


def step_seconds(loop: Loop, work: Work) -> float:
    """Seconds a step of ``loop`` on a fresh network, over the last ``work.steps`` requests for a batch.

    A loop that fetches ahead asks earlier, but once a step all the same.

    Raises:
        RuntimeError: the loop did not do the work that the others do.
    """
    images, model = Images(work.batch * work.total), network()
    before, seen, threads = model.fc.weight.detach().clone(), list[tuple[torch.dtype, bool]](), torch.get_num_threads()

    def look(_: nn.Module, inputs: object, output: Tensor) -> None:
        seen.append((output.dtype, output.is_contiguous(memory_format=torch.channels_last)))

    model.layer1.register_forward_hook(look)
    loop(model, images, work)
    dtype = torch.bfloat16 if work.precision == "bf16" else torch.float32
    steps = int(model.bn1.num_batches_tracked)
    faults = {
        f"{work.total} steps must be made, not {steps}": steps != work.total,
        f"the activations must be {dtype} and channels_last": seen[-work.total :] != [(dtype, True)] * work.total,
        "the weights must move": torch.equal(before, model.fc.weight),
        f"{threads} thread(s) must be used, not {torch.get_num_threads()}": threads != torch.get_num_threads(),
    }
    if any(faults.values()):
        raise RuntimeError("; ".join(words for words, found in faults.items() if found))
    return (images.asked[-1] - images.asked[-1 - work.steps]) / work.steps
