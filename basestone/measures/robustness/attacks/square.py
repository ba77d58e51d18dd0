"""Square: random squares, kept where they help; sees answers, no slopes (Andriushchenko et al. 2020, arXiv:1912.00049).

L∞ (algorithm 2): stripes of ±ε at first, then squares of ±ε, one sign a channel. L2 (algorithm 3): a bump of mass moves
from one window to another, the norm stays ε. The side of the squares shrinks by the paper's schedule, stretched to the
number of queries. The margin is what has to fall; an image leaves as soon as it does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from basestone.core.ball import TINY, over_images
from basestone.measures.robustness.attacks.losses import margin
from basestone.measures.robustness.attacks.options import Effort
from basestone.measures.robustness.attacks.pace import hopeless
from basestone.measures.robustness.attacks.victim import Victim

FIRST_SHARE = 0.8  # p: of the image's area that the first squares cover
HALVINGS = (10, 50, 200, 500, 1_000, 2_000, 4_000, 6_000, 8_000)  # of 10,000 queries
BLOCK = 64  # queries for which random numbers are drawn at once
FIRST_LOOK = 50  # the query at which progress is noted first; then at every doubling


def square(victim: Victim, rows: Tensor, effort: Effort) -> None:
    """At most ``effort.queries`` answers an image."""
    if not len(rows) or not effort.queries:
        return
    search(victim, rows, queries=effort.queries, patience=effort.patience)


def side(query: int, queries: int, height: int, width: int) -> int:
    """Pixels of the square's side at one query, at least 1; of a single row, those of a stretch of it."""
    now = query * 10_000 // queries
    share = FIRST_SHARE / 2 ** sum(now > bound for bound in HALVINGS)
    if height == 1:
        return max(1, round(share * width))
    return min(max(1, round((share * height * width) ** 0.5)), height, width)


@dataclass
class _Search:
    """Everything about the images that are still searched."""

    rows: Tensor
    centre: Tensor
    x: Tensor
    to_go: Tensor
    to_go_then: Tensor
    numbers: Tensor

    def keep(self, which: Tensor) -> None:
        if not which.all():
            for one in fields(self):
                setattr(self, one.name, getattr(self, one.name)[which])


@torch.no_grad()
def search(victim: Victim, rows: Tensor, *, queries: int, patience: float | None) -> None:
    """The images at ``rows``, which must stand."""
    linf, (_, channels, height, width) = victim.ball.norm == "linf", victim.images.shape
    draws = dict(zip(rows.tolist(), victim.draws("square", rows), strict=True))
    centre = victim.images[rows]
    first = _stripes if linf else _tiles
    x = victim.ball.project(centre + victim.ball.epsilon * first(centre, list(draws.values())), centre)
    logits = victim.answer(x, rows)
    to_go = margin(logits, victim.labels[rows])
    run = _Search(rows=rows, centre=centre, x=x, to_go=to_go, to_go_then=to_go, numbers=torch.empty(len(rows), 0))
    run.keep(~victim.fell(x, rows, logits))
    move, each = (_squares, 2 + channels) if linf else (_bumps, 5 + channels)
    look = FIRST_LOOK
    for query in range(1, queries):
        if not len(run.rows):
            return
        if (query - 1) % BLOCK == 0:
            fresh = np.stack([draws[row].random((BLOCK, each), dtype=np.float32) for row in run.rows.tolist()])
            run.numbers = torch.from_numpy(fresh)
        step = side(query, queries, height, width)
        _try(run, victim, move(run, victim, run.numbers[:, (query - 1) % BLOCK], step))
        if query == look:
            if look > FIRST_LOOK:
                run.keep(~hopeless(run.to_go_then, run.to_go, 1, math.log2(queries / query), patience))
            run.to_go_then, look = run.to_go.clone(), 2 * look


def _try(run: _Search, victim: Victim, candidate: Tensor) -> None:
    logits = victim.answer(candidate, run.rows)
    to_go = margin(logits, victim.labels[run.rows])
    better = to_go < run.to_go
    run.x = torch.where(over_images(better), candidate, run.x)
    run.to_go = torch.minimum(run.to_go, to_go)
    run.keep(~victim.fell(candidate, run.rows, logits))


def _stripes(centre: Tensor, draws: list[np.random.Generator]) -> Tensor:
    """A sign for each channel and column."""
    signs = np.stack([draw.integers(0, 2, (centre.shape[1], 1, centre.shape[3])) * 2 - 1 for draw in draws])
    return torch.from_numpy(signs).to(centre).expand_as(centre)


def _tiles(centre: Tensor, draws: list[np.random.Generator]) -> Tensor:
    """Bumps of random sign, five by five where they fit, together of norm 1."""
    _, channels, height, width = centre.shape
    size = max(3, min(height, width) // 5)
    pattern, tiles = _bump(size), torch.zeros_like(centre)
    for top in range(0, height - size + 1, size):
        for left in range(0, width - size + 1, size):
            signs = np.stack([draw.integers(0, 2, (channels, 1, 1)) * 2 - 1 for draw in draws])
            turned = np.stack([draw.integers(0, 2) for draw in draws])
            oriented = torch.stack([pattern.T if turn else pattern for turn in turned])
            tiles[:, :, top : top + size, left : left + size] = torch.from_numpy(signs).to(centre) * oriented[:, None]
    return tiles / over_images(tiles.flatten(1).norm(dim=1).clamp(min=TINY))


def _squares(run: _Search, victim: Victim, numbers: Tensor, step: int) -> Tensor:
    """One square of ±ε, a sign a channel."""
    _, _, height, width = run.x.shape
    tall = min(step, height)
    top, left = numbers[:, 0] * (height - tall + 1), numbers[:, 1] * (width - step + 1)
    inside = _window(top.long(), tall, height)[:, None, :, None] & _window(left.long(), step, width)[:, None, None, :]
    signs = torch.where(numbers[:, 2:] < 0.5, -1.0, 1.0)[:, :, None, None]
    return torch.where(inside, (run.centre + victim.ball.epsilon * signs).clamp(0, 1), run.x)


def _window(start: Tensor, length: int, room: int) -> Tensor:
    """N×room: which places lie in a window that starts at ``start``."""
    places = torch.arange(room)
    return (places >= start[:, None]) & (places < start[:, None] + length)


def _bumps(run: _Search, victim: Victim, numbers: Tensor, step: int) -> Tensor:
    """The mass of one window, of another and what the ball has left, in the shape of a bump in the first."""
    _, channels, height, width = run.x.shape
    step = min(max(step + (step + 1) % 2, 3), height, width)
    change = (run.x - run.centre).flatten(2)
    rooms = (height, width, height, width)
    starts = [(numbers[:, i] * (room - step + 1)).long() for i, room in enumerate(rooms)]
    here, there = (
        _places(starts[i], starts[i + 1], step, width).expand(channels, -1, -1).transpose(0, 1) for i in (0, 2)
    )
    touched = torch.zeros_like(change).scatter(2, here, 1.0).scatter(2, there, 1.0)
    mass = (change * touched).square().sum((1, 2))
    free = (victim.ball.epsilon**2 - change.square().sum((1, 2))).clamp(min=0)
    before = change.gather(2, here)
    bump = _bump(step)
    turned = torch.where(numbers[:, 4, None, None] < 0.5, bump, bump.T).flatten(1)[:, None]
    signs = torch.where(numbers[:, 5:] < 0.5, -1.0, 1.0)[:, :, None]
    shape = signs * turned + before / before.norm(dim=2, keepdim=True).clamp(min=TINY)
    shape = shape / shape.norm(dim=2, keepdim=True).clamp(min=TINY)
    moved = (change * (1 - touched)).scatter(2, here, shape * ((mass + free) / channels).sqrt()[:, None, None])
    return victim.ball.project(run.centre + moved.view_as(run.x), run.centre)


def _places(top: Tensor, left: Tensor, step: int, width: int) -> Tensor:
    """N×step²: where a window's pixels lie in a flattened channel."""
    span = torch.arange(step)
    return ((top[:, None, None] + span[:, None]) * width + left[:, None, None] + span).flatten(1)


def _bump(size: int) -> Tensor:
    """size×size of norm 1: a hill over the upper half, its negative over the lower (equation 2)."""
    upper = size // 2
    bump = torch.cat([_hill(upper, size), -_hill(size - upper, size)])
    return bump / bump.norm().clamp(min=TINY)


def _hill(height: int, width: int) -> Tensor:
    """Rings that add 1/k² from outside in, highest in the middle."""
    half = height // 2
    rows = (torch.arange(height) - half).abs()
    columns = (torch.arange(width) - width // 2).abs()
    rings = (half - torch.maximum(rows[:, None], columns)).clamp(min=-1)
    steps = torch.tensor([0.0] + [1 / (half + 1 - k) ** 2 for k in range(half + 1)]).cumsum(0)
    return steps[rings + 1]
