"""A model of sound speaks: one sample after another, each drawn from what the model expects next.

N recordings, G numbers (columns of the data that the model is told), M mel bands, F frames.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from basestone.core.mu_law import waves_of
from basestone.core.seed import numpy_generator
from basestone.models.own.wavenet import WaveNet
from basestone.models.own.wavenet_steps import Steps

Progress = Callable[[int, int], object]
_AT_ONCE = 1_000  # samples between two reports


class Speaker:
    """N recordings in the making, from silence on."""

    def __init__(
        self,
        model: WaveNet,
        *,
        rows: int = 1,
        numbers: Tensor | None = None,
        frames: Tensor | None = None,
        seed: int = 0,
        temperature: float = 1.0,
        cache: bool = True,
        alike: bool = False,
    ) -> None:
        """See ``synthesise``; ``alike``: one luck for all recordings, so that none depends on those beside it."""
        if temperature <= 0:
            raise ValueError(f"temperature must be above 0; got {temperature}.")
        if (model.front is None) != (frames is None):
            needs = "needs frames to speak from" if frames is None else "was not trained with frames"
            raise ValueError(f"This model {needs}. Give frames to a vocoder, and to no other.")
        model.eval()
        with torch.inference_mode():
            conditions = model.conditions(numbers, frames)
        self._odds, self._temperature, self._rows = model.odds, temperature, rows
        self._following = (Steps if cache else Reread)(model, rows, conditions).advance
        self._luck, self._draws = numpy_generator(seed, "sound"), 1 if alike else rows
        self._last: NDArray[np.int64] | None = None

    def say(self, samples: int) -> NDArray[np.float32]:
        """The next samples, N×``samples`` in −1 … 1."""
        made = np.empty((self._rows, samples), np.int64)
        for place, luck in enumerate(self._luck.random((samples, self._draws, 2))):
            self._last = self._odds.draw(self._following(self._last), luck, self._temperature)
            made[:, place] = self._last
        return waves_of(made)


def synthesise(
    model: WaveNet,
    samples: int,
    *,
    rows: int = 1,
    numbers: Tensor | None = None,
    frames: Tensor | None = None,
    seed: int = 0,
    temperature: float = 1.0,
    cache: bool = True,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """N×``samples`` of sound in −1 … 1.

    ``numbers`` (N×G) and ``frames`` (N×M×F, as ``model.frames`` makes them) are what the model is told, where it was
    trained with such; frame f is centred on sample f times the hop. ``temperature`` below 1 keeps to the likely.
    Without ``cache`` the receptive field is read anew for each sample: the same sound, many times more slowly.
    """
    speaker = Speaker(model, rows=rows, numbers=numbers, frames=frames, seed=seed, temperature=temperature, cache=cache)
    if samples < 1:
        raise ValueError(f"samples must be at least 1; got {samples}.")
    if model.front is not None and frames is not None and samples > frames.shape[2] * model.front.hop:
        raise ValueError(
            f"{frames.shape[2]} frames last for {frames.shape[2] * model.front.hop} samples; got {samples}."
        )
    parts: list[NDArray[np.float32]] = []
    for start in range(0, samples, _AT_ONCE):
        parts.append(speaker.say(min(_AT_ONCE, samples - start)))
        if progress:
            progress(min(start + _AT_ONCE, samples), samples)
    return np.concatenate(parts, axis=1)


class Reread:
    """The slow way, for comparison: the network over all that a sample depends on."""

    def __init__(self, model: WaveNet, rows: int, conditions: Tensor | None) -> None:
        """As ``Steps``."""
        self.model, self.conditions = model, conditions
        self.before = torch.zeros(rows, 1, model.width)
        self.first = 0  # the sample that the oldest of ``before`` stands ahead of

    @torch.inference_mode()
    def advance(self, classes: NDArray[np.int64] | None) -> NDArray[np.float32]:
        """As ``Steps.advance``."""
        if classes is not None:
            newest = self.model.embedding(torch.from_numpy(classes.copy()))[:, None]
            self.before = torch.cat([self.before, newest], 1)
            dropped = max(0, self.before.shape[1] - self.model.reach)
            self.before, self.first = self.before[:, dropped:], self.first + dropped
        return self.model.following(self.before, self.conditions, self.first)[:, -1].float().numpy()
