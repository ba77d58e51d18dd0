"""Audit: run the model once over what the clauses ask for, keep a record of every sample, judge.

What a collector could not record is written down with its reason, and the clauses that needed it are not shown.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from basestone.core.artifact import MANIFEST, Manifest, read_json
from basestone.core.evidence import Records
from basestone.core.run import RunFolder
from basestone.lifecycle.assess import assess
from basestone.lifecycle.check import standard_in_force
from basestone.lifecycle.collect import collect
from basestone.lifecycle.origins import model_of, prepared_for
from basestone.lifecycle.reviewed import take_up
from basestone.lifecycle.safety import consulted
from basestone.lifecycle.stage import Corridor, perform
from basestone.recipe.schema import Audit


def audit(corridor: Corridor, stage: str, section: Audit, made: dict[str, Manifest]) -> Manifest:
    """Makes ``stages/<stage>``: ``samples/*.parquet``, ``facts.json``, ``measurements.json``, ``verdicts.json``."""
    prepared = made[prepared_for(corridor.recipe, stage)]
    subject = made[model_of(corridor.recipe, stage, section.subject)]
    standard, root = standard_in_force(corridor.recipe, stage), origin(made, subject)
    _retry_failures(corridor.folder, stage)
    take_up(corridor.folder, stage)

    def work(folder: Path) -> dict[str, Any]:
        from basestone.measures.economy import economy

        collect(corridor, section, standard, prepared, subject, folder, root)
        verdicts = assess(folder, standard, subject)
        failures = sorted(read_json(folder / "facts.json")["failures"])
        return {
            "outcome": verdicts["outcome"],
            "subject": subject.stage,
            "standard": standard.to_json(),
            "failures": failures,
            "passes": economy(Records(folder)),
        }

    return perform(
        corridor,
        stage,
        section.kind,
        depends={
            "section": section.model_dump(mode="json"),
            "standard": standard.to_json() | {"judged_on": None},  # the day alone changes nothing
            "changed": subject.changed_files(corridor.folder.stage(subject.stage)),
            **consulted(section, made),
        },
        parents={manifest.stage: manifest for manifest in (prepared, subject, root or subject)},
        work=work,
    )


def origin(made: dict[str, Manifest], subject: Manifest) -> Manifest | None:
    """The trained model that ``subject`` was made from, however many compressions ago; None: it is one itself."""
    found = subject
    while found.kind == "compress":
        found = made[found.facts["parent"]]
    return None if found is subject else found


def _retry_failures(run: RunFolder, stage: str) -> None:
    """An audit with records that could not be made is taken up again: what failed once may work now."""
    finished = run.manifest(stage)
    if finished is not None and finished.facts["failures"]:
        (run.stage(stage) / MANIFEST).unlink()
