"""Scores by which a model's own images should stand out, and images that are surely foreign.

Higher means more familiar. ``energy`` is the log of the summed exponentials of the logits (Liu et al. 2020,
arXiv:2010.03759), ``max_logit`` the largest (Hendrycks et al. 2022, arXiv:1911.11132). Of what the last layer reads:
``nearest`` is minus the distance to the tenth nearest training image, all of length 1 (Sun et al. 2022,
arXiv:2204.06507), ``mahalanobis`` minus the distance to the nearest class, with one covariance for all of them (Lee et
al. 2018, arXiv:1807.03888).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from basestone.core.seed import numpy_generator
from basestone.measures.subject import Columns, Progress, Raw, Subject, batches, to_unit

Floats = NDArray[np.float64]
NEIGHBOUR = 10
RIDGE = 1e-3  # of the mean variance: features that never vary have none


class Seen:
    """What a subject answers to images, and what its head read."""

    def __init__(self, subject: Subject, head: str | None, batch_size: int, progress: Progress | None = None) -> None:
        """``head``: the name of the module that answers; None where there is none to look into."""
        self.subject, self.batch_size, self.progress = subject, batch_size, progress
        self.head = None if head is None else subject.model.get_submodule(head)

    def of(self, raw: Raw, positions: NDArray[np.int64]) -> tuple[Floats, Floats | None]:
        """Logits N×K, and features N×D."""
        features: list[Tensor] = []

        def keep(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            features.append(inputs[0].flatten(1).float().clone())

        handle = None if self.head is None else self.head.register_forward_pre_hook(keep)
        try:
            parts = batches(positions, self.batch_size, self.progress)
            logits = torch.cat([self.subject.logits(to_unit(raw(part))) for part in parts])
        finally:
            if handle is not None:
                handle.remove()
        return logits.double().numpy(), torch.cat(features).double().numpy() if features else None


def scores_of(
    logits: Floats, features: Floats | None, known: Floats | None, labels: NDArray[np.int64]
) -> dict[str, Floats]:
    """Every score that can be had; ``known`` M×D: features of training images, ``labels`` M: their classes."""
    top = logits.max(1)
    found = {"energy": top + np.log(np.exp(logits - top[:, None]).sum(1)), "max_logit": top}
    if features is not None and known is not None:
        found |= {"nearest": nearest(features, known), "mahalanobis": mahalanobis(features, known, labels)}
    return found


def nearest(features: Floats, known: Floats) -> Floats:
    """Minus the distance to the tenth nearest of ``known``, all scaled to length 1."""
    unit = [value / np.maximum(np.linalg.norm(value, axis=1, keepdims=True), 1e-12) for value in (features, known)]
    place = min(NEIGHBOUR, len(known)) - 1
    squared = 2 - 2 * unit[0] @ unit[1].T
    return -np.sqrt(np.maximum(np.partition(squared, place, axis=1)[:, place], 0))


def mahalanobis(features: Floats, known: Floats, labels: NDArray[np.int64]) -> Floats:
    """Minus the squared distance to the nearest class's mean, in units of the common covariance."""
    classes = np.unique(labels)
    means = np.stack([known[labels == one].mean(0) for one in classes])
    centred = known - means[np.searchsorted(classes, labels)]
    covariance = centred.T @ centred / len(known)
    covariance += RIDGE * max(float(np.trace(covariance)) / len(covariance), 1e-12) * np.eye(len(covariance))
    apart = features[:, None] - means
    return -np.einsum("nkd,de,nke->nk", apart, np.linalg.inv(covariance), apart).min(1)


def generated(kind: str, shape: tuple[int, int, int], seed: int) -> Raw:
    """Reads foreign images (uint8, N×C×H×W) by position: ``noise``, every pixel drawn; ``textures``, two gratings."""
    draw = {"noise": _noise, "textures": _texture}[kind]

    def raw(positions: NDArray[np.int64]) -> Tensor:
        images = [draw(numpy_generator(seed, "outliers", kind, int(one)), shape) for one in positions]
        return torch.from_numpy(np.stack(images))

    return raw


def collect_outliers(
    seen: Seen,
    own: tuple[Raw, NDArray[np.int64]],
    foreign: dict[str, tuple[Raw, NDArray[np.int64]]],
    train: tuple[Raw, NDArray[np.int64], NDArray[np.int64]],
    *,
    score: str,
    own_name: str,
) -> Columns:
    """The columns of ``outliers``: every image's kind, position and scores; ``score`` is the one that is judged.

    ``train``: reads training images, which of them, and the labels of those. ValueError when the score needs features
    and the model has no layer to read them from.
    """
    known = seen.of(train[0], train[1])[1]
    tables: list[dict[str, Floats]] = []
    everything = {own_name: own} | foreign
    for raw, positions in everything.values():
        tables.append(scores_of(*seen.of(raw, positions), known, train[2]))
    if score not in tables[0]:
        raise ValueError(
            f"the score '{score}' reads features, and this runtime gives none; choose energy or max_logit."
        )
    sizes = [len(positions) for _, positions in everything.values()]
    columns: Columns = {
        "kind": np.repeat(np.array(list(everything), dtype=object), sizes),
        "index": np.concatenate([positions for _, positions in everything.values()]),
    }
    columns |= {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    return columns | {"score": columns[score]}


def _noise(draw: np.random.Generator, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    return draw.integers(0, 256, shape, dtype=np.uint8)


def _texture(draw: np.random.Generator, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Two sine gratings of random direction, at 2 to 4 pixels a half wave, times a colour."""
    channels, height, width = shape
    y, x = np.mgrid[:height, :width]
    waves = [_wave(draw, x, y) for _ in range(2)]
    colour = draw.uniform(0.5, 1.0, (channels, 1, 1))
    return np.clip(255 * colour * (0.5 + 0.25 * sum(waves)), 0, 255).astype(np.uint8)


def _wave(draw: np.random.Generator, x: NDArray[Any], y: NDArray[Any]) -> Floats:
    angle, phase, length = draw.uniform(0, np.pi), draw.uniform(0, 2 * np.pi), draw.uniform(4, 8)
    return np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / length + phase)
