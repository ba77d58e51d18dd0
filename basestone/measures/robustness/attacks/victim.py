"""The model under attack: images, answers and slopes, with every pass counted for the image that it was for.

N images, a batch holds those at ``rows`` (int64). An image falls with the first answer that is wrong for a change
within the ball, and is left alone from then on. All that is random about an image depends on the seed and on its own
identity, so that no other image of its batch, nor the size of the batch, can change what happens to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from basestone.core.ball import Ball
from basestone.core.seed import numpy_generator
from basestone.measures.subject import Subject

Loss = Callable[[Tensor, Tensor], Tensor]  # N×K logits and their rows, to N numbers


class Victim:
    """``images``: N×C×H×W in 0–1; ``labels``: N; ``index``: N identities.

    ``standing``: which images no attack has felled; ``adversarial``: what the others became; ``rivals``: N×K−1 other
    classes, the likeliest first, once ``look`` has been called.
    """

    def __init__(
        self, subject: Subject, images: Tensor, labels: Tensor, index: Sequence[int], *, ball: Ball, seed: int
    ) -> None:
        """Nothing runs yet."""
        self.subject, self.images, self.labels, self.ball = subject, images, labels, ball
        self.index, self.seed = list(index), seed
        self.standing = torch.ones(len(images), dtype=torch.bool)
        self.adversarial = images.clone()
        self.forwards, self.backwards = (np.zeros(len(images), np.int64) for _ in range(2))
        self.flat = np.zeros(len(images), bool)
        self.rivals = torch.empty(0, dtype=torch.int64)

    def shown(self, images: Tensor, rows: Tensor) -> Tensor:
        """What the model is given of images that began as those at ``rows``."""
        return images

    def part(self, rows: Tensor, ball: Ball) -> Victim:
        """The images at ``rows`` as they are, to be attacked anew within another ball."""
        index = [self.index[row] for row in rows.tolist()]
        return Victim(self.subject, self.images[rows], self.labels[rows], index, ball=ball, seed=self.seed)

    def look(self, batch_size: int) -> Tensor:
        """N×K clean logits; images that are wrong already do not stand."""
        parts = torch.arange(len(self.images)).split(batch_size)
        logits = torch.cat([self.answer(self.images[rows], rows) for rows in parts])
        self.standing = logits.argmax(1) == self.labels
        others = logits.scatter(1, self.labels[:, None], -torch.inf)
        self.rivals = others.sort(dim=1, descending=True, stable=True).indices[:, :-1]
        return logits

    def still(self, rows: Tensor) -> Tensor:
        """Those of ``rows`` that stand."""
        return rows[self.standing[rows]]

    def answer(self, images: Tensor, rows: Tensor) -> Tensor:
        """Logits: one forward pass."""
        self.forwards[rows.numpy()] += 1
        return self.subject.logits(self.shown(images, rows)).clone()

    def slope(self, images: Tensor, rows: Tensor, loss: Loss) -> tuple[Tensor, Tensor, Tensor]:
        """Logits, loss and its gradient for each image: one forward and one backward pass.

        ValueError where nothing flows back: a runtime that only answers.
        """
        self.forwards[rows.numpy()] += 1
        self.backwards[rows.numpy()] += 1
        inputs = images.detach().clone().requires_grad_()
        with torch.enable_grad():
            logits = self.subject.traced(self.shown(inputs, rows))
            if not logits.requires_grad:
                raise ValueError("an attack needs gradients and this runtime gives none; audit the model it came from.")
            values = loss(logits, rows)
            (slope,) = torch.autograd.grad(values.sum(), inputs)
        return logits.detach(), values.detach(), torch.nan_to_num(slope)

    def fell(self, images: Tensor, rows: Tensor, logits: Tensor) -> Tensor:
        """Marks as fallen what is answered wrongly within the ball; says which of ``rows`` that is."""
        wrong = logits.argmax(1) != self.labels[rows]
        found = wrong & self.ball.holds(images, self.images[rows])
        self.adversarial[rows[found]] = images[found]
        self.standing[rows[found]] = False
        return found

    def somewhere(self, purpose: str, rows: Tensor) -> Tensor:
        """A point of each image's ball, evenly drawn, then pulled into the box."""
        centre, shape = self.images[rows], tuple(self.images.shape[1:])
        draw = _within_box if self.ball.norm == "linf" else _within_sphere
        change = np.stack([draw(one, shape) for one in self.draws(purpose, rows)])
        return self.ball.project(centre + self.ball.epsilon * torch.from_numpy(change).to(centre), centre)

    def draws(self, purpose: str, rows: Tensor) -> list[np.random.Generator]:
        """A generator of each image's own."""
        return [numpy_generator(self.seed, "attack", purpose, self.index[row]) for row in rows.tolist()]


def _within_box(draw: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    return draw.uniform(-1, 1, shape)


def _within_sphere(draw: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """A direction, at a distance whose power of the dimension is uniform."""
    direction = draw.standard_normal(shape)
    distance = draw.random() ** (1 / direction.size)
    return distance * direction / np.linalg.norm(direction)
