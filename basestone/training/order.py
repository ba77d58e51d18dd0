"""Which samples a step takes: a pure function of (seed, epoch, step, world size, rank), so that resuming is arithmetic.

Every epoch is a fresh permutation of all samples, cut into global batches; rank r of w takes every w-th sample of a
batch from the r-th on. Hence the ranks' shards are disjoint, cover the batch, and the global batch is the same whatever
the world size.

The last batch of an epoch is smaller when the batch size does not divide the samples. It is kept, unless a rank would
get fewer than two samples of it (batch normalisation cannot normalise one): then the epoch ends a step earlier. As
each epoch has its own permutation, no sample is left out for good.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from basestone.core.errors import UsageError
from basestone.core.seed import numpy_generator
from basestone.training.options import FitOptions


def steps_per_epoch(num_samples: int, batch_size: int, world: int = 1) -> int:
    """The number of global batches in an epoch, at least 1.

    Raises:
        UsageError: a rank would have no sample in a batch.
    """
    full, rest = divmod(num_samples, batch_size)
    steps = full + (rest >= 2 * world)
    if batch_size < world or not steps:
        raise UsageError(
            f"training needs at least one sample a rank in each batch, and two in an only one; got {num_samples} "
            f"samples in batches of {batch_size} for {world} rank(s). Add samples, or use fewer ranks."
        )
    return steps


def positions(
    seed: int, num_samples: int, batch_size: int, step: int, world: int = 1, rank: int = 0
) -> NDArray[np.int64]:
    """The positions of the samples that ``rank`` takes in the global ``step`` (counted from 0 over all epochs).

    ``batch_size`` is the global one. The result has at most ``ceil(batch_size / world)`` elements.
    """
    epoch, place = divmod(step, steps_per_epoch(num_samples, batch_size, world))
    order = _permutation(seed, num_samples, epoch)
    return order[place * batch_size : (place + 1) * batch_size][rank::world].copy()


def shortened(options: FitOptions, share: float, num_samples: int) -> FitOptions:
    """A training for ``share`` of the steps, at least one; a warm-up that is counted in steps shrinks with it."""
    whole = options.max_steps or (options.epochs or 0) * steps_per_epoch(num_samples, options.batch_size)
    steps, schedule = max(1, round(whole * share)), options.schedule
    if warmup := getattr(schedule, "warmup_steps", 0):
        schedule = schedule.model_copy(update={"warmup_steps": min(round(warmup * share), steps - 1)})
    return options.model_copy(update={"epochs": None, "max_steps": steps, "schedule": schedule})


@lru_cache(maxsize=2)
def _permutation(seed: int, num_samples: int, epoch: int) -> NDArray[np.int64]:
    order = numpy_generator(seed, "order", epoch).permutation(num_samples)
    order.flags.writeable = False  # shared by every step of the epoch
    return order
