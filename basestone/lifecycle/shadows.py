"""Shadow models: the audited model's own training once more, each time on a random half of what it saw and did not see.

Each sample of the pool (training and held-out samples) is in the training data of half of the shadows, drawn anew for
every sample (Carlini et al. 2022, section IV-C). A finished shadow leaves its answers, not its weights: an interrupted
audit goes on with the one that it was at.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.contracts import view_of
from basestone.core.evidence import NotAsked, RecordsMissing, read_records, write_records
from basestone.core.seed import derive, numpy_generator
from basestone.lifecycle.canaries import canary_positions
from basestone.lifecycle.collect import Session
from basestone.lifecycle.pretrain import initialised
from basestone.lifecycle.restore import as_subject, prepared_spec
from basestone.recipe.schema import Pretrain
from basestone.training.options import FitOptions

if TYPE_CHECKING:
    from pathlib import Path

    from basestone.measures.subject import Subject

HELD_OUT = ("validation", "test")
SELDOM = 500  # steps between checkpoints of a shadow: most are shorter, and a finished one leaves its answers


def membership(session: Session) -> Mapping[str, Any]:
    """Of members and held-out samples: what the audited model and every shadow say of the truth, and who saw it."""
    if (count := session.section.privacy.shadows) is None:
        raise NotAsked("the recipe asks for no shadow models. Write audit.privacy: {shadows: 16} to train them")
    trained = session.origin or session.parent
    section = session.corridor.recipe.stages[trained.stage]
    if not isinstance(section, Pretrain) or section.fit is None:
        raise RecordsMissing(
            f"a shadow model repeats the training of a pretrain stage, and '{trained.stage}' is none. Audit the stage "
            "that was pre-trained"
        )
    fit, claim = section.fit, trained.facts.get("private")
    if claim is not None and fit.private is not None:  # the same noise, whatever ε it comes to on fewer samples
        private = fit.private.model_copy(update={"epsilon": None, "noise": claim["noise"]})
        fit = fit.model_copy(update={"private": private})
    return Shadows(session, section, fit, count).columns()


@dataclass(frozen=True)
class Shadows:
    """All shadow models of one audit, and the pool that they are trained on and asked about."""

    session: Session
    section: Pretrain
    fit: FitOptions
    count: int

    def columns(self) -> dict[str, Any]:
        """The table ``membership``: a row each of the samples that are asked about."""
        asked, saw = self.asked, self.saw
        answers = [self._trained(number) for number in range(self.count)]
        return {
            "index": asked,
            "member": (asked < self.num_train).astype(np.int64),
            "target": self._answers(self.session.subject),
            **{f"shadow_{number}": answer for number, answer in enumerate(answers)},
            **{f"saw_{number}": saw[asked, number].astype(np.int64) for number in range(self.count)},
        }

    @cached_property
    def objective(self) -> Any:
        """What the audited model was trained for."""
        from basestone.objectives.catalogue import OBJECTIVES

        return OBJECTIVES.build(self.section.objective)

    @cached_property
    def splits(self) -> list[str]:
        """The pool's splits, train first."""
        counts = self.session.prepared.facts["counts"]
        return ["train", *(name for name in HELD_OUT if name in counts)]

    @property
    def num_train(self) -> int:
        """The pool's samples before this place are members."""
        return self.session.prepared.facts["counts"]["train"]

    @property
    def data(self) -> Path:
        """The prepared folder."""
        return self.session.corridor.folder.stage(self.session.prepared.stage)

    @cached_property
    def pool(self) -> Any:
        """Train and held-out samples as one split, augmented as training asks."""
        from basestone.data.dataset import open_splits
        from basestone.data.transforms import TRANSFORMS

        augment = [TRANSFORMS.build(transform) for transform in self.section.augment]
        return open_splits(
            self.data, self.session.corridor.cache, self.splits, augment=augment, view=view_of(self.objective)
        )

    @cached_property
    def asked(self) -> NDArray[np.int64]:
        """Places in the pool of the samples that are asked about: as many members as held-out ones, where there are.

        Canaries are neither: they were left out, or trained on as something else.
        """
        limit, held_out = self.session.section.privacy.samples, len(self.pool) - self.num_train
        members = self.session.positions(self.num_train, limit, "members")
        others = self.session.positions(held_out, limit, "non-members")
        return np.concatenate([np.setdiff1d(members, canary_positions(self.session)), self.num_train + others])

    @cached_property
    def saw(self) -> NDArray[np.bool_]:
        """N×K: which shadow is trained on which sample of the pool."""
        lots = numpy_generator(self.session.corridor.recipe.seed, "shadows").random((len(self.pool), self.count))
        return lots.argsort(1).argsort(1) < self.count // 2

    def _trained(self, number: int) -> NDArray[np.float64]:
        """What the shadow says of the samples asked about; it is trained unless that was done already."""
        folder = self.session.folder / "checkpoints" / f"shadow-{number}"
        path = folder / "answers.parquet"
        if not path.exists():
            write_records(path, {"answer": self._answers(self._fitted(number, folder))})
            shutil.rmtree(folder / "checkpoints", ignore_errors=True)
        return read_records(path)["answer"]

    def _fitted(self, number: int, folder: Path) -> Subject:
        from basestone.data.chosen import Chosen
        from basestone.training.loop import fit
        from basestone.training.order import shortened

        session = self.session
        seed = derive(session.corridor.recipe.seed, "shadow", number) >> 11  # a whole number in JSON too
        half = Chosen(self.pool, np.flatnonzero(self.saw[:, number]))
        spec = prepared_spec(self.data, self.objective)
        model = initialised(self.section, spec, half, seed)
        options = self.fit.model_copy(update={"early_stop": None, "checkpoint_every": SELDOM})
        if options.max_steps is not None:  # as many rounds through fewer samples
            options = shortened(options, len(half) / self.num_train, len(half))
        fit(
            model,
            half,
            None,
            self.objective,
            options,
            seed=seed,
            folder=folder,
            tracker=Overall(session, number, self.count),
            stage=session.folder.name,
            identity=f"{session.parent.digest}-shadow-{number}-of-{self.count}",
        )
        return as_subject(model, spec, session.section)

    def _answers(self, subject: Subject) -> NDArray[np.float64]:
        """The logit of the truth for every sample asked about."""
        from basestone.measures.privacy.attacks import logit_of_truth
        from basestone.measures.subject import batches, to_unit

        asked = batches(self.asked, self.session.section.batch_size, None)
        logits = np.concatenate([subject.logits(to_unit(self.pool.raw(part))).numpy() for part in asked])
        return logit_of_truth(logits, self.pool.targets[self.asked])


class Overall:
    """A tracker that tells one training's progress as a part of all of them, and nothing else."""

    def __init__(self, session: Session, number: int, count: int) -> None:
        """``number`` of ``count`` trainings is under way, from 0."""
        self._session, self._number, self._count = session, number, count

    def log(self, event: Mapping[str, Any]) -> None:
        """Progress in steps, taking all trainings to be as long as this one."""
        if event["event"] == "progress":
            done, each = event["done"], event["total"]
            self._session.progress("steps of shadow models")(self._number * each + done, self._count * each)
        elif event["event"] == "warning":
            self._session.corridor.tracker.log(event)

    def close(self) -> None:
        """Nothing: the tracker is the run's."""
