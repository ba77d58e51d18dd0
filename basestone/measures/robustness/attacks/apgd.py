"""APGD: projected gradient ascent with momentum that finds its own step size (Croce & Hein 2020, ICML, algorithm 1).

The step starts at twice the radius. At checkpoints it is halved, and the search goes on from the best point so far,
where too few iterations rose (condition 1) or where neither step nor best value changed since the last checkpoint
(condition 2). ``apgd_ce`` climbs the cross-entropy, ``apgd_t`` the targeted DLR loss once for each of the likeliest
other classes. Differs: an image leaves as soon as it falls, since nothing after that can change the result.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from basestone.core.ball import over_images
from basestone.measures.robustness.attacks.losses import cross_entropy, margin, targeted_dlr
from basestone.measures.robustness.attacks.options import Effort
from basestone.measures.robustness.attacks.pace import hopeless
from basestone.measures.robustness.attacks.victim import Loss, Victim

MOMENTUM = 0.75  # α of the paper: the weight of the new step
RISING = 0.75  # ρ: the share of iterations that must rise


def apgd_ce(victim: Victim, rows: Tensor, effort: Effort) -> None:
    """Once from a random point of the ball."""
    climb(
        victim,
        rows,
        lambda logits, at: cross_entropy(logits, victim.labels[at]),
        steps=effort.apgd_steps,
        purpose="apgd_ce",
        patience=effort.patience,
    )


def apgd_t(victim: Victim, rows: Tensor, effort: Effort) -> None:
    """Once for each class aimed at, the likeliest first."""
    for rank in range(min(effort.targets, victim.rivals.shape[1])):
        aims = victim.rivals[:, rank]
        climb(
            victim,
            victim.still(rows),
            lambda logits, at, aims=aims: targeted_dlr(logits, victim.labels[at], aims[at]),
            steps=effort.apgd_steps,
            purpose=f"apgd_t {rank}",
            patience=effort.patience,
        )


def checkpoints(steps: int) -> list[int]:
    """The iterations after which the step size is judged: 0, 22 %, 41 %, 57 % … of ``steps``, each once."""
    shares = [0.0, 0.22]
    while shares[-1] < 1:
        shares.append(shares[-1] + max(shares[-1] - shares[-2] - 0.03, 0.06))
    ends = [math.ceil(round(share * steps, 9)) for share in shares]
    return list(dict.fromkeys(end for end in ends if end <= steps))


@dataclass
class _Climb:
    """Everything about the images that still climb, N in each."""

    rows: Tensor
    centre: Tensor
    x: Tensor
    last: Tensor
    value: Tensor
    slope: Tensor
    best: Tensor
    best_value: Tensor
    best_slope: Tensor
    step: Tensor
    rises: Tensor
    halved: Tensor
    value_then: Tensor
    to_go: Tensor
    to_go_then: Tensor

    def keep(self, which: Tensor) -> None:
        if not which.all():
            for one in fields(self):
                setattr(self, one.name, getattr(self, one.name)[which])


@torch.no_grad()
def climb(victim: Victim, rows: Tensor, loss: Loss, *, steps: int, purpose: str, patience: float | None) -> None:
    """One run of at most ``steps`` iterations over the images at ``rows``, which must stand."""
    if not len(rows) or not steps:
        return
    run = _started(victim, rows, loss, purpose)
    ends = checkpoints(steps)
    for done in range(1, steps + 1):
        if not len(run.rows):
            return
        _advance(run, victim, loss, first=done == 1)
        if done in ends and done < steps:
            stretch = done - ends[ends.index(done) - 1]
            _judge_step(run, stretch)
            run.keep(~hopeless(run.to_go_then, run.to_go, stretch, steps - done, patience))
            run.to_go_then = run.to_go.clone()


def _started(victim: Victim, rows: Tensor, loss: Loss, purpose: str) -> _Climb:
    centre = victim.images[rows]
    x = victim.somewhere(purpose, rows)
    logits, value, slope = victim.slope(x, rows, loss)
    victim.flat[rows.numpy()] |= (slope == 0).flatten(1).all(1).numpy()
    to_go, zeros = margin(logits, victim.labels[rows]), torch.zeros(len(rows))
    step = torch.full((len(rows),), 2 * victim.ball.epsilon)
    run = _Climb(
        rows=rows,
        centre=centre,
        x=x,
        last=x,
        value=value,
        slope=slope,
        best=x,
        best_value=value,
        best_slope=slope,
        step=step,
        rises=zeros,
        halved=torch.ones(len(rows), dtype=torch.bool),
        value_then=value,
        to_go=to_go,
        to_go_then=to_go,
    )
    run.keep(~victim.fell(x, rows, logits))
    return run


def _advance(run: _Climb, victim: Victim, loss: Loss, *, first: bool) -> None:
    """One iteration: a projected step, the momentum of the one before, and what the model says there."""
    ball, weight = victim.ball, 1.0 if first else MOMENTUM
    stepped = ball.project(run.x + over_images(run.step) * ball.steepest(run.slope), run.centre)
    x = ball.project(run.x + weight * (stepped - run.x) + (1 - weight) * (run.x - run.last), run.centre)
    logits, value, slope = victim.slope(x, run.rows, loss)
    run.last, run.x = run.x, x
    run.rises = run.rises + (value > run.value)
    run.value, run.slope = value, slope
    better = value > run.best_value
    run.best = torch.where(over_images(better), x, run.best)
    run.best_slope = torch.where(over_images(better), slope, run.best_slope)
    run.best_value = torch.where(better, value, run.best_value)
    run.to_go = torch.minimum(run.to_go, margin(logits, victim.labels[run.rows]))
    run.keep(~victim.fell(x, run.rows, logits))


def _judge_step(run: _Climb, stretch: int) -> None:
    """Halves the step where it does not serve, and goes on from the best point there."""
    too_few = run.rises < RISING * stretch
    stuck = ~run.halved & (run.best_value <= run.value_then)
    halve = too_few | stuck
    run.step = torch.where(halve, run.step / 2, run.step)
    run.x = torch.where(over_images(halve), run.best, run.x)
    run.slope = torch.where(over_images(halve), run.best_slope, run.slope)
    run.value = torch.where(halve, run.best_value, run.value)
    run.halved, run.value_then, run.rises = halve, run.best_value, torch.zeros_like(run.rises)
