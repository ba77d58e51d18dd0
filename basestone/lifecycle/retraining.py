"""Retraining: the audited model's own training once more, on other samples of the same data.

Shadow models and models that never saw a group are trained here, by the recipe itself and in the only training loop.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basestone.core.contracts import view_of
from basestone.core.evidence import read_records, write_records
from basestone.lifecycle.collect import Session
from basestone.lifecycle.restore import as_subject
from basestone.lifecycle.trainings import Begun, Training, chain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from basestone.core.contracts import Tracker
    from basestone.data.chosen import Positions
    from basestone.measures.subject import Subject

SELDOM = 500  # steps between checkpoints: most retrainings are shorter, and a finished one leaves its answers


@dataclass(frozen=True)
class Retraining:
    """How the audited model was trained on its data, as often as it is wanted."""

    session: Session
    trainings: list[Training]
    sources: dict[tuple[str, ...], Any] = field(default_factory=dict[tuple[str, ...], Any])

    @classmethod
    def of(cls, session: Session, who: str) -> Retraining:
        """RecordsMissing where its training cannot be repeated; ``who`` begins the sentence that says so."""
        return cls(session, chain(session, who))

    @property
    def num_train(self) -> int:
        """The training samples of the audited model."""
        return self.session.prepared.facts["counts"]["train"]

    def opened(self, splits: Sequence[str], training: Training | None = None) -> Any:
        """Some splits as one, as a training reads and augments them; None: the last one."""
        from basestone.data.dataset import open_splits
        from basestone.data.transforms import TRANSFORMS

        training = training or self.trainings[-1]
        if (key := (training.stage, *splits)) not in self.sources:
            data = self.session.corridor.folder.stage(self.session.prepared.stage)
            augment = [TRANSFORMS.build(transform) for transform in training.section.augment]
            view = view_of(training.objective)
            self.sources[key] = open_splits(data, self.session.corridor.cache, splits, augment=augment, view=view)
        return self.sources[key]

    def fitted(self, splits: Sequence[str], where: Positions, *, seed: int, folder: Path, tracker: Tracker) -> Subject:
        """A model of its own, trained as the audited one was, on the samples of ``splits`` at ``where``.

        As many rounds of them. Several trainings follow one another, each from what the one before it left.
        """
        from basestone.models.model import save_weights

        *before, last = self.trainings
        start: Path | None = None
        for training in before:
            begun = training.begin(self.opened(splits, training), where, seed=seed, start=start)
            self._fit(training, begun, len(where), seed, folder / "checkpoints" / training.stage, tracker)
            start = folder / "checkpoints" / f"{training.stage}.safetensors"
            save_weights(begun.model, start)
        begun = last.begin(self.opened(splits), where, seed=seed, start=start)
        self._fit(last, begun, len(where), seed, folder, tracker)
        return as_subject(begun.model.eval(), last.spec, self.session.section)

    def _fit(self, training: Training, begun: Begun, count: int, seed: int, folder: Path, tracker: Tracker) -> None:
        from basestone.training.loop import fit
        from basestone.training.order import shortened

        options = training.fit.model_copy(update={"early_stop": None, "checkpoint_every": SELDOM})
        if options.max_steps is not None:
            options = shortened(options, count / self.num_train, count)
        fit(
            begun.trained,
            begun.train,
            None,
            begun.objective,
            options,
            seed=seed,
            folder=folder,
            tracker=tracker,
            stage=self.session.folder.name,
            identity=f"{self.session.parent.digest}-{training.stage}-{folder.name}",
            hook=begun.hook,
        )
        if begun.finish is not None:
            begun.finish()

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
