"""What the rooms may ask of one another's things, so that none has to import another.

Shapes: N samples in a batch, K classes, C×H×W one image.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from basestone.core.batch import Batch
    from basestone.core.spec import DataSpec

STAND_INS = ("tfidf", "group_thresholds")  # who may stand beside an audited model and is no stage of a recipe


@dataclass(frozen=True, kw_only=True)
class Draw:
    """All that a random change of a batch may depend on.

    ``generator``: the randomness of this batch; ``epoch``: from 0; ``positions``: int64 N, which samples these are.
    """

    generator: torch.Generator
    epoch: int
    positions: Tensor


class Transform(Protocol):
    """A random change of a batch of images or of recordings."""

    def __call__(self, samples: Tensor, draw: Draw, /) -> Tensor:
        """As many samples of one shape, as a rule the same.

        Images: N×C×H×W float32, normalised, zero is the mean colour. Recordings: N×T float32, zeros behind each.
        """
        ...


class BoxTransform(Protocol):
    """A random change of a batch of images that moves their boxes along."""

    def with_boxes(self, images: Tensor, boxes: Tensor, draw: Draw) -> tuple[Tensor, Tensor]:
        """Images as a ``Transform`` has them, boxes N×M×5 as ``Batch.targets`` does; M may change."""
        ...


class BatchSource(Protocol):
    """One split of a data set, read by position."""

    def __len__(self) -> int:
        """The number of samples."""
        ...

    @property
    def targets(self) -> NDArray[Any]:
        """Every sample's target, in order: int64, or floating point where it is a quantity."""
        ...

    def batch(self, positions: NDArray[np.int64], generator: torch.Generator | None = None, *, epoch: int = 0) -> Batch:
        """The samples at ``positions``; augmented when a generator is given, as they are when not."""
        ...


@dataclass(frozen=True, kw_only=True)
class Loss:
    """``total`` is the sum over ``count`` samples, so that accumulated micro-batches weigh as they should."""

    total: Tensor
    count: int


@dataclass(frozen=True, kw_only=True)
class View:
    """How an objective needs its data to be read.

    ``labels``: each sample with its own target. ``documents``: the same, where there may be no labels. ``next``:
    text as one stream in blocks, each token's target the token after it. ``masked``: documents in which some words
    are hidden; the targets are the hidden tokens, −100 elsewhere. ``boxes``: images with the objects in them.
    ``characters``: recordings with their transcripts; the targets are N×S numbers of characters, −100 behind.
    ``samples``: sound as a sequence; the targets are N×T classes of samples (μ-law), −100 behind a recording.
    ``crop``: samples of a stretch that training reads of each recording, anywhere in it; ``condition_on``: columns
    that are told of it; ``level``: root mean square that every recording is brought to, 0: as it is.
    ``spoken``: texts with how they are to be said; the targets are recordings of them, N×T.
    ``share``: of the tokens that are hidden; ``whole_word``: all tokens of a word, or none.
    ``unwanted``: classes of documents that the text is not to go on like; their tokens, after the first place of
    ``after`` in a document, are targets with the size of the vocabulary added.
    """

    kind: Literal["labels", "documents", "next", "masked", "boxes", "characters", "samples", "spoken"] = "labels"
    share: float = 0.15
    whole_word: bool = True
    crop: int = 0
    condition_on: tuple[str, ...] = ()
    level: float = 0.0
    unwanted: tuple[str, ...] = ()
    after: str = ""


def view_of(objective: object) -> View:
    """An objective's own ``view``; labels where it has none."""
    return getattr(objective, "view", View())


def hook_of(objective: object) -> StepHook | None:
    """The part that an objective has in every step; None where it has none."""
    return getattr(objective, "hook", None)


def objective_for(objective: Objective, spec: DataSpec) -> Objective:
    """An objective that has to know its data (``for_data``), told of them; any other as it is."""
    tell = getattr(objective, "for_data", None)
    return objective if tell is None else tell(spec)


class Objective(Protocol):
    """What training minimises."""

    def __call__(self, model: nn.Module, batch: Batch) -> Loss:
        """Runs the model on the batch and returns its loss."""
        ...


class StepHook(Protocol):
    """What a method of adaptation does in every step, after the optimizer moved and before gradients are dropped."""

    def __call__(self, step: int) -> None:
        """``step`` counts the finished ones, from 1."""
        ...

    def tensors(self) -> Mapping[str, Tensor]:
        """All that it must remember, for a checkpoint."""
        ...

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Goes on from what ``tensors`` gave."""
        ...


class Tracker(Protocol):
    """Receives every event of a run: JSONL, a progress bar, TensorBoard, W&B."""

    def log(self, event: Mapping[str, Any]) -> None:
        """One event: ``{"event": "step", "stage": "pretrain", "step": 3, "loss": 2.1}``, JSON types only."""
        ...

    def close(self) -> None:
        """Flushes; no event comes after it."""
        ...
