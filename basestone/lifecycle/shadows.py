"""Shadow models: the audited model's own training once more, each time on a random half of what it saw and did not see.

Each sample of the pool (training and held-out samples) is in the training data of half of the shadows, drawn anew for
every sample (Carlini et al. 2022, section IV-C).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.evidence import NotAsked
from basestone.core.seed import derive, numpy_generator
from basestone.lifecycle.canaries import canary_positions
from basestone.lifecycle.collect import Session
from basestone.lifecycle.retraining import Overall, Retraining

if TYPE_CHECKING:
    from pathlib import Path

    from basestone.measures.subject import Subject

HELD_OUT = ("validation", "test")


def membership(session: Session) -> Mapping[str, Any]:
    """Of members and held-out samples: what the audited model and every shadow say of the truth, and who saw it."""
    if (count := session.section.privacy.shadows) is None:
        raise NotAsked("the recipe asks for no shadow models. Write audit.privacy: {shadows: 16} to train them")
    return Shadows(session, Retraining.of(session, "a shadow model"), count).columns()


@dataclass(frozen=True)
class Shadows:
    """All shadow models of one audit, and the pool that they are trained on and asked about."""

    session: Session
    again: Retraining
    count: int

    def columns(self) -> dict[str, Any]:
        """The table ``membership``: a row each of the samples that are asked about."""
        asked, saw = self.asked, self.saw
        answers = [self._trained(number) for number in range(self.count)]
        return {
            "index": asked,
            "member": (asked < self.again.num_train).astype(np.int64),
            "target": self._answers(self.session.subject),
            **{f"shadow_{number}": answer for number, answer in enumerate(answers)},
            **{f"saw_{number}": saw[asked, number].astype(np.int64) for number in range(self.count)},
        }

    @cached_property
    def pool(self) -> Any:
        """Train and held-out samples as one split, train first: what is before ``again.num_train`` are members."""
        return self.again.opened(self.splits)

    @property
    def splits(self) -> list[str]:
        """Train and what was held out."""
        counts = self.session.prepared.facts["counts"]
        return ["train", *(name for name in HELD_OUT if name in counts)]

    @cached_property
    def asked(self) -> NDArray[np.int64]:
        """Places in the pool of the samples that are asked about: as many members as held-out ones, where there are.

        Canaries are neither: they were left out, or trained on as something else.
        """
        limit, num_train = self.session.section.privacy.samples, self.again.num_train
        members = self.session.positions(num_train, limit, "members")
        others = self.session.positions(len(self.pool) - num_train, limit, "non-members")
        return np.concatenate([np.setdiff1d(members, canary_positions(self.session)), num_train + others])

    @cached_property
    def saw(self) -> NDArray[np.bool_]:
        """N×K: which shadow is trained on which sample of the pool."""
        lots = numpy_generator(self.session.corridor.recipe.seed, "shadows").random((len(self.pool), self.count))
        return lots.argsort(1).argsort(1) < self.count // 2

    def _trained(self, number: int) -> NDArray[np.float64]:
        """What the shadow says of the samples asked about; it is trained unless that was done already."""
        return self.again.answers(f"shadow-{number}", lambda folder: self._answers(self._fitted(number, folder)))

    def _fitted(self, number: int, folder: Path) -> Subject:
        return self.again.fitted(
            self.splits,
            np.flatnonzero(self.saw[:, number]),
            seed=derive(self.session.corridor.recipe.seed, "shadow", number) >> 11,  # a whole number in JSON too
            folder=folder,
            tracker=Overall(self.session, "steps of shadow models", number, self.count),
        )

    def _answers(self, subject: Subject) -> NDArray[np.float64]:
        """The logit of the truth for every sample asked about."""
        from basestone.measures.privacy.attacks import logit_of_truth
        from basestone.measures.subject import batches, to_unit

        asked = batches(self.asked, self.session.section.batch_size, None)
        logits = np.concatenate([subject.logits(to_unit(self.pool.raw(part))).numpy() for part in asked])
        return logit_of_truth(logits, self.pool.targets[self.asked])
