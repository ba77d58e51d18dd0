"""Collect: write down, sample by sample, everything that the clauses in force will be judged by.

One pass over the test set serves every measure that needs clean predictions. Each table is written as soon as it is
complete, so that an interrupted audit goes on where it stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basestone.core.artifact import Manifest, read_json, write_json
from basestone.core.errors import ArtifactError, Stopped
from basestone.core.evidence import NotAsked, write_records
from basestone.lifecycle.origins import canaries_in
from basestone.lifecycle.stage import Corridor
from basestone.recipe.schema import Audit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from basestone.data.dataset import Split
    from basestone.measures.subject import Columns, Subject
    from basestone.standard.profile import StandardInForce


SHOWN = {
    "generated": "language_modelling",
    "sounds": "audio_modelling",
    "spoken": "speech_synthesis",
}  # for readers alone


@dataclass(frozen=True)
class Fact:
    """A record that is not a table: it goes into ``facts.json``."""

    value: Any


def collect(
    corridor: Corridor,
    section: Audit,
    standard: StandardInForce,
    prepared: Manifest,
    subject: Manifest,
    folder: Path,
    origin: Manifest | None = None,
) -> None:
    """Fills ``folder/samples`` and ``folder/facts.json`` with the records that ``standard`` needs.

    ``origin``: the trained model that a compressed subject was made from.
    """
    from basestone.lifecycle.collectors import COLLECTORS

    session = Session(corridor, section, standard, prepared, subject, folder, origin)
    session.record("plan", lambda session: Fact(_forecast(session, standard)))
    shown = {name for name, task in SHOWN.items() if corridor.recipe.task == task}
    shown |= {"rule_set"} if "rules" in standard.records and section.explain else set[str]()
    shown |= {"interchanged"} if section.explain and section.explain.shortcuts else set[str]()
    shown |= {"beside", "beside_sizes"} if section.beside else set[str]()
    for name in (name for name in COLLECTORS if name in {*standard.records, *shown}):
        session.record(name, COLLECTORS[name])


def _forecast(session: Session, standard: StandardInForce) -> dict[str, Any]:
    """What is expected of this audit, written down before it begins, so that the report can hold it to its word."""
    from basestone.lifecycle.forecast import forecast_audit
    from basestone.lifecycle.trainings import training_seconds

    counts, trained_s = session.prepared.facts["counts"], training_seconds(session)
    canaries = canaries_in(session.corridor.recipe, session.prepared.stage)
    test = session.split("test")
    return forecast_audit(session.section, standard, session.subject, test, counts, trained_s, canaries)


@dataclass
class Session:
    """One audit in progress: the model is restored when the first collector asks for it."""

    corridor: Corridor
    section: Audit
    standard: StandardInForce
    prepared: Manifest
    parent: Manifest
    folder: Path
    origin: Manifest | None = None
    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    splits: dict[str, Split] = field(default_factory=dict[str, "Split"])

    def __post_init__(self) -> None:
        """Goes on from what an interrupted audit has already written down."""
        path = self.folder / "facts.json"
        self.facts = read_json(path) if path.exists() else {"timing": {}, "failures": {}}

    def record(self, name: str, collector: Collector) -> None:
        """Runs one collector unless its records are there; a failure is recorded, and never a number.

        What the recipe did not ask for is no failure: ``facts["not_asked"]`` says what to write to have it.
        """
        path = self.folder / "samples" / f"{name}.parquet"
        if path.exists() or name in self.facts:
            return
        started = time.monotonic()
        self.facts["failures"].pop(name, None)
        try:
            outcome = collector(self)
            if isinstance(outcome, Fact):
                self.facts[name] = outcome.value
            else:
                write_records(path, outcome)
        except Stopped:
            raise
        except NotAsked as reason:
            self.facts.setdefault("not_asked", {})[name] = str(reason)
        except Exception as error:  # whatever the reason, the clause is 'not shown' and the audit goes on
            self.facts["failures"][name] = f"{type(error).__name__}: {error}"
        self.facts["timing"][name] = round(time.monotonic() - started, 3)
        write_json(self.folder / "facts.json", self.facts)

    @property
    def parent_folder(self) -> Path:
        """The folder of the stage whose model is audited."""
        return self.corridor.folder.stage(self.parent.stage)

    def progress(self, unit: str) -> Callable[[int, int], None]:
        """Reports to the trackers under the audit's name."""
        return self.corridor.progress(self.folder.name, unit)

    @cached_property
    def subject(self) -> Subject:
        """The audited model, from its files; refused when these are not what training left."""
        changed = self.parent.changed_files(self.parent_folder)
        if changed:
            raise ArtifactError(f"the model's files changed after training: {', '.join(changed)}")
        return self.fresh_subject()

    def fresh_subject(self) -> Subject:
        """A newly restored model that shares nothing with any other."""
        from basestone.lifecycle.restore import restore_subject

        return restore_subject(self.corridor.folder, self.parent.stage, self.section)

    def other_subject(self, stage: str) -> Subject:
        """The model of another stage, in the audit's own arithmetic."""
        from basestone.lifecycle.restore import restore_subject

        return restore_subject(self.corridor.folder, stage, self.section)

    def split(self, name: str) -> Any:
        """One split of the prepared data, as the model reads it, without augmentation."""
        from basestone.data.dataset import open_split
        from basestone.lifecycle.restore import read_as

        if name not in self.splits:
            prepared = self.corridor.folder.stage(self.prepared.stage)
            reads = read_as(read_json(self.parent_folder / "model.json"))
            self.splits[name] = open_split(prepared, self.corridor.cache, name, view=reads)
        return self.splits[name]

    def predicted(
        self,
        name: str,
        index: NDArray[np.int64],
        *,
        subject: Subject | None = None,
        unit: str | None = None,
        grouped: bool = False,
    ) -> Columns:
        """What a model, None: the audited one, says of the samples of split ``name`` at ``index``.

        As ``clean_test`` has it. ``grouped``: with their groups; ``unit``: what progress counts, None: it is not told.
        """
        from basestone.measures.subject import collect_clean

        split = self.split(name)
        return collect_clean(
            subject or self.subject,
            split.raw,
            split.targets,
            index,
            groups=split.groups if grouped else None,
            batch_size=self.section.batch_size,
            progress=self.progress(unit) if unit else None,
        )

    def positions(self, count: int, limit: int | None, purpose: str) -> NDArray[np.int64]:
        """0 … count−1, or ``limit`` of them drawn by the recipe's seed, in ascending order."""
        from basestone.data.split import draw

        return draw(count, limit, self.corridor.recipe.seed, purpose)

    def one_sample(self) -> Tensor:
        """The first test sample, as a batch of one."""
        return self.split("test").raw([0])


Collector = Callable[[Session], Mapping[str, Any] | Fact]
