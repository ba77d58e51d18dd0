"""Retraining: the audited model's own training once more, on other samples of the same data.

Shadow models and models that never saw a group are trained here, by the recipe itself and in the only training loop.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basestone.core.contracts import hook_of, view_of
from basestone.core.evidence import RecordsMissing, read_records, write_records
from basestone.lifecycle.collect import Session
from basestone.lifecycle.pretrain import informed, initialised
from basestone.lifecycle.restore import as_subject, prepared_spec
from basestone.recipe.schema import Pretrain
from basestone.training.options import FitOptions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from basestone.core.contracts import Tracker
    from basestone.data.chosen import Chosen
    from basestone.measures.subject import Subject

SELDOM = 500  # steps between checkpoints: most retrainings are shorter, and a finished one leaves its answers


@dataclass(frozen=True)
class Retraining:
    """How the audited model was trained, as often as it is wanted."""

    session: Session
    section: Pretrain
    fit: FitOptions

    @classmethod
    def of(cls, session: Session, who: str) -> Retraining:
        """RecordsMissing unless the audited model was pre-trained; ``who`` begins the sentence that says so."""
        trained = session.origin or session.parent
        section = session.corridor.recipe.stages[trained.stage]
        if not isinstance(section, Pretrain) or section.fit is None:
            raise RecordsMissing(
                f"{who} repeats the training of a pretrain stage, and '{trained.stage}' is none. Audit the stage "
                "that was pre-trained"
            )
        fit, claim = section.fit, trained.facts.get("private")
        if claim is not None and fit.private is not None:  # the same noise, whatever ε it comes to on fewer samples
            private = fit.private.model_copy(update={"epsilon": None, "noise": claim["noise"]})
            fit = fit.model_copy(update={"private": private})
        return cls(session, section, fit)

    @property
    def num_train(self) -> int:
        """The training samples of the audited model."""
        return self.session.prepared.facts["counts"]["train"]

    @property
    def data(self) -> Path:
        """The prepared folder."""
        return self.session.corridor.folder.stage(self.session.prepared.stage)

    @cached_property
    def train(self) -> Any:
        """The training split, augmented as training asks."""
        return self.opened(["train"])

    def opened(self, splits: list[str]) -> Any:
        """Some splits as one, as training reads and augments them."""
        from basestone.data.dataset import open_splits
        from basestone.data.transforms import TRANSFORMS

        augment = [TRANSFORMS.build(transform) for transform in self.section.augment]
        view = view_of(self._objective())
        return open_splits(self.data, self.session.corridor.cache, splits, augment=augment, view=view)

    def fitted(self, train: Chosen, *, seed: int, folder: Path, tracker: Tracker, identity: str) -> Subject:
        """A model of its own, trained on ``train`` for as many rounds as the audited one was on its samples."""
        from basestone.training.loop import fit
        from basestone.training.order import shortened

        objective = self._objective()
        spec = prepared_spec(self.data, objective)
        model = initialised(self.section, spec, train, seed)
        objective = informed(objective, train, spec)
        options = self.fit.model_copy(update={"early_stop": None, "checkpoint_every": SELDOM})
        if options.max_steps is not None:
            options = shortened(options, len(train) / self.num_train, len(train))
        fit(
            model,
            train,
            None,
            objective,
            options,
            seed=seed,
            folder=folder,
            tracker=tracker,
            stage=self.session.folder.name,
            identity=f"{self.session.parent.digest}-{identity}",
            hook=hook_of(objective),
        )
        return as_subject(model, spec, self.session.section)

    def answers(self, name: str, answered: Callable[[Path], NDArray[Any]]) -> NDArray[Any]:
        """What the retrained model ``name`` said, kept; ``answered`` trains it in a folder and asks it, unless it was.

        The weights are not kept, so that an interrupted audit goes on with the training that it was at.
        """
        folder = self.session.folder / "checkpoints" / name
        path = folder / "answers.parquet"
        if not path.exists():
            write_records(path, {"answer": answered(folder)})
            shutil.rmtree(folder / "checkpoints", ignore_errors=True)
        return read_records(path)["answer"]

    def _objective(self) -> Any:
        """What the audited model was trained for; a new one each time, as some remember what they saw."""
        from basestone.objectives.catalogue import OBJECTIVES

        return OBJECTIVES.build(self.section.objective)


class Overall:
    """A tracker that tells one training's progress as a part of all of them, and nothing else."""

    def __init__(self, session: Session, unit: str, number: int, count: int) -> None:
        """``number`` of ``count`` trainings is under way, from 0; ``unit`` is what their steps are called."""
        self._session, self._unit, self._number, self._count = session, unit, number, count

    def log(self, event: Mapping[str, Any]) -> None:
        """Progress in steps, taking all trainings to be as long as this one."""
        if event["event"] == "progress":
            done, each = event["done"], event["total"]
            self._session.progress(self._unit)(self._number * each + done, self._count * each)
        elif event["event"] == "warning":
            self._session.corridor.tracker.log(event)

    def close(self) -> None:
        """Nothing: the tracker is the run's."""
