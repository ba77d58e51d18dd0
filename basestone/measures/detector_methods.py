"""Several detectors, perhaps of several seeds, on the same images: mean average precision and its differences.

As ``methods`` does it for answers that are right or wrong: images and seeds are resampled together, the same images for
every detector (Owen 2007, the pigeonhole bootstrap). Average precision is no mean over images, hence every draw has its
own (``average_precision``), and the bounds are corrected for the bias of the draws as those of the gap to training.

Legend: B draws, S seeds, N images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.evidence import CONFIDENCE
from basestone.core.seed import numpy_generator
from basestone.measures.average_precision import ClassMatches, Floats, mean_average_precision
from basestone.measures.bootstrap import bias_corrected, describe
from basestone.measures.finding import image_weights

SEED = 0
Matched = Sequence[ClassMatches]


def compare_detectors(found: Mapping[str, Sequence[Matched]]) -> dict[str, Any]:
    """Method → average precision over overlaps 0.5 to 0.95 and its difference to the first one, as ``compare_methods``.

    ``found``: for each method what it found by seed (see ``matched``), all in the same images. Draws that hold no
    object are left out. ValueError when no image holds one.
    """
    values = {name: np.array([precision(one) for one in by_seed]) for name, by_seed in found.items()}
    draws = {name: np.stack([_draws(one) for one in by_seed], 1) for name, by_seed in found.items()}
    first = next(iter(found))
    return {
        name: {"accuracy": float(by_seed.mean()), "least": float(by_seed.min()), "greatest": float(by_seed.max())}
        | {"difference": _difference(by_seed - values[first], draws[name] - draws[first], _images(found[first][0]))}
        for name, by_seed in values.items()
    }


def precision(classes: Matched) -> float:
    """Mean average precision of one detector over all its images; ValueError when these hold no object."""
    return float(mean_average_precision(classes, np.ones((1, _images(classes))))[0])


def _difference(by_seed: Floats, draws: Floats, images: int) -> dict[str, Any]:
    """Of S differences and their B×S draws over images; the seeds are drawn here."""
    value, (count, seeds) = float(by_seed.mean()), draws.shape
    generator = numpy_generator(SEED, "detectors", count, seeds)
    picked = generator.multinomial(seeds, np.full(seeds, 1 / seeds), count) / seeds
    sample = (draws * picked).sum(1)
    return {
        "value": value,
        "lower": bias_corrected(sample, value, 1 - CONFIDENCE),
        "upper": bias_corrected(sample, value, CONFIDENCE),
        "method": f"bias-corrected pigeonhole bootstrap over {seeds} seeds and {describe(count, images, SEED)}",
    }


def _draws(classes: Matched) -> Floats:
    """B, of those draws that hold an object."""
    objects: NDArray[Any] = sum((one.objects for one in classes), np.zeros(_images(classes), np.int64))
    weights = image_weights(len(objects), max(len(one.image) for one in classes), SEED)
    return np.concatenate([mean_average_precision(classes, part[part @ objects > 0]) for part in weights])


def _images(classes: Matched) -> int:
    return len(classes[0].objects)
