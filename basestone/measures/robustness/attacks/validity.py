"""Whether an attack that fails means anything: how the model behaves where a real defence and a hidden slope differ.

After Athalye et al. 2018 (ICML, arXiv:1802.00420, section 3.1) and Carlini et al. 2019 (arXiv:1902.06705): a model
whose slopes are hidden looks robust and is not. On some of the attacked images that are right when clean: the same
question twice, the slope at the image, the survivors as the radius grows, the survivors where everything is allowed.
That attacks without slopes do no better than those with them is read from the records of the cascade itself.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from basestone.core.ball import Ball
from basestone.measures.robustness.attacks.apgd import apgd_t, climb
from basestone.measures.robustness.attacks.losses import cross_entropy
from basestone.measures.robustness.attacks.options import EFFORTS, Attack, Effort
from basestone.measures.robustness.attacks.victim import Victim

LADDER = (0.5, 1.0, 2.0)  # of the declared radius
QUICK = Effort(apgd_steps=20, targets=1)
LONG = Effort(apgd_steps=100, targets=3)
SAME = 1e-4  # of the largest logit: how far two answers to one question may differ


def check_attack(victim: Victim, attack: Attack) -> dict[str, Any]:
    """The fact ``attack_checks``, as JSON: counts of images, and what was asked for."""
    images = len(victim.images)
    first = victim.look(images)
    again = victim.answer(victim.images, torch.arange(images))
    right = victim.standing.nonzero().squeeze(1)
    moved = (first - again).abs().amax(1) > SAME * first.abs().amax(1)
    return {
        "norm": attack.norm,
        "epsilon": attack.epsilon,
        "budget": attack.budget,
        "whole": EFFORTS[attack.budget].whole,
        "images": len(right),
        "varying": int(moved.sum()),
        "flat": _flat(victim, right),
        "ladder": [
            {"epsilon": factor * attack.epsilon, "standing": _left(victim, right, factor * victim.ball.epsilon, QUICK)}
            for factor in LADDER
        ],
        "any_budget": _left(victim, right, _everything(victim, attack), LONG),
    }


def _flat(victim: Victim, right: Tensor) -> int:
    """Images at which the slope of the cross-entropy is exactly zero."""
    if not len(right):
        return 0
    _, _, slope = victim.slope(victim.images[right], right, lambda logits, at: cross_entropy(logits, victim.labels[at]))
    return int((slope == 0).flatten(1).all(1).sum())


def _everything(victim: Victim, attack: Attack) -> float:
    """A radius that reaches every image there is."""
    return 1.0 if attack.norm == "linf" else float(victim.images[0].numel()) ** 0.5


def _left(victim: Victim, right: Tensor, epsilon: float, effort: Effort) -> int:
    """How many of the images at ``right`` stand after a short attack of another radius."""
    if not len(right):
        return 0
    other = victim.part(right, Ball(norm=victim.ball.norm, epsilon=epsilon))
    other.look(len(right))
    rows = torch.arange(len(right))
    climb(
        other,
        other.still(rows),
        lambda logits, at: cross_entropy(logits, other.labels[at]),
        steps=effort.apgd_steps,
        purpose="ladder",
        patience=None,
    )
    apgd_t(other, other.still(rows), replace(effort, patience=None))
    return int(other.standing.sum())
