"""The audited model as an audit sees it, samples in and logits out, and the passes that write down what it answers.

N samples, K classes, C×H×W one image, T tokens one document. A ``raw`` argument reads samples by position: it takes
positions and returns uint8 pixels, N×C×H×W, or token numbers, N×T int64. ``progress`` is called with (predictions made,
predictions in all) after every batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from basestone.core.batch import Batch
from basestone.core.evidence import recorded_logits

Raw = Callable[[NDArray[np.int64]], Tensor]
Progress = Callable[[int, int], object]
Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A model with the normalisation it was trained on; always in evaluation mode.

    ``mean`` and ``std`` are per channel on the 0–1 scale, None for text. ``precision`` ``bf16`` runs under autocast.
    """

    model: nn.Module
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    precision: Literal["fp32", "bf16"] = "fp32"
    channels_last: bool = False

    def __post_init__(self) -> None:
        """Switches dropout and batch statistics off."""
        self.model.eval()

    @torch.inference_mode()
    def logits(self, inputs: Tensor) -> Tensor:
        """N×C×H×W images in 0–1, or N×T token numbers, to float32 logits: N×K, or N×T×V of a language model."""
        return self.traced(inputs)

    def traced(self, inputs: Tensor) -> Tensor:
        """As ``logits``; gradients flow where they are asked for."""
        if self.mean is not None:
            mean, std = (inputs.new_tensor(values)[:, None, None] for values in (self.mean, self.std))
            inputs = (inputs - mean) / std
        if self.channels_last and inputs.ndim == 4:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.precision == "bf16"):
            return self.model(inputs).float()

    @torch.inference_mode()
    def nats(self, batch: Batch) -> Tensor:
        """What every target of a batch costs a model that says so itself: float32 nats, 0 where there is no target."""
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.precision == "bf16"):
            return self.model(batch.inputs, batch.targets).float()


def to_unit(raw: Tensor) -> Tensor:
    """Pixels 0–255 (uint8) as float32 in 0–1; floats are taken to be in 0–1 already, tokens stay as they are."""
    return raw.float() / 255 if raw.dtype == torch.uint8 else raw


def collect_clean(
    subject: Subject,
    raw: Raw,
    labels: ArrayLike,
    positions: ArrayLike,
    *,
    groups: Mapping[str, ArrayLike] | None = None,
    batch_size: int = 250,
    progress: Progress | None = None,
) -> Columns:
    """The columns of ``clean_test`` and ``clean_train``: one row for each of ``positions``.

    ``labels`` and the columns of ``groups`` cover the whole split. Confidence and loss (nats) are computed in float64
    from the recorded logits, so that a reader can compute them again.
    """
    index = np.asarray(positions, np.int64)
    logits = np.concatenate(
        [subject.logits(to_unit(raw(part))).numpy() for part in batches(index, batch_size, progress)]
    )
    label = np.asarray(labels, np.int64)[index]
    log_probs = log_softmax(logits)
    columns: Columns = {
        "index": index,
        "label": label,
        "prediction": logits.argmax(1),
        "confidence": np.exp(log_probs.max(1)),
        "loss": -log_probs[np.arange(len(index)), label],
    }
    columns |= {f"logit_{k}": logits[:, k] for k in range(logits.shape[1])}
    return columns | {name: np.asarray(values, dtype=object)[index] for name, values in (groups or {}).items()}


def collect_replay(subject: Subject, raw: Raw, rows: Mapping[str, NDArray[Any]], *, batch_size: int = 250) -> Columns:
    """The columns of ``replay``: the inputs of some rows of ``clean_test`` once more, against what those rows say."""
    index = np.asarray(rows["index"], np.int64)
    recorded = recorded_logits(rows)
    logits = np.concatenate([subject.logits(to_unit(raw(part))).numpy() for part in batches(index, batch_size, None)])
    return {
        "index": index,
        "max_abs_diff": np.abs(logits.astype(np.float64) - recorded).max(1),
        "same_prediction": (logits.argmax(1) == rows["prediction"]).astype(np.int64),
    }


def log_softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """N×K log-probabilities in float64."""
    shifted = logits.astype(np.float64)
    shifted = shifted - shifted.max(1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))


def batches(index: NDArray[np.int64], batch_size: int, progress: Progress | None) -> Iterator[NDArray[np.int64]]:
    """The positions a batch at a time; ValueError when there are none."""
    if not len(index):
        raise ValueError("a pass over the data needs at least one position; got none.")
    for start in range(0, len(index), batch_size):
        part = index[start : start + batch_size]
        yield part
        if progress:
            progress(start + len(part), len(index))
