"""FAB: the nearest wrong answer, by walking along the boundary towards the image (Croce & Hein 2020, arXiv:1907.02044).

At each iterate the boundary to one other class is taken to be flat; the walk goes to its nearest point within the box,
as seen from the iterate and from the image itself, mixed (equations 8 to 10), a little beyond it (η); and where that is
already wrong, back towards the image (β). An image falls when the distance is within the radius. Differs: one random
start less, as the walk begins at the image; an image leaves when it falls.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from basestone.core.ball import over_images
from basestone.measures.robustness.attacks.hyperplane import nearest
from basestone.measures.robustness.attacks.losses import lead
from basestone.measures.robustness.attacks.options import Effort
from basestone.measures.robustness.attacks.pace import hopeless
from basestone.measures.robustness.attacks.victim import Victim

BEYOND = 1.05  # η
MOST = 0.1  # α_max: the image's share in the mixture
BACK = 0.9  # β
LAST_STEPS = 3
STRETCH = 10  # iterations between two looks at the pace


def fab_t(victim: Victim, rows: Tensor, effort: Effort) -> None:
    """Once towards each class aimed at, the likeliest first."""
    for rank in range(min(effort.targets, victim.rivals.shape[1])):
        walk(victim, victim.still(rows), victim.rivals[:, rank], steps=effort.fab_steps, patience=effort.patience)


@dataclass
class _Walk:
    """Everything about the images that still walk; ``best`` is the nearest wrong answer, infinitely far at first."""

    rows: Tensor
    centre: Tensor
    x: Tensor
    best: Tensor
    distance: Tensor
    distance_then: Tensor

    def keep(self, which: Tensor) -> None:
        if not which.all():
            for one in fields(self):
                setattr(self, one.name, getattr(self, one.name)[which])


@torch.no_grad()
def walk(victim: Victim, rows: Tensor, aims: Tensor, *, steps: int, patience: float | None) -> Tensor:
    """At most ``steps`` iterations towards the classes ``aims`` (N); the least distances found, N, ∞ where none was.

    Those that fall leave with the distance at which they fell.
    """
    least = torch.full((len(victim.images),), torch.inf)
    if not len(rows) or not steps:
        return least
    centre, far = victim.images[rows], least[rows]
    run = _Walk(rows=rows, centre=centre, x=centre, best=centre, distance=far, distance_then=far)
    for done in range(1, steps + 1):
        _advance(run, victim, aims, least)
        if done % STRETCH == 0 and done > STRETCH and done < steps:
            epsilon = victim.ball.epsilon
            gone = hopeless(run.distance_then - epsilon, run.distance - epsilon, STRETCH, steps - done, patience)
            run.keep(~gone)
        if done % STRETCH == 0:
            run.distance_then = run.distance.clone()
        if not len(run.rows):
            return least
    _finish(run, victim, aims, least)
    return least


def _advance(run: _Walk, victim: Victim, aims: Tensor, least: Tensor) -> None:
    """One iteration; who crosses the boundary first goes part of the way back and looks again."""
    loss = lambda logits, at: lead(logits, victim.labels[at], aims[at])  # noqa: E731
    logits, ahead, slope = victim.slope(run.x, run.rows, loss)
    wrong = _note(run, victim, run.x, logits, least)
    if wrong.any():
        back = torch.lerp(run.centre, run.x, BACK)[wrong]
        run.x = run.x.clone()
        run.x[wrong] = back
        _, ahead[wrong], slope[wrong] = victim.slope(back, run.rows[wrong], loss)
    standing = victim.standing[run.rows]
    run.keep(standing)
    if not len(run.rows):
        return
    ahead, slope = ahead[standing], slope[standing]
    norm = victim.ball.norm
    from_x = nearest(run.x, slope, -ahead, norm)
    between = ((run.centre - run.x) * slope).flatten(1).sum(1)
    from_centre = nearest(run.centre, slope, -(ahead + between), norm)
    sizes = victim.ball.size(from_x), victim.ball.size(from_centre)
    share = over_images((sizes[0] / (sizes[0] + sizes[1]).clamp(min=1e-12)).clamp(max=MOST))
    mixed = (1 - share) * (run.x + BEYOND * from_x) + share * (run.centre + BEYOND * from_centre)
    run.x = mixed.clamp(0, 1)


def _note(run: _Walk, victim: Victim, x: Tensor, logits: Tensor, least: Tensor) -> Tensor:
    """Keeps what is answered wrongly and nearer than before; says what is answered wrongly."""
    wrong = logits.argmax(1) != victim.labels[run.rows]
    distance = torch.where(wrong, victim.ball.size(x - run.centre), torch.inf)
    nearer = distance < run.distance
    run.best = torch.where(over_images(nearer), x, run.best)
    run.distance = torch.minimum(run.distance, distance)
    least[run.rows] = torch.minimum(least[run.rows], run.distance)
    victim.fell(x, run.rows, logits)
    return wrong


def _finish(run: _Walk, victim: Victim, aims: Tensor, least: Tensor) -> None:
    """Along the line from the image to its nearest wrong answer, to where the boundary is if it is straight."""
    run.keep(run.distance < torch.inf)
    inside, outside = torch.zeros(len(run.rows)), torch.ones(len(run.rows))
    for _ in range(LAST_STEPS if len(run.rows) else 0):
        middle = (inside + outside) / 2
        x = torch.lerp(run.centre, run.best, over_images(middle))
        wrong = _note_line(run, victim, x, least)
        inside, outside = torch.where(wrong, inside, middle), torch.where(wrong, middle, outside)


def _note_line(run: _Walk, victim: Victim, x: Tensor, least: Tensor) -> Tensor:
    logits = victim.answer(x, run.rows)
    wrong = logits.argmax(1) != victim.labels[run.rows]
    distance = torch.where(wrong, victim.ball.size(x - run.centre), torch.inf)
    least[run.rows] = torch.minimum(least[run.rows], distance)
    victim.fell(x, run.rows, logits)
    return wrong
