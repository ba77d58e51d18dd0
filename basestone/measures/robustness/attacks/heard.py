"""A recording under attack: one row of an image whose pixels are samples, so that every attack can read it.

Samples of −1 to 1 become pixels of 0 to 1, and a radius half as large. What lies behind a recording, zeros that only
fill its batch, is none of it: whatever an attack writes there, the model is given zeros.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from basestone.core.ball import Ball
from basestone.measures.robustness.attacks.victim import Victim
from basestone.measures.subject import Subject

SPAN = 2.0  # from the least sample to the largest


class HeardVictim(Victim):
    """``images``: N×1×1×T; ``ball`` is theirs: half of the radius that samples may move by."""

    def __init__(
        self, subject: Subject, waves: Tensor, labels: Tensor, index: Sequence[int], *, ball: Ball, seed: int
    ) -> None:
        """``waves``: N×T in −1 to 1, zeros behind each; nothing runs yet."""
        images = ((waves + 1) / SPAN).clamp(0, 1)[:, None, None]
        super().__init__(subject, images, labels, index, ball=ball, seed=seed)
        self.waves, self.inside = waves, inside(waves)

    def shown(self, images: Tensor, rows: Tensor) -> Tensor:
        """See ``Victim``; N×T."""
        return torch.where(self.inside[rows], images[:, 0, 0] * SPAN - 1, 0.0)

    def part(self, rows: Tensor, ball: Ball) -> HeardVictim:
        """See ``Victim``."""
        index = [self.index[row] for row in rows.tolist()]
        return HeardVictim(self.subject, self.waves[rows], self.labels[rows], index, ball=ball, seed=self.seed)


def inside(waves: Tensor) -> Tensor:
    """N×T: what is not behind the last sample of a recording that is not zero."""
    return (waves != 0).flip(1).cummax(1).values.flip(1)
