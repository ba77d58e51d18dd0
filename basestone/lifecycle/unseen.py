"""The collector of domain shift: each group's test samples, answered by a model that was trained without that group.

The recipe trains the audited model again for every group that is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from basestone.core.errors import UsageError, did_you_mean
from basestone.core.evidence import NotAsked, Records
from basestone.core.seed import derive, numpy_generator
from basestone.lifecycle.collect import Session
from basestone.lifecycle.retraining import Overall, Retraining
from basestone.measures.robustness.shift import NEVER
from basestone.measures.robustness.shift_options import NOT_ASKED, Shift

if TYPE_CHECKING:
    from pathlib import Path

    from basestone.measures.subject import Subject


def unseen(session: Session) -> Mapping[str, Any]:
    """The classes of ``clean_test``'s samples by the audited model, and by one that never saw their group."""
    if (asked := session.section.shift) is None:
        raise NotAsked(NOT_ASKED)
    return Unseen(session, Retraining.of(session, "leaving a group out"), asked).columns()


@dataclass(frozen=True)
class Unseen:
    """One training for each group that is left out."""

    session: Session
    again: Retraining
    asked: Shift

    def columns(self) -> dict[str, Any]:
        """The table ``unseen``: a row a test sample; ``unseen`` is −1 where its group was not left out."""
        answers, left_out = np.full(len(self.groups), NEVER, np.int64), self.left_out()
        for number, group in enumerate(left_out):
            mine = self.groups == group
            answers[mine] = self._answered(number, len(left_out), group, self.tested["index"][mine])
        return {
            "index": self.tested["index"],
            "label": self.tested["label"],
            "column": np.full(len(self.groups), self.asked.column, dtype=object),
            "group": self.groups.astype(object),
            "seen": self._seen(),
            "unseen": answers,
        }

    @cached_property
    def tested(self) -> dict[str, NDArray[Any]]:
        """The table ``clean_test``."""
        return Records(self.session.folder).table("clean_test")

    @cached_property
    def groups(self) -> NDArray[np.str_]:
        """The group of every test sample."""
        return _column(self.session.split("test").groups, self.asked.column)[self.tested["index"]]

    @cached_property
    def trained(self) -> NDArray[np.str_]:
        """The group of every training sample."""
        return _column(self.again.opened(["train"]).groups, self.asked.column)

    def left_out(self) -> list[str]:
        """The groups that there are in training and in test; as many of them as the recipe allows, by its seed."""
        both = np.intersect1d(self.trained, self.groups).tolist()
        draws = numpy_generator(self.session.corridor.recipe.seed, "left out")
        return sorted(draws.permutation(both)[: self.asked.groups].tolist())

    def _seen(self) -> NDArray[np.int64]:
        """The classes by the audited model; of a compressed one, by the trained model that it was made from."""
        if self.session.origin is None:
            return self.tested["prediction"]
        trained = self.session.other_subject(self.session.origin.stage)
        return self._classes(trained, self.tested["index"].copy())

    def _answered(self, number: int, count: int, group: str, index: NDArray[np.int64]) -> NDArray[np.int64]:
        """The classes of the samples at ``index``; the model is trained unless that was done already."""
        return self.again.answers(
            f"without-{number}", lambda folder: self._classes(self._fitted(number, count, group, folder), index)
        )

    def _classes(self, subject: Subject, index: NDArray[np.int64]) -> NDArray[np.int64]:
        return self.session.predicted("test", index, subject=subject)["prediction"]

    def _fitted(self, number: int, count: int, group: str, folder: Path) -> Subject:
        train, where = self.again.opened(["train"]), np.flatnonzero(self.trained != group)
        if len(lost := np.setdiff1d(train.targets, train.targets[where])):
            names = ", ".join(train.spec.class_names[place] for place in lost.tolist())
            raise UsageError(
                f"Without the group '{group}' every class must have training samples, and {names} would have none. "
                "Choose another audit.shift.column."
            )
        return self.again.fitted(
            ["train"],
            where,
            seed=derive(self.session.corridor.recipe.seed, "without", group) >> 11,  # a whole number in JSON too
            folder=folder,
            tracker=Overall(self.session, "steps of models without a group", number, count),
        )


def _column(groups: Mapping[str, NDArray[np.str_]], name: str) -> NDArray[np.str_]:
    if name not in groups:
        hint = did_you_mean(name, groups)
        raise UsageError(f"audit.shift.column must be a column of data.groups; got '{name}'.{hint}")
    return groups[name].astype(str)
