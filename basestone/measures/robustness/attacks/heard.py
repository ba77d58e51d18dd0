"""A recording under attack: one row of an image, so that every attack can read it (``core.waves``)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from basestone.core.ball import Ball
from basestone.core.waves import recorded, to_pixels, to_waves
from basestone.measures.robustness.attacks.victim import Victim
from basestone.measures.subject import Subject


class HeardVictim(Victim):
    """``images``: N×1×1×T; ``ball`` is theirs: half of the radius that samples may move by."""

    def __init__(
        self, subject: Subject, waves: Tensor, labels: Tensor, index: Sequence[int], *, ball: Ball, seed: int
    ) -> None:
        """``waves``: N×T in −1 to 1, zeros behind each; nothing runs yet."""
        super().__init__(subject, to_pixels(waves), labels, index, ball=ball, seed=seed)
        self.waves, self.inside = waves, recorded(waves)

    def shown(self, images: Tensor, rows: Tensor) -> Tensor:
        """See ``Victim``; N×T."""
        return to_waves(images, self.inside[rows])

    def part(self, rows: Tensor, ball: Ball) -> HeardVictim:
        """See ``Victim``."""
        index = [self.index[row] for row in rows.tolist()]
        return HeardVictim(self.subject, self.waves[rows], self.labels[rows], index, ball=ball, seed=self.seed)
