"""The nearest point of a hyperplane within the box 0–1: exactly, for L∞ and L2.

From z, ⟨w, δ⟩ = g is to be reached by the smallest change δ with z + δ in the box. Every pixel may move one way only,
by at most u_i, the room to its wall. The optimum moves all pixels alike until they hit their walls: δ_i is the smaller
of λ a_i and u_i, with a_i = 1 for L∞ and |w_i| for L2 (the conditions of Karush, Kuhn and Tucker). λ follows from
⟨|w|, δ⟩ = |g|, whose left side is piecewise linear and rises: sort the walls, find the piece, solve it (Croce & Hein
2020, arXiv:1907.02044, section 3.1). Where even the corner of the box does not reach the plane, the corner is taken.
"""

from __future__ import annotations

import torch
from torch import Tensor

from basestone.core.ball import TINY, Norm


def nearest(images: Tensor, weight: Tensor, rise: Tensor, norm: Norm) -> Tensor:
    """The change δ, shaped as ``images`` (N×…), with ⟨``weight``, δ⟩ = ``rise`` (N) where the box allows it."""
    z, w = images.flatten(1), weight.flatten(1)
    way = w.sign() * rise.sign()[:, None]
    strength = w.abs()
    room = torch.where(way > 0, 1 - z, z).clamp(min=0)
    share = torch.ones_like(strength) if norm == "linf" else strength
    moved = torch.minimum(_level(strength, share, room, rise.abs())[:, None] * share, room)
    return (way * moved).view_as(images)


def _level(strength: Tensor, share: Tensor, room: Tensor, needed: Tensor) -> Tensor:
    """λ of each row with Σ strength · min(λ · share, room) = needed; the last wall where there is none."""
    walls = torch.where(strength > 0, room / share.clamp(min=TINY), 0.0)
    walls, order = walls.sort(1)
    flat, steep = ((strength * of).gather(1, order) for of in (room, share))
    behind = flat.cumsum(1) - flat  # what pixels at their wall contribute, before each wall
    ahead = steep.flip(1).cumsum(1).flip(1)  # what one unit of λ adds, before each wall
    reached = behind + walls * ahead  # the left side where λ is a wall
    place = torch.searchsorted(reached.contiguous(), needed[:, None]).clamp(max=walls.shape[1] - 1)
    at = lambda values: values.gather(1, place).squeeze(1)  # noqa: E731
    level = (needed - at(behind)) / at(ahead).clamp(min=TINY)
    return torch.minimum(level.clamp(min=0), walls[:, -1])
