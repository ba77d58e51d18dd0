"""A tiny learnable problem, shared by the tests of the training room."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from basestone.core.batch import Batch
from basestone.core.contracts import Loss
from basestone.training.options import FitOptions


class ToySource:
    """Images 1×6×6 of three classes: a bright row that tells the class, in noise. Augmentation mirrors at random."""

    def __init__(self, num_samples=50, seed=0, noise=0.5):
        random = np.random.default_rng(seed)
        self.targets = random.integers(0, 3, num_samples)
        images = random.normal(0, noise, (num_samples, 1, 6, 6))
        images[np.arange(num_samples), 0, 2 * self.targets] += 1
        self.images = torch.from_numpy(images.astype(np.float32))
        self.asked = []

    def __len__(self):
        return len(self.targets)

    def batch(self, positions, generator=None, *, epoch=0):
        self.asked.append(positions)
        images = self.images[torch.from_numpy(positions)]
        if generator is not None:
            flip = torch.rand(len(images), generator=generator) < 0.5
            images = torch.where(flip[:, None, None, None], images.flip(3), images)
        return Batch(
            inputs=images, targets=torch.from_numpy(self.targets[positions]), index=torch.from_numpy(positions)
        )


class ToyNet(nn.Module):
    """Convolution, batch norm, dropout: everything that resuming has to get right."""

    def __init__(self, norm=True, dropout=0.2, width=8):
        super().__init__()
        self.stem = nn.Conv2d(1, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width) if norm else nn.Identity()
        self.hidden = nn.Conv2d(width, width, 3, padding=1)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width * 36, 3)

    def forward(self, x):
        x = F.relu(self.norm(self.stem(x)))
        x = self.dropout(F.relu(self.hidden(x)))
        return self.head(x.flatten(1))


def toy_net(seed=0, **options):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return ToyNet(**options)


def cross_entropy(model, batch):
    return Loss(total=F.cross_entropy(model(batch.inputs), batch.targets, reduction="sum"), count=len(batch))


class ListTracker:
    def __init__(self):
        self.events = []

    def log(self, event):
        self.events.append(dict(event))

    def close(self):
        pass

    def of(self, kind):
        return [event for event in self.events if event["event"] == kind]


SGD = {"kind": "sgd", "lr": 0.05}


def options(**values):
    base = {"batch_size": 16, "optimizer": SGD, "schedule": {"kind": "constant"}}
    if "max_steps" not in values:
        base["epochs"] = 2
    return FitOptions.model_validate(base | values)


def weights_of(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def equal(left, right):
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


class Clock:
    """A clock that only moves when it is told to, so that a test of timing does not depend on the machine's load."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
